"""Headers that identify the schema of a value, so that the value has no prefix.

Invariants: a value whose header was written by a serializer that the bridge does not read is a
poison record, whatever its first bytes are. A body that begins with zero bytes would otherwise be
read with the schema of another id, and what it decodes to would be sent.
"""

import re
from typing import Final

from bridge.errors import PoisonRecord
from bridge.records import Headers

SCHEMA_ID_HEADER: Final = "__value_schema_id"
"""The header for a value's schema id in Confluent's clients, since 2.10.1."""

_APICURIO = "Apicurio's serializer"
_OTHERS: Final = {
    "apicurio.value.globalId": (_APICURIO, re.compile(b"")),
    "apicurio.value.contentId": (_APICURIO, re.compile(b"")),
    "apicurio.value.contentHash": (_APICURIO, re.compile(b"")),
    "content-type": ("the serializer of Azure's schema registry", re.compile(rb"avro/binary\+")),
    "contentType": (
        "the converter of Spring Cloud Stream",
        re.compile(rb'"?application/[^;]+\.v\d+\+avro'),
    ),
}
"""Headers of other serializers: who writes them, and how their content begins in that case.

Apicurio's are written with `apicurio.registry.headers.enabled` (seen with its serializer 3.1.2).
Azure's and Spring's content types are written for other formats too. Spring's is
`application/PREFIX.SUBJECT.vVERSION+avro`, whose prefix is a setting; the default is `vnd`.
"""

_NAMES: Final = frozenset({SCHEMA_ID_HEADER, *_OTHERS})


def schema_header(headers: Headers) -> tuple[str, bytes] | None:
    """The first header that identifies the schema of the value; None if there is none."""
    for name, content in headers:
        if name in _NAMES and content is not None and _identifies_schema(name, content):
            return name, content
    return None


def refuse_other(name: str) -> None:
    """Refuse a header that is not Confluent's; raises PoisonRecord."""
    if name == SCHEMA_ID_HEADER:
        return
    raise PoisonRecord(
        f"the header {name} shows that {_OTHERS[name][0]} wrote the value, which has no prefix"
        " then. The bridge does not read this header. If one schema wrote all records, set the"
        " topic's `wire_format: raw` and its `schema` file under `avro.topics`; otherwise let the"
        " producers write Confluent's framing",
        stage="decode",
        reason="other_schema_header",
    )


def _identifies_schema(name: str, content: bytes) -> bool:
    return name == SCHEMA_ID_HEADER or _OTHERS[name][1].match(content) is not None
