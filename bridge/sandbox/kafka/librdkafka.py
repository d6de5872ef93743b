"""Bindings to the mock-cluster functions in confluent_kafka's own librdkafka.

Invariants: uses the library that `confluent_kafka` has loaded, never a second copy. Every function
has its C types bound; otherwise ctypes would truncate pointers to 32 bits. The header is
librdkafka's `src/rdkafka_mock.h`. It calls the interface experimental, so functions are checked.
"""

import ctypes
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import confluent_kafka

from bridge.errors import SetupError

PRODUCER = 0
"""`rd_kafka_type_t`: a handle needs a type, although the mock does not use it."""

_POINTER = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_INT = ctypes.c_int
_INT16 = ctypes.c_int16
_INT32 = ctypes.c_int32
_INT64 = ctypes.c_int64
_SIZE = ctypes.c_size_t

_SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "rd_kafka_conf_new": (_POINTER, []),
    "rd_kafka_conf_set": (_INT, [_POINTER, _TEXT, _TEXT, _TEXT, _SIZE]),
    "rd_kafka_conf_destroy": (None, [_POINTER]),
    "rd_kafka_new": (_POINTER, [_INT, _POINTER, _TEXT, _SIZE]),
    "rd_kafka_destroy": (None, [_POINTER]),
    "rd_kafka_err2str": (_TEXT, [_INT]),
    "rd_kafka_mock_cluster_new": (_POINTER, [_POINTER, _INT]),
    "rd_kafka_mock_cluster_destroy": (None, [_POINTER]),
    "rd_kafka_mock_cluster_bootstraps": (_TEXT, [_POINTER]),
    "rd_kafka_mock_topic_create": (_INT, [_POINTER, _TEXT, _INT, _INT]),
    "rd_kafka_mock_topic_set_error": (None, [_POINTER, _TEXT, _INT]),
    "rd_kafka_mock_broker_set_down": (_INT, [_POINTER, _INT32]),
    "rd_kafka_mock_broker_set_up": (_INT, [_POINTER, _INT32]),
    "rd_kafka_mock_broker_set_rtt": (_INT, [_POINTER, _INT32, _INT]),
    "rd_kafka_mock_push_request_errors_array": (
        None,
        [_POINTER, _INT16, _SIZE, ctypes.POINTER(_INT)],
    ),
    "rd_kafka_mock_clear_request_errors": (None, [_POINTER, _INT16]),
}
_OPTIONAL: dict[str, tuple[object, list[object]]] = {
    "rd_kafka_mock_group_initial_rebalance_delay_ms": (None, [_POINTER, _INT32]),
    "rd_kafka_mock_partition_delete_records": (_INT, [_POINTER, _TEXT, _INT32, _INT64]),
}


@cache
def library() -> ctypes.CDLL:
    """The loaded library with all function types bound.

    Raises:
        SetupError: if there is no library, or it has no mock cluster.
    """
    lib = ctypes.CDLL(str(_library_file(Path(confluent_kafka.__file__).parent)))
    for name, signature in _SIGNATURES.items():
        if not _bind(lib, name, signature):
            raise SetupError(
                f"this librdkafka ({confluent_kafka.libversion()[0]}) has no {name}: the sandbox "
                "needs the mock cluster of the confluent-kafka wheel from PyPI"
            )
    for name, signature in _OPTIONAL.items():
        _bind(lib, name, signature)
    return lib


def _bind(lib: ctypes.CDLL, name: str, signature: tuple[object, list[object]]) -> bool:
    function = getattr(lib, name, None)
    if function is None:
        return False
    function.restype, function.argtypes = signature
    return True


def _library_file(package: Path) -> Path:
    """The library's path in the wheel: next to the package on Linux, inside it on macOS."""
    for found in _candidates(package):
        return found
    raise SetupError(
        f"no librdkafka found next to {package}: the sandbox needs the confluent-kafka wheel "
        "from PyPI (a build against the system's librdkafka does not include the library)"
    )


def _candidates(package: Path) -> Iterator[Path]:
    for folder in (package.parent / "confluent_kafka.libs", package / ".dylibs"):
        yield from sorted(folder.glob("librdkafka[-.]*"))
