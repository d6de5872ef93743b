"""`healthcheck`: a container's health check of the running bridge."""

import asyncio
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bridge.cli import main
from bridge.observer import EVERY_TOPIC, HaltedScope, PollLoopTick
from bridge.status.conditions import Conditions
from bridge.status.counts import Counts
from bridge.status.server import StatusServer
from tests.integration.running import write_settings


def settings(folder: Path, listen: str | None) -> Path:
    """A settings file with this listen address."""
    (folder / "m.yaml").write_text("format: 1\n")
    return write_settings(
        folder,
        {
            "kafka": {"bootstrap.servers": "127.0.0.1:1", "group.id": "g"},
            "mappings": ["m.yaml"],
            "avro": {"registry": {"url": "https://registry"}},
            "fullstory": {"key": "na1.made-up"},
            "status": {"listen": listen},
        },
    )


async def check(file: Path) -> Result:
    """Run the command in a thread, because the server uses the event loop."""
    return await asyncio.to_thread(
        CliRunner().invoke, main, ["healthcheck", "--config", str(file)], catch_exceptions=False
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104
async def test_a_halted_bridge_is_live_and_a_stuck_one_is_not(tmp_path: Path, host: str) -> None:
    """A restart fixes a stuck thread but not a halt; a wildcard address works too."""
    now_s = 0.0
    counts, conditions = Counts(), Conditions(lambda: now_s)
    server = StatusServer((host, 0), counts, conditions, counts, now_s=lambda: now_s)
    async with server:
        file = settings(tmp_path, server.url.removeprefix("http://"))
        conditions.notify(PollLoopTick())
        conditions.notify(HaltedScope(EVERY_TOPIC, "nobody_is_known", "ask"))
        result = await check(file)
        assert (result.exit_code, result.output) == (0, "live\n")
        now_s = 61.0
        result = await check(file)
        assert (result.exit_code, result.stderr.split(":")[0]) == (1, "not live")


async def test_a_bridge_that_does_not_respond_is_not_live(tmp_path: Path) -> None:
    """It has exited, or its event loop is stuck."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{silent.getsockname()[1]}"
        result = await check(settings(tmp_path, listen))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"no answer from {listen}: ")


async def test_without_a_status_server_the_check_is_a_usage_error(tmp_path: Path) -> None:
    """Exit code 2, and the name of the setting."""
    result = await check(settings(tmp_path, None))
    assert (result.exit_code, result.stderr) == (
        2,
        "status.listen: the status server is off, nothing to query\n",
    )
