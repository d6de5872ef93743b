"""A paragraph for every code of the mapping room, for who asks what `M012` means.

Invariants: written for the author of a mapping file; what it means, why it matters, what to do.
`explanations.py` puts all of them together.
"""

from collections.abc import Mapping
from typing import Final

MAPPING: Final[Mapping[str, str]] = {
    "M001": (
        "The name of a mapping stands in logs, metrics, dead letters and in `mappings_off`, so it "
        "is made of what all of these can carry: small letters, digits and dashes, beginning with "
        "a letter or digit, as `payment-failed`."
    ),
    "M002": (
        "A name identifies one mapping over all files: it is the kill switch in `mappings_off` "
        "and the label of every count. The second one is told, with the place of the first; "
        "rename one of them."
    ),
    "M003": (
        "A path names a place in the record: `a.b` is a field of a field, `items[0].sku` of the "
        'first item, `items[*].sku` of every item, `meta["x.y"]` the key of a map that is no '
        "plain word. The record's own data begins with a dollar sign: $key, $topic, $partition, "
        "$offset, $timestamp, $headers.NAME, $record."
    ),
    "M004": (
        "A value comes from one place: `path`, `const`, `template` or `first_of` for a property, "
        "`path` or `first_of` for a user. With two of them nobody could tell which counts; with "
        'none there is nothing to send. For "this, else that" write `first_of: [this, that]`.'
    ),
    "M005": (
        "Some converters exclude each other, because one leaves nothing for the other to do: "
        "`count` makes a number of a list, so there is nothing left to select or scale; `redact` "
        "and `hash` both replace the value. `else` belongs to `values`, and a `const` is sent as "
        "it is written."
    ),
    "M006": (
        "A property's name begins with a letter and goes on with letters, digits and `_`; with "
        "the suffix that FullStory's API wants it has at most 512 characters. FullStory refuses "
        "any other, and the whole event with it."
    ),
    "M007": (
        "FullStory tells the type of a property by a suffix of its name (`_str`, `_int`, `_real`, "
        "`_bool`, `_date` and their plurals), which the bridge writes by itself from the type in "
        "the schema. A name that ends in one already would get two; write it without, and use "
        "`type:` where the schema's type is not the one that is wanted."
    ),
    "M008": (
        "FullStory's searches do not tell names apart by case alone, so `orderId` and `orderid` "
        "in one event would be one property with two values. Rename one of them."
    ),
    "M009": (
        "FullStory takes event names of 1 to 250 characters and refuses the event otherwise. A "
        "template is judged by the longest name that it can make."
    ),
    "M010": (
        "A filter is an object of paths and what their values must be: a literal, one of the "
        "operators (`exists`, `prefix`, `suffix`, `anything_but`, `equals_ignore_case`), "
        "comparisons (`above`, `at_least`, `below`, `at_most`, which may stand together), or a "
        "list of these, of which one is enough. `any` and `all` take a list of filters, `not` "
        "takes one. Null is not a value to compare with: write `{exists: false}`."
    ),
    "M011": (
        "As it is written, the filter lets no record pass, whatever the schema is: an empty list, "
        "or bounds with nothing between them. The mapping would never send anything, and nobody "
        "would be told."
    ),
    "M012": (
        "A value that can be missing says what happens then: `default` sends something in its "
        "place, `optional: true` leaves the property out. Both together contradict each other, "
        "and a default of null says nothing."
    ),
    "M013": (
        "An event attaches to a session in one way: `recent`, `none`, or a session that the "
        "record names. `{url:}` and `{device:}` exist in FullStory's API v1, `{id:}` in v2; "
        "`fullstory.api` in the settings says which is used."
    ),
    "M014": (
        "Names and paths such as card numbers, passwords and social security numbers may not "
        "leave in clear: there is a built-in list, `privacy.never_send` in the settings adds to "
        "it, and so does `defaults.never_send` of the file. `hash` or `redact` makes the value "
        "unreadable and is allowed; no file can take a name off the list."
    ),
    "M015": (
        "`hmac-sha256` is a digest with a secret key, so that nobody without the key can try out "
        "values until one fits. The key is `privacy.hash_key` in the settings; it is looked for "
        "when the bridge starts, not when the first record comes. A mapping file that is checked "
        "without settings gets a made-up key."
    ),
    "M016": (
        "There are few e-mail addresses and phone numbers compared with what a computer can hash "
        "in an hour, so a plain `sha256` of one can be guessed by trying. `hash: hmac-sha256` "
        "needs the key as well, and cannot."
    ),
    "M017": (
        "Topics have names of 1 to 249 letters, digits, dots, `_` and `-`. A mapping names at "
        "least one, as the mapping files call it: `topic_names` in the settings may translate it "
        "for each environment. For many topics with one rule write `topics: {pattern: "
        '"^shop\\\\.orders\\\\."}`.'
    ),
    "M018": (
        "Topics by pattern are found with RE2, which reads a name once whatever the pattern is; so "
        "it has no look-ahead and no back-references. In YAML write the pattern in single quotes, "
        "or bare: in double quotes a backslash must be doubled."
    ),
    "M019": (
        "`sample: {keep: 0.1, by: uid}` keeps a tenth of the users: always the same ones, so that "
        "a user's story is whole or absent. The share is above 0 and at most 1; to send nothing "
        "use `mode: shadow` or `mode: off`."
    ),
    "M020": (
        "A template is text with paths in braces, `Order {status}`; a brace itself is written "
        "twice. In an event's name the paths must lead to enums, because FullStory counts "
        "distinct event names, and free text would make a new one for every record."
    ),
    "M021": (
        "A time needs a form that says what its text or number means: `format: iso8601`, `unix`, "
        "`unix_ms`, `unix_us` or `unix_ns`, and a `zone` as `Europe/Berlin` where the time has no "
        "offset. Types with a logical type of Avro's need neither."
    ),
    "M022": (
        "A property has one type, so all results of `values`, its `else` and the values of a "
        "`first_of` must be of one: all text, or all numbers, or all true or false."
    ),
    "M023": (
        "A `const` is text, a number, true or false, sent with every event as it is written. "
        "Null, lists and numbers that are not finite cannot be sent."
    ),
    "M024": (
        "The grammar has a fixed set of keys, and one that it does not know is most often a "
        "misspelt one: ignoring it would mean that the mapping does something else than it says. "
        "`fullstory-bridge schema mapping` prints the whole grammar for your editor, which then "
        "completes the keys."
    ),
    "M025": (
        "This key must be there: every file has `format: 1` and `mappings`, every mapping a "
        "`name`, `topics`, a `uid` and an `event`. Nothing is assumed about whose event it is or "
        "what it is called."
    ),
    "M026": (
        "Each key takes one kind of value: text, a number, true or false, a list, or an object. "
        'YAML reads `5` as a number and `"5"` as text, and `yes` as text; quotes decide.'
    ),
    "M027": (
        "The value is of the right kind, and not one of those that are allowed here; the message "
        "lists them."
    ),
    "M028": (
        "A pattern matches anywhere in a name unless it says where the name begins: `orders` takes "
        "`orders`, `old-orders` and `orders.retry` too. Begin it with `^`, and end it with `$` "
        "where nothing may follow. It is a warning, because it may be meant."
    ),
    "M030": (
        "The path names a field that the schema does not have, in at least one of the schemas "
        "that were looked at. Left as it is, the property would be missing from every event. The "
        "nearest name is suggested; a field that only newer versions have needs the older ones to "
        "be gone from the registry."
    ),
    "M031": (
        "The path goes on below a value that has nothing below it: a number has no fields, and a "
        "list has items. Name one item with `[0]`, or all of them with `[*]`."
    ),
    "M032": (
        "By the schema this value can be missing: its union has null, it is a key of a map, an "
        "item of a list, a header, the record's key, or a value that no table lists. Say what "
        "happens then: `optional: true` leaves the property out (a user: skips the record), "
        "`default:` sends something else. A filter with `{exists: true}` on the same path settles "
        "it too."
    ),
    "M033": (
        "A value of this type cannot be sent as it is: a record, a list of records, bytes, a time "
        "of day, a duration, or something that is always null. Go deeper with the path, or say "
        "how: `count` sends how many items there are, `type: str` sends text, `hash` sends a "
        "digest."
    ),
    "M034": (
        "A filter compares values of one type: numbers with numbers, text with text, times with "
        'times written in full. `5` never equals `"5"`, so this comparison could never hold; '
        "quote the literal, or take the quotes away."
    ),
    "M035": (
        "The schema lists all the values that this enum can have, and this is none of them, at "
        "least in one version of it. The nearest symbol is suggested."
    ),
    "M036": (
        "With this schema the condition cannot hold for any record, so the mapping would never "
        "send anything."
    ),
    "M037": (
        "With this schema the condition holds for every record, so it says nothing; it may be a "
        "leftover, or a mistake for another value."
    ),
    "M038": (
        "By the schema the value can be of several types that cannot be told apart, or that would "
        "be sent as different types. FullStory wants one type for one property: use `type:`, go "
        "to one branch of the union, or give the field one type in the schema."
    ),
    "M039": (
        "`type:`, `scale`, `case` and the other converters work on the types for which they make "
        "sense: there is no number in a boolean and no capital in a date. The message says what "
        "the value is at this point; converters apply in a fixed order, whatever their order in "
        "the file."
    ),
    "M040": (
        "A default is sent as it is written, in place of the value, so it must be of the type in "
        "which the value would be sent: after all converters, not before."
    ),
    "M041": (
        "A bare number or a time without offset can mean several moments. `format: unix_ms` (or "
        "`unix`, `unix_us`, `unix_ns`) says what a number counts, `zone: Europe/Berlin` on whose "
        "clocks a local time was read."
    ),
    "M042": (
        "A user's id is text or a whole number (an enum or a uuid will do). Records, lists, "
        "decimals and times are no ids; find the field that holds what your web site gives to "
        "FullStory's `identify`."
    ),
    "M043": (
        "For FullStory a property with another type is another property, so half of the events "
        "would be missing from every search. One event name and one property have one type, over "
        "all mappings and all versions of all schemas. `type:` makes both the same; or give one "
        "of them another name."
    ),
    "M044": (
        "`$record` is the full name of the record type, for topics that carry several. Here the "
        "schema's top is no record, or its records cannot be told apart; tell them apart by a "
        "field."
    ),
    "M045": (
        "`user_initiated` and `integration` are fields of FullStory's API v1. API v2 has no place "
        "for them, and would refuse the event; `fullstory.api` in the settings says which is used."
    ),
    "M046": (
        "What the bridge cannot deliver goes to this topic, unchanged. A mapping that read it "
        "would make dead letters of dead letters, for ever. Once the cause is mended, "
        "`fullstory-bridge dead-letters replay` sends them again."
    ),
}
