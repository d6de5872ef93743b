"""Converts the settings to the options of each package, so that packages know no settings."""

import os
from collections.abc import Mapping

from pydantic import SecretStr

from bridge import __version__
from bridge.app.config import Config
from bridge.avro.registry.transport import RegistryOptions
from bridge.avro.schema_store import FileSchemas
from bridge.avro.wire_formats import WIRE_FORMATS, WireFormat
from bridge.fullstory.client import ClientOptions
from bridge.kafka.consumer.backpressure import BackpressureLimits
from bridge.kafka.consumer.source_options import SourceOptions
from bridge.mapping.runtime.event_age import AgeLimits
from bridge.proxy import proxy_for
from bridge.settings.model import Settings
from bridge.settings.sections.avro import RegistrySettings, TopicCodec
from bridge.settings.sections.fullstory import FullStorySettings


def registry_options(settings: Settings) -> RegistryOptions | None:
    """Return the options of the schema registry; None if the settings name none."""
    registry = settings.avro.registry
    if registry is None:
        return None
    return RegistryOptions(
        urls=tuple(registry.url),
        timeout_s=registry.timeout_s,
        basic_auth=_revealed(registry.basic_auth),
        bearer_token=_revealed(registry.bearer_token),
        ca_file=str(registry.ca) if registry.ca else None,
        client_cert=str(registry.certificate) if registry.certificate else None,
        client_key=str(registry.certificate_key) if registry.certificate_key else None,
        client_key_password=_revealed(registry.certificate_key_password),
        proxies=_registry_proxies(registry),
    )


def _registry_proxies(registry: RegistrySettings) -> dict[str, str]:
    """The proxy of each URL that has one: `proxy` for all, else by the environment."""
    proxy = _revealed(registry.proxy)
    found = {url: proxy or proxy_for(url, os.environ) for url in registry.url}
    return {url: proxy for url, proxy in found.items() if proxy is not None}


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def age_limits(settings: Settings | None) -> AgeLimits:
    """Return when an event is late, and when it is too old; None: by the default settings."""
    if settings is not None:
        return AgeLimits(settings.fullstory.session_window_s, settings.fullstory.max_event_age)
    fields = FullStorySettings.model_fields
    return AgeLimits(fields["session_window_s"].default, fields["max_event_age"].default)


def client_options(config: Config) -> ClientOptions:
    """Return the options of the FullStory client."""
    settings = config.settings.fullstory
    return ClientOptions(
        base_url=settings.endpoint,
        read_key=config.loaded.fullstory_key.read,
        timeout_s=settings.timeout_s,
        user_agent=f"fullstory-bridge/{__version__}",
        proxy=proxy_for(settings.endpoint, os.environ),
        org=settings.org,
    )


def source_options(config: Config) -> SourceOptions:
    """Return what to read from Kafka, and the limits for it."""
    settings = config.settings
    delivery = settings.delivery
    return SourceOptions(
        kafka=settings.kafka_config(),
        topics=tuple(config.topics),
        matches_pattern=config.reads if config.patterns else None,
        start=settings.start,
        out_of_range=settings.out_of_range,
        bounds=BackpressureLimits(bytes_max=delivery.window_bytes_max),
        duplicate_budget=delivery.duplicate_budget,
        events_per_record_max=config.events_per_record_max,
        commit_interval_s=delivery.commit_interval_ms / 1000,
        rebalance_drain_s=delivery.rebalance_drain_s,
        shutdown_drain_s=delivery.shutdown_drain_s,
    )


def schema_files(settings: Settings) -> list[str]:
    """Return the local schema files of topics."""
    codecs = settings.avro.topics.values()
    return [str(file) for codec in codecs if codec.is_local for file in codec.schema_files]


def wire_formats(settings: Settings, files: FileSchemas) -> Mapping[str, WireFormat]:
    """Return the wire formats of topics (by Kafka name) that differ from the default."""
    return {
        settings.topic_names.get(name, name): _format(codec, files)
        for name, codec in settings.avro.topics.items()
    }


def _format(codec: TopicCodec, files: FileSchemas) -> WireFormat:
    paths = [str(file) for file in codec.schema_files] if codec.is_local else []
    return WIRE_FORMATS[codec.wire_format]({path: files[path].schema for path in paths})
