"""What can go wrong, grouped by what happens next.

BridgeError
├── SetupError     the operator must fix something before the first record: exit 2
├── PoisonRecord   this record can never be delivered: dead letter, continue
├── Unavailable    a dependency does not answer now: retry the same record
└── Halted         a person must act before the bridge continues
"""


class BridgeError(Exception):
    """The base class of all errors that the bridge raises on purpose."""


class SetupError(BridgeError):
    """A setting, mapping, key or permission is wrong; the message names its place and the fix."""


class PoisonRecord(BridgeError):
    """A record that can never be delivered as it is; it goes to the dead-letter topic.

    `stage` is one of the verbs of the path (`decode`, `map`, `build`, `send`). `reason` is a stable
    word in snake_case, `path` the field concerned, and `byte_offset` the offset in the value where
    decoding stopped. The message holds no payload value.
    """

    def __init__(
        self,
        message: str,
        *,
        stage: str,
        reason: str,
        path: str | None = None,
        byte_offset: int | None = None,
    ) -> None:
        super().__init__(message)
        self.stage = stage
        self.reason = reason
        self.path = path
        self.byte_offset = byte_offset


class Unavailable(BridgeError):
    """A dependency (Kafka, registry, FullStory) does not answer now; the caller retries."""


class Halted(BridgeError):
    """Continuing automatically would do harm; a person must decide."""
