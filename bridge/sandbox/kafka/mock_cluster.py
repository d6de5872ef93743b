"""A Kafka on this machine: librdkafka's mock cluster, in this process, on loopback.

Invariants: it speaks the real protocol to any client, in any process, and dies with this one. What
it does not do (retention by time, ACLs, TLS, `offsets_for_times`, the Admin API) needs a real
Kafka.
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
"""A call right behind another may miss the cluster's wake-up and then takes a whole second."""


class MockCluster:
    """A Kafka cluster of `brokers` nodes (ids from 1 on) for the length of a `with` block.

    A classic group joins after `group_initial_rebalance_delay_ms` (librdkafka's own 3 s would
    be most of a test). Every method raises `RuntimeError` with librdkafka's words when the
    cluster refuses, or when it is not running.
    """

    def __init__(self, brokers: int = 1, *, group_initial_rebalance_delay_ms: int = 100) -> None:
        self._brokers = brokers
        self._delay_ms = group_initial_rebalance_delay_ms
        self._handle: int | None = None
        self._cluster: int | None = None

    def __enter__(self) -> Self:
        """Starts the brokers; raises `SetupError` where this librdkafka cannot."""
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
        """`host:port` of every broker, as `bootstrap.servers` wants it."""
        text: bytes = librdkafka.library().rd_kafka_mock_cluster_bootstraps(self._running())
        return text.decode()

    def create_topic(self, name: str, partitions: int = 4, *, replicas: int = 1) -> None:
        """Creates a topic; the Admin API's own call is not answered by the mock."""
        self._call("rd_kafka_mock_topic_create", name.encode(), partitions, replicas)

    def fail_topic(self, name: str, error: int) -> None:
        """Metadata answers for this topic carry `error` (Kafka's code) until 0 is set."""
        time.sleep(_BETWEEN_CALLS_S)
        librdkafka.library().rd_kafka_mock_topic_set_error(self._running(), name.encode(), error)

    def delete_records(self, topic: str, partition: int, before_offset: int) -> None:
        """Moves the partition's beginning to `before_offset`, as retention would."""
        self._call(
            "rd_kafka_mock_partition_delete_records", topic.encode(), partition, before_offset
        )

    def broker_down(self, broker: int = _ALL_BROKERS) -> None:
        """Cuts all connections of a broker (default: of all) and refuses new ones."""
        self._call("rd_kafka_mock_broker_set_down", broker)

    def broker_up(self, broker: int = _ALL_BROKERS) -> None:
        """Lets a broker (default: all) take connections again."""
        self._call("rd_kafka_mock_broker_set_up", broker)

    def set_rtt(self, rtt_ms: int, broker: int = _ALL_BROKERS) -> None:
        """Delays every answer of a broker (default: of all) by `rtt_ms`."""
        self._call("rd_kafka_mock_broker_set_rtt", broker, rtt_ms)

    def push_request_errors(self, api_key: int, errors: Sequence[int]) -> None:
        """The next requests of kind `api_key` (0 produce, 1 fetch, 8 commit …) fail so, in order.

        `errors` are Kafka's codes (`KafkaError.…`); `KafkaError._TRANSPORT` cuts the connection.
        """
        codes = (ctypes.c_int * len(errors))(*errors)
        librdkafka.library().rd_kafka_mock_push_request_errors_array(
            self._running(), api_key, len(errors), codes
        )

    def clear_request_errors(self, api_key: int) -> None:
        """Forgets the errors that were pushed for `api_key` and not used up."""
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
    """A librdkafka handle for the mock's book-keeping, silent on stderr."""
    error = ctypes.create_string_buffer(_ERROR_TEXT_BYTES)
    conf = lib.rd_kafka_conf_new()
    lib.rd_kafka_conf_set(conf, b"log_level", b"0", error, len(error))
    handle: int | None = lib.rd_kafka_new(librdkafka.PRODUCER, conf, error, len(error))
    if not handle:
        lib.rd_kafka_conf_destroy(conf)
        raise SetupError(f"librdkafka did not start: {error.value.decode(errors='replace')}")
    return handle
