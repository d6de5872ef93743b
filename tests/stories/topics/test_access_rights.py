"""A Kafka with authentication: ACLs that are revoked, and tokens that expire."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, but not by its stubs
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.services.fixtures import StartKafka
from tests.services.kafka import KafkaCluster
from tests.stories.conftest import MakeCluster

pytestmark = [pytest.mark.real, pytest.mark.story, pytest.mark.faults, pytest.mark.timeout(180)]

_SASL = {"listener.security.protocol.map": "PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT"}
_PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
_OAUTH_MODULE = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
WITH_RIGHTS = {
    **_SASL,
    "sasl.enabled.mechanisms": "PLAIN",
    "sasl.mechanism.inter.broker.protocol": "PLAIN",
    "listener.name.plaintext.plain.sasl.jaas.config": (
        f'{_PLAIN_MODULE} required username="admin" password="admin"'
        ' user_admin="admin" user_bridge="bridge";'
    ),
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": "User:admin;User:ANONYMOUS",
    "allow.everyone.if.no.acl.found": "true",
}
WITH_TOKENS = {
    **_SASL,
    "sasl.enabled.mechanisms": "OAUTHBEARER",
    "sasl.mechanism.inter.broker.protocol": "OAUTHBEARER",
    "listener.name.plaintext.oauthbearer.sasl.jaas.config": (
        f'{_OAUTH_MODULE} required unsecuredLoginStringClaim_sub="admin";'
    ),
    "listener.name.plaintext.oauthbearer.connections.max.reauth.ms": "3000",
}


def _plain(name: str) -> dict[str, str]:
    credentials = {"sasl.username": name, "sasl.password": name}
    return {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN", **credentials}


def _tokens(life_s: int) -> dict[str, str]:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "OAUTHBEARER",
        "enable.sasl.oauthbearer.unsecure.jwt": "true",
        "sasl.oauthbearer.config": f"principal=admin lifeSeconds={life_s}",
    }


@pytest.mark.parametrize("kind", ["topic", "group"])
def test_a_temporarily_revoked_acl_is_logged_and_causes_no_loss_or_duplicates(
    start_kafka: StartKafka, make_cluster: MakeCluster, kind: str
) -> None:
    """The bridge logs the denied access, keeps running, and resumes when access is granted."""
    # Given a running bridge on a Kafka with authentication
    kafka = start_kafka(properties=WITH_RIGHTS, client=_plain("admin"))
    cluster = make_cluster(kafka)
    cluster.kafka_settings = {**_plain("bridge"), "topic.metadata.refresh.interval.ms": 500}
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()
        cluster.write(500)
        cluster.wait_until_all_is_committed()

        # When it is denied read access
        resource = (ResourceType.TOPIC, cluster.topic) if kind == "topic" else _group(cluster.group)
        _deny(kafka, *resource)
        cluster.write(500)
        bridge.wait_until(lambda: "uthorization" in bridge.text, "the log message", 30)
        time.sleep(2)

        # Then every record arrives once when access is granted again
        _allow_again(kafka, *resource)
        bridge.wait_until(cluster.all_is_committed, "everything committed", 60)
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def test_tokens_that_expire_every_five_seconds_are_renewed(
    start_kafka: StartKafka, make_cluster: MakeCluster
) -> None:
    """OAUTHBEARER: the broker reauthenticates every three seconds, without interruption."""
    # Given a bridge whose tokens expire after five seconds
    kafka = start_kafka(properties=WITH_TOKENS, client=_tokens(3_600))
    cluster = make_cluster(kafka)
    cluster.kafka_settings = _tokens(5)
    with cluster.bridge() as bridge:
        bridge.wait_until_assigned_any()

        # When it runs for the lifetime of four tokens
        until_s = time.monotonic() + 20
        while time.monotonic() < until_s:
            cluster.write(100)
            bridge.wait_until(cluster.all_is_committed, "everything committed", 20)
            time.sleep(0.5)

        # Then its assignment was never lost
        assert not bridge.has_logged("lost")
        assert bridge.stop() == 0
    assert cluster.reconcile() == ([], 0)


def _group(name: str) -> tuple[ResourceType, str]:
    return ResourceType.GROUP, name


def _deny(kafka: KafkaCluster, kind: ResourceType, name: str) -> None:
    literal, read, deny = ResourcePatternType.LITERAL, AclOperation.READ, AclPermissionType.DENY
    denied = AclBinding(kind, name, literal, "User:bridge", "*", read, deny)
    _wait(list(kafka.admin.create_acls([denied]).values()))


def _allow_again(kafka: KafkaCluster, kind: ResourceType, name: str) -> None:
    literal, every, each = ResourcePatternType.LITERAL, AclOperation.ANY, AclPermissionType.ANY
    any_of_it = AclBindingFilter(kind, name, literal, "User:bridge", "*", every, each)
    _wait(list(kafka.admin.delete_acls([any_of_it]).values()))


def _wait(futures: Sequence[Any]) -> None:
    for future in futures:
        future.result(10)
