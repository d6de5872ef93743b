"""What an orchestrator sees when the key of a bridge is refused, and at shutdown."""

import urllib.error
import urllib.request

import pytest

from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster
from tests.stories.kafka_fixture import Member

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.timeout(120)]


def _get(bridge: Member, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{bridge.status_url}{path}", timeout=5) as response:  # noqa: S310
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.long
def test_with_a_refused_key_a_bridge_is_live_and_not_ready_until_the_key_is_renewed(
    kafka: KafkaCluster, make_cluster: MakeCluster
) -> None:
    """The status shows the cause and the fix; nothing is lost, and the shutdown is visible."""
    # Given a running bridge that reads its key from a file
    cluster = make_cluster(kafka)
    file = cluster.keep_key_in_a_file()
    cluster.settings["status"] = {"listen": "127.0.0.1:0"}
    cluster.write(300)
    with cluster.bridge() as bridge:
        cluster.wait_until_all_is_committed()
        assert _get(bridge, "/readyz?verbose") == (200, "ready\n")

        # When the key is refused
        cluster.fullstory.configure(key="na1.another-key")
        cluster.write(500)
        bridge.wait_until(lambda: _get(bridge, "/readyz")[0] == 503, "not ready")

        # Then it is live, and its status shows the cause and the fix, but no key or user id
        _, text = _get(bridge, "/readyz?verbose")
        assert "key_refused; fix: set `fullstory.key` to a key that may write events" in text
        assert _get(bridge, "/livez") == (200, "live\n")
        _, status = _get(bridge, "/status")
        assert "key_refused" in status
        assert "sandbox-key" not in text + status
        assert "usr:" not in text + status

        # And when the key is renewed in its file, it resumes automatically, and nothing was lost
        file.write_text("na1.another-key\n")
        bridge.wait_until(lambda: _get(bridge, "/readyz") == (200, "ready\n"), "ready again")
        cluster.wait_until_all_is_committed()
        changes = [line for line in bridge.lines if line["event"] in ("paused", "resumed")]
        assert [(line["event"], line["component"]) for line in changes] == [
            ("paused", "fullstory"),
            ("resumed", "fullstory"),
        ]

        # And while it drains it is live and not ready
        cluster.fullstory.configure(latency_s=2.0)
        cluster.write(20)
        bridge.wait_until(lambda: '"polled": 820' in _get(bridge, "/status")[1], "all polled")
        bridge.terminate()
        bridge.wait_until(lambda: "draining" in _get(bridge, "/readyz?verbose")[1], "draining")
        assert _get(bridge, "/livez") == (200, "live\n")
        assert bridge.wait() == 0
    assert sum(one.offset for one in kafka.committed(cluster.group, cluster.topic).values()) == 820
    assert cluster.reconcile() == ([], 0)
