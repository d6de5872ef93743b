"""A paragraph for every code of the settings, for who asks what `S012` means.

Invariants: written for who runs the bridge; what it means, why it matters, what to do.
"""

from collections.abc import Mapping
from typing import Final

SETTINGS: Final[Mapping[str, str]] = {
    "S001": (
        "The settings have no key of this name. It is not ignored, because a misspelt setting "
        "would quietly keep its default. `fullstory-bridge config` lists all that there are; "
        "`schema settings` prints the schema for your editor."
    ),
    "S002": (
        "This setting has no default. Needed are `kafka.bootstrap.servers`, `kafka.group.id`, "
        "`mappings`, a FullStory key (FULLSTORY_API_KEY will do), and a registry or a schema."
    ),
    "S003": (
        "The setting takes another type of value. In the file, quotes make text of a number; in "
        "an environment variable a number or a switch is read from the text."
    ),
    "S004": (
        "The value is of the right type and not one of those that are allowed; the message says "
        "which are."
    ),
    "S005": (
        "The settings file is not there, is a directory, may not be read, or is not UTF-8 text. "
        "`--config` names it; without it, `bridge.yaml` in the working directory is used when it "
        "exists, and the environment alone when it does not."
    ),
    "S006": (
        "The file refers to `${NAME}`, and neither the variable NAME nor NAME_FILE is set. Set "
        "one of them, or write a default: `${NAME:-value}`. References belong in the settings "
        "file only, never in mapping files."
    ),
    "S007": (
        "A variable and the variable of the same name with `_FILE` both say what the value is. "
        "Only one of them can count, and the bridge does not guess; unset the other."
    ),
    "S008": (
        "`${` begins a reference: `${NAME}`, `${NAME:-default}` or `${NAME:?message}`. A dollar "
        "sign itself is written `$$`."
    ),
    "S009": (
        "A variable that ends in `_FILE` names a file that holds the value, as Kubernetes and "
        "Docker mount secrets. The file is not there, may not be read, is not text, or is far too "
        "large for a secret."
    ),
    "S010": (
        "Every variable that begins with BRIDGE_ is a setting; this one belongs to none, so it is "
        "probably misspelt. `fullstory-bridge config --env` lists them all."
    ),
    "S011": (
        "What stands under `kafka` is passed to librdkafka unchanged, and librdkafka would refuse "
        "this key. Keys of the Java client have other names here: PEM files in place of key "
        "stores, `sasl.username` and `sasl.password` in place of `sasl.jaas.config`."
    ),
    "S012": (
        "The bridge delivers each record at least once, and for that it decides alone when an "
        "offset is committed and where reading begins. A setting against that would lose or "
        "repeat events. Remove it; `start` and `out_of_range` are the settings for where reading "
        "begins."
    ),
    "S013": (
        "A pattern under `mappings` matches no file. Patterns are relative to the settings file; "
        "`*` does not go through directories, `**` does."
    ),
    "S014": (
        "A setting names a file that is not there. Relative paths begin at the settings file, "
        "except those under `kafka`, which librdkafka reads from the working directory."
    ),
    "S015": (
        "An address is `https://host:port`, without user, password, `?` or `#`. Credentials have "
        "keys of their own, so that no address in a log holds one."
    ),
    "S016": (
        "Over plain http to another machine, anybody on the way could read the FullStory key and "
        "every event. Use https; `fullstory.allow_http: true` is for a proxy that you trust."
    ),
    "S018": (
        "A key travels in a header, so it has no blanks and no line breaks and is ASCII only; a "
        "user and a password are written `user:password`. Often a secret file holds more than the "
        "secret."
    ),
    "S019": (
        "Framed records name their schema by a number that only a Schema Registry can tell: set "
        "`avro.registry.url`. Records without framing need `wire_format: raw` and a `schema` file "
        "for each topic, under `avro.topics`; so do those in Avro's single-object encoding "
        "(`wire_format: single_object`), one file for each schema that wrote any of them."
    ),
    "S020": (
        "These credentials do not go together: a request carries a user and password or a token, "
        "not both, and a client's key is of no use without its certificate."
    ),
    "S021": "Kafka's topics have names of 1 to 249 letters, digits, dots, `_` and `-`.",
    "S022": (
        "`topic_names` gives each topic of Kafka one name for the mapping files; two names for "
        "one topic would send its records through the mappings twice."
    ),
    "S023": (
        "FullStory's API v1 answers 404 for a user that was never identified in a session, so the "
        "event can be skipped or become a dead letter. API v2 creates such users, and takes every "
        "event: a wrong uid in a mapping fills the account with users who do not exist. So v2 "
        "wants `unknown_user: create` to be said, and v1 refuses it."
    ),
}
