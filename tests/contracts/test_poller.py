"""The poller with real clients, on the mock cluster."""

import threading
from pathlib import Path

import pytest

from bridge.kafka.consumer.poller import Poller
from bridge.kafka.consumer.source_options import SourceOptions
from bridge.sandbox.kafka.mock_cluster import MockCluster

THREADS = Path("/proc/self/task")


class OneIteration:
    """The event loop's side: it stops the poller in its first iteration."""

    poller: Poller

    def deliver(self, _: object) -> None:
        """No record arrives."""

    def not_started(self) -> int:
        """No record waits."""
        return 0

    def acknowledged(self, _: int) -> None:
        """No event is acknowledged."""

    def drain(self, _: object) -> threading.Event:
        """Nothing is in flight."""
        drained = threading.Event()
        drained.set()
        return drained

    def notify(self, _: object) -> None:
        """Stop at the first fact; the iteration then requests topic ids and ends."""
        self.poller.stop.set()


def client_threads() -> list[str]:
    """The names of librdkafka's threads in this process."""
    names = [(thread / "comm").read_text() for thread in THREADS.iterdir()]
    return sorted(name for name in names if name.startswith("rdk:"))


@pytest.mark.skipif(not THREADS.exists(), reason="threads are listed in /proc, which Linux has")
def test_a_stopped_poller_leaves_no_client_thread_behind_while_an_answer_is_pending() -> None:
    """A thread that delivers its answer while Python shuts down ends the process with a crash."""
    with MockCluster() as cluster:
        # Given a broker that answers long after the poller has stopped
        cluster.create_topic("t", 1)
        cluster.set_rtt(3_000)
        before = client_threads()
        loop = OneIteration()
        settings = {"bootstrap.servers": cluster.bootstrap_servers, "group.id": "g"}
        loop.poller = Poller(SourceOptions(kafka=settings, topics=["t"]), loop, loop)
        assert client_threads() != before

        # When it has run
        loop.poller.run()

        # Then all of its clients' threads have ended
        assert client_threads() == before
