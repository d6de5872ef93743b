"""What can go wrong, classed by what must happen next.

BridgeError
├── SetupError     the operator must mend something before the first record: exit 2
├── PoisonRecord   this record can never be delivered: dead letter, carry on
├── Unavailable    a neighbour does not answer now: wait, the same record again
└── Halted         a person must act before anything goes on
"""


class BridgeError(Exception):
    """The root of everything the bridge raises on purpose."""


class SetupError(BridgeError):
    """A setting, mapping, key or right is wrong; the message says where it stands and the cure."""


class PoisonRecord(BridgeError):
    """A record that can never be delivered as it is; it goes to the dead-letter topic.

    `stage` is one of the verbs of the path (`decode`, `map`, `build`, `send`), `reason` a stable
    word in snake_case, `path` the field concerned, `byte_offset` where in the value decoding
    stopped. The message holds no payload value.
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
    """A neighbour (Kafka, registry, FullStory) does not answer now; the same is tried again."""


class Halted(BridgeError):
    """Going on by itself would do harm; a person must decide."""
