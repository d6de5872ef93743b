"""A local Kafka: librdkafka's mock cluster, in this process, on loopback.

Invariants: it speaks the real protocol to clients in any process and stops with this process. It
has no time-based retention, ACLs, TLS, `offsets_for_times` or Admin API; these need a real Kafka.
"""

import ctypes
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from bridge.errors import SetupError
from bridge.sandbox.kafka import librdkafka

_ALL_BROKERS = -1
_ERROR_TEXT_BYTES = 512
_BETWEEN_CALLS_S = 0.003
"""A call right after another may miss the cluster's wake-up and then takes a full second."""


class MockCluster:
    """A Kafka cluster of `brokers` nodes (ids start at 1) during a `with` block.

    A classic group's first rebalance starts after `group_initial_rebalance_delay_ms`; librdkafka's
    default of 3 s is too slow for tests. Methods raise `RuntimeError` with librdkafka's message if
    the cluster refuses a call or is not running.
    """

    def __init__(self, brokers: int = 1, *, group_initial_rebalance_delay_ms: int = 100) -> None:
        self._brokers = brokers
        self._delay_ms = group_initial_rebalance_delay_ms
        self._handle: int | None = None
        self._cluster: int | None = None

    def __enter__(self) -> Self:
        """Starts the brokers; raises `SetupError` if this librdkafka cannot."""
        lib = librdkafka.library()
        self._handle = _new_handle(lib)
        self._cluster = lib.rd_kafka_mock_cluster_new(self._handle, self._brokers)
        if not self._cluster:
            self.close()
            raise SetupError("librdkafka's mock cluster did not start: no free loopback port?")
        if hasattr(lib, "rd_kafka_mock_group_initial_rebalance_delay_ms"):
            time.sleep(_BETWEEN_CALLS_S)
            lib.rd_kafka_mock_group_initial_rebalance_delay_ms(self._cluster, self._delay_ms)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stops the brokers and frees librdkafka's handle; a second call does nothing."""
        lib = librdkafka.library()
        cluster, self._cluster = self._cluster, None
        handle, self._handle = self._handle, None
        if cluster:
            time.sleep(_BETWEEN_CALLS_S)
            lib.rd_kafka_mock_cluster_destroy(cluster)
        if handle:
            lib.rd_kafka_destroy(handle)

    @property
    def bootstrap_servers(self) -> str:
        """`host:port` of every broker, for `bootstrap.servers`."""
        text: bytes = librdkafka.library().rd_kafka_mock_cluster_bootstraps(self._running())
        return text.decode()

    def create_topic(self, name: str, partitions: int = 4, *, replicas: int = 1) -> None:
        """Creates a topic; the mock does not support the Admin API's call."""
        self._call("rd_kafka_mock_topic_create", name.encode(), partitions, replicas)

    def fail_topic(self, name: str, error: int) -> None:
        """Metadata responses for this topic have `error` (a Kafka code) until it is set to 0."""
        time.sleep(_BETWEEN_CALLS_S)
        librdkafka.library().rd_kafka_mock_topic_set_error(self._running(), name.encode(), error)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Moves the partition's start to `before_offset`, as retention does."""
        self._call(
            "rd_kafka_mock_partition_delete_records", topic.encode(), partition, before_offset
        )

    def broker_down(self, broker: int = _ALL_BROKERS) -> None:
        """Closes all connections of a broker (default: of all) and refuses new ones."""
        self._call("rd_kafka_mock_broker_set_down", broker)

    def broker_up(self, broker: int = _ALL_BROKERS) -> None:
        """Lets a broker (default: all) accept connections again."""
        self._call("rd_kafka_mock_broker_set_up", broker)

    def set_rtt(self, rtt_ms: int, broker: int = _ALL_BROKERS) -> None:
        """Delays every response of a broker (default: of all) by `rtt_ms`."""
        self._call("rd_kafka_mock_broker_set_rtt", broker, rtt_ms)

    def push_request_errors(self, api_key: int, errors: Sequence[int]) -> None:
        """The next `api_key` requests (0 produce, 1 fetch, 8 commit …) get these errors, in order.

        `errors` are Kafka codes (`KafkaError.…`); `KafkaError._TRANSPORT` closes the connection.
        """
        codes = (ctypes.c_int * len(errors))(*errors)
        librdkafka.library().rd_kafka_mock_push_request_errors_array(
            self._running(), api_key, len(errors), codes
        )

    def clear_request_errors(self, api_key: int) -> None:
        """Removes the unused errors of `api_key`."""
        librdkafka.library().rd_kafka_mock_clear_request_errors(self._running(), api_key)

    def _running(self) -> int:
        if self._cluster is None:
            raise RuntimeError("the mock cluster is not running: use it in a `with` block")
        return self._cluster

    def _call(self, name: str, *arguments: object) -> None:
        lib = librdkafka.library()
        time.sleep(_BETWEEN_CALLS_S)
        error: int = getattr(lib, name)(self._running(), *arguments)
        if error:
            text: bytes = lib.rd_kafka_err2str(error)
            raise RuntimeError(f"{name}: {text.decode()}")


def _new_handle(lib: ctypes.CDLL) -> int:
    """A librdkafka handle for the mock's bookkeeping, silent on stderr."""
    error = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
    conf = lib.rd_kafka_conf_new()
    lib.rd_kafka_conf_set(conf, b"log_level", b"0", error, len(error))
    handle: int | None = lib.rd_kafka_new(librdkafka.PRODUCER, conf, error, len(error))
    if not handle:
        lib.rd_kafka_conf_destroy(conf)
        raise SetupError(f"librdkafka did not start: {error.value.decode(errors='replace')}")
    return handle
