"""The section `avro`: schema sources and record framing."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator

from bridge.documents.validation_messages import Mistake, refuse
from bridge.settings.codes import SettingsCode
from bridge.settings.sections.section import Section
from bridge.settings.sections.value_types import (
    Files,
    Number,
    OptionalFile,
    OptionalProxy,
    OptionalSecret,
    Urls,
)


def _user_info(value: SecretStr | None) -> SecretStr | None:
    if value is not None and ":" not in value.get_secret_value():
        raise refuse(Mistake(SettingsCode.SECRET_FORM, "expected `user:password`; there is no `:`"))
    return value


class RegistrySettings(Section):
    """How to reach the Schema Registry; uses Confluent's configuration keys."""

    url: Annotated[Urls, Field(min_length=1)] = Field(
        description="The URL of the Schema Registry, or a list. If one does not answer, the next "
        "is asked."
    )
    basic_auth: Annotated[OptionalSecret, AfterValidator(_user_info)] = Field(
        default=None,
        alias="basic.auth.user.info",
        description="`user:password` for HTTP basic auth.",
    )
    bearer_token: OptionalSecret = Field(
        default=None, alias="bearer.auth.token", description="The token for HTTP bearer auth."
    )
    ca: OptionalFile = Field(
        default=None,
        alias="ssl.ca.location",
        description="The PEM file with the certificate authorities to trust.",
    )
    certificate: OptionalFile = Field(
        default=None,
        alias="ssl.certificate.location",
        description="The PEM file with the client certificate.",
    )
    certificate_key: OptionalFile = Field(
        default=None,
        alias="ssl.key.location",
        description="The PEM file with the key of the client certificate.",
    )
    certificate_key_password: OptionalSecret = Field(
        default=None,
        alias="ssl.key.password",
        description="The password of the key, if it is encrypted.",
    )
    proxy: OptionalProxy = Field(
        default=None,
        description="The URL of an HTTP proxy for the registry, whatever its address. Without it, "
        "`HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` apply.",
    )
    timeout_s: Number = Field(
        default=5,
        gt=0,
        le=300,
        description="The time limit of a request to the registry, in seconds.",
    )

    @model_validator(mode="after")
    def _credentials_fit(self) -> Self:
        mistakes = []
        if self.basic_auth is not None and self.bearer_token is not None:
            message = "`basic.auth.user.info` and `bearer.auth.token` cannot be used together"
            path = ("bearer.auth.token",)
            mistakes.append(
                Mistake(SettingsCode.TWO_CREDENTIALS, message, path, key=True, fix="remove one")
            )
        if self.certificate is None and (self.certificate_key or self.certificate_key_password):
            key = "ssl.key.location" if self.certificate_key else "ssl.key.password"
            message = "a private key without its certificate"
            fix = "add `ssl.certificate.location`"
            mistakes.append(
                Mistake(SettingsCode.TWO_CREDENTIALS, message, (key,), key=True, fix=fix)
            )
        if mistakes:
            raise refuse(*mistakes)
        return self


class TopicCodec(Section):
    """How the records of one topic are encoded, if not by the default."""

    wire_format: Literal["confluent", "raw", "single_object"] = Field(
        default="confluent",
        description="`confluent`: a schema id, then Avro. `raw`: Avro alone. `single_object`: a "
        "schema fingerprint, then Avro.",
    )
    schema_files: Files = Field(
        default=(),
        alias="schema",
        description="The .avsc file of `raw` records. For `single_object`: one file or a list, the "
        "newest last. For `confluent`, only `test`, `explain` and `fields` use it; `run` needs a "
        "registry.",
    )

    @property
    def is_local(self) -> bool:
        """Whether the topic's schemas are files; otherwise they are in the registry."""
        return self.wire_format != "confluent"

    @model_validator(mode="after")
    def _local_has_schemas(self) -> Self:
        if self.is_local and not self.schema_files:
            message = "raw records have no schema id"
            if self.wire_format == "single_object":
                message = "a registry cannot look up a fingerprint"
            message += ", so `schema` is required"
            fix = "add `schema: path/to/file.avsc`"
            raise refuse(
                Mistake(SettingsCode.NO_SCHEMAS, message, ("wire_format",), key=True, fix=fix)
            )
        if len(self.schema_files) > 1 and self.wire_format != "single_object":
            message = "several schemas are possible only with `wire_format: single_object`"
            raise refuse(
                Mistake(SettingsCode.WRONG_VALUE, message, ("schema",), fix="name one file")
            )
        return self


_IN_CONTEXT = re.compile(r":\.[^:]*:.+")
"""A subject in a context of the registry, such as `:.eu:payments-value`."""


def _subject(template: str) -> str:
    if re.search(r"[{}]", template.replace("{topic}", "")) is not None:
        message = "`{topic}` is the only placeholder allowed in braces"
        raise refuse(Mistake(SettingsCode.WRONG_VALUE, message))
    if template.startswith(":") and _IN_CONTEXT.fullmatch(template) is None:
        message = "`:` begins the name of a context, which is not complete"
        fix = "write `:.NAME:{topic}-value`"
        raise refuse(Mistake(SettingsCode.WRONG_VALUE, message, fix=fix))
    return template


class AvroSettings(Section):
    """Schema sources and record framing."""

    registry: RegistrySettings | None = Field(default=None, description="The Schema Registry.")
    subject: Annotated[str, AfterValidator(_subject)] = Field(
        default="{topic}-value",
        min_length=1,
        description="The subject of a topic in the registry. `{topic}` is the name of the topic in "
        "Kafka. `:.NAME:` before it names a context; schema ids are then looked up in it.",
    )
    topics: dict[str, TopicCodec] = Field(
        default_factory=dict,
        description="Topics with another wire format or schema than the default.",
    )

    def subject_of(self, topic: str) -> str:
        """The subject of a topic (by Kafka name)."""
        return self.subject.replace("{topic}", topic)

    @model_validator(mode="after")
    def _schemas_can_be_found(self) -> Self:
        if self.registry is not None:
            return self
        fix = "set `avro.registry.url`, or `wire_format: raw` and `schema` under `avro.topics`"
        framed = [name for name, codec in self.topics.items() if codec.wire_format == "confluent"]
        message = "framed records have a schema id that only a registry can resolve"
        mistakes = [
            Mistake(SettingsCode.NO_SCHEMAS, message, ("topics", name), key=True, fix=fix)
            for name in framed
        ]
        if not self.topics:
            message = "there is neither a registry nor a topic with its own schema"
            mistakes.append(
                Mistake(SettingsCode.NO_SCHEMAS, message, ("registry",), key=True, fix=fix)
            )
        if mistakes:
            raise refuse(*mistakes)
        return self
