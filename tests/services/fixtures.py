"""The real services as pytest fixtures.

    kafka          one node, shared by the whole run: do not kill or freeze it
    kafka3         three nodes, shared; nodes that a test kills or freezes are revived after it
    start_kafka    starts clusters for one test: start_kafka(nodes=, properties=, client=)
    apicurio_url   the Confluent API of a registry that the whole run shares: do not kill it
    apicurio       the same registry as an object
    start_apicurio starts registries for one test
    unique         a name that no other test has: unique("payments")

Invariants: a test that needs one of them gets the marker `real` automatically. The programs are
downloaded before the first test, outside of the tests' timeouts. If the download fails, the tests
are skipped with the reason; in CI (`CI=true`) they fail.
"""

import os
import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from tests.services.artifacts import APICURIO, BUNDLES, KAFKA, Bundle, obtain, ready
from tests.services.kafka import KafkaCluster
from tests.services.pins import Unobtainable
from tests.services.registry import ApicurioRegistry

_HOMES = {"kafka_home": KAFKA, "apicurio_home": APICURIO}


class StartKafka(Protocol):
    """Starts a cluster that runs until the end of the test."""

    def __call__(
        self,
        nodes: int = 1,
        properties: dict[str, str] | None = None,
        client: dict[str, str] | None = None,
    ) -> KafkaCluster:
        """A ready cluster."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that need a real service, before `-m` selects by marker."""
    for item in items:
        if _HOMES.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.real)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Download what the selected tests need, before any test's timeout starts."""
    if session.config.option.collectonly:
        return
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    for bundle in _needed(session.items):
        if reporter is None or ready(bundle) is not None:
            continue
        try:
            obtain(bundle, reporter.write_line)
        except Unobtainable as error:
            reporter.write_line(str(error))


def _needed(items: list[pytest.Item]) -> list[Bundle]:
    """The bundles for the fixtures; manually marked tests may need any bundle at run time."""
    names = {name for item in items for name in getattr(item, "fixturenames", ())}
    wanted = [bundle for name, bundle in _HOMES.items() if name in names]
    by_hand = any(
        item.get_closest_marker("real")
        and not _HOMES.keys() & set(getattr(item, "fixturenames", ()))
        for item in items
    )
    return list(BUNDLES) if by_hand else wanted


def _home(bundle: Bundle) -> Path:
    try:
        return obtain(bundle)
    except Unobtainable as error:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{bundle.title} is not available: {error}")
        pytest.skip(f"{bundle.title} is not available: {error}")


@pytest.fixture(scope="session")
def kafka_home() -> Path:
    """The folder with Kafka's jars."""
    return _home(KAFKA)


@pytest.fixture(scope="session")
def apicurio_home() -> Path:
    """The folder with the registry's program."""
    return _home(APICURIO)


@pytest.fixture(scope="session")
def kafka(kafka_home: Path) -> Iterator[KafkaCluster]:
    """One node, shared by the whole run; tests must not kill or freeze it."""
    with KafkaCluster(kafka_home) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def kafka3_shared(kafka_home: Path) -> Iterator[KafkaCluster]:
    """Three nodes for the whole run; tests use `kafka3`."""
    with KafkaCluster(kafka_home, nodes=3) as cluster:
        yield cluster


@pytest.fixture
def kafka3(kafka3_shared: KafkaCluster) -> Iterator[KafkaCluster]:
    """Three nodes; stopped, killed and frozen nodes are revived after the test."""
    yield kafka3_shared
    kafka3_shared.revive()


@pytest.fixture
def start_kafka(kafka_home: Path) -> Iterator[StartKafka]:
    """Start clusters for this test; they are stopped at its end."""
    started: list[KafkaCluster] = []

    def start(
        nodes: int = 1,
        properties: dict[str, str] | None = None,
        client: dict[str, str] | None = None,
    ) -> KafkaCluster:
        cluster = KafkaCluster(kafka_home, nodes, properties, client)
        started.append(cluster)
        return cluster.start()

    yield start
    for cluster in started:
        cluster.stop()


@pytest.fixture(scope="session")
def apicurio(apicurio_home: Path) -> Iterator[ApicurioRegistry]:
    """A registry shared by the whole run; tests use unique subjects and must not kill it."""
    with ApicurioRegistry(apicurio_home) as registry:
        yield registry


@pytest.fixture(scope="session")
def apicurio_url(apicurio: ApicurioRegistry) -> str:
    """The base URL of the shared registry's Confluent API."""
    return apicurio.url


@pytest.fixture
def start_apicurio(apicurio_home: Path) -> Iterator[Callable[[], ApicurioRegistry]]:
    """Start registries for this test; they are stopped at its end."""
    started: list[ApicurioRegistry] = []

    def start() -> ApicurioRegistry:
        registry = ApicurioRegistry(apicurio_home)
        started.append(registry)
        return registry.start()

    yield start
    for registry in started:
        registry.stop()


@pytest.fixture
def unique(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Unique names for topics, groups and subjects, which include the test's name."""
    test = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower())[:60].strip("-")

    def name(stem: str) -> str:
        return f"{stem}.{test}.{uuid.uuid4().hex[:8]}"

    return name


@pytest.fixture
def topic(kafka: KafkaCluster, unique: Callable[[str], str]) -> str:
    """A new topic with one partition on the shared `kafka`."""
    return kafka.create_topic(unique("topic"))


@pytest.fixture
def group(unique: Callable[[str], str]) -> str:
    """A new consumer group's name."""
    return unique("group")
