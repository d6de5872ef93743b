"""The admin look-ups that need no Kafka."""

import socket

import pytest

from bridge.errors import SetupError
from bridge.kafka.admin import check_configuration


def test_the_configuration_is_checked_without_a_connection() -> None:
    """The server would see a connection of the client."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_configuration({"bootstrap.servers": f"127.0.0.1:{port}", "group.id": "g"})
        server.settimeout(0.05)
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_value_that_librdkafka_rejects_is_named() -> None:
    """So is an unknown key."""
    with pytest.raises(SetupError, match=r"session\.timeout\.ms"):
        check_configuration({"group.id": "g", "session.timeout.ms": "long"})
