"""The input of a process under test: what to read and where to post.

A job is one run. Bridges get it as settings and a mapping, peers get it as a JSON file.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import yaml

from tests.bench.payments import CURRENCIES, SCHEMA_FILE, WANTED

KEY = "na1.sandbox-key"
_NAME = "payments"


@dataclass(frozen=True)
class Job:
    """One run: `marks` are the record counts at which the measurement begins and ends."""

    servers: str
    registry: str
    topic: str
    group: str
    dead_letters: str
    url: str
    marks: tuple[int, int]
    mappings: int
    folder: Path

    def write_settings(self) -> Path:
        """Write a bridge's settings and mapping, and return the settings file."""
        file = self.folder / "bridge.yaml"
        file.write_text(yaml.safe_dump(self._settings(), sort_keys=False))
        mappings = [_mapping(number) for number in range(self.mappings)]
        if self.mappings > 1:
            mappings[0]["filter"]["currency"] = list(CURRENCIES)
        data = {"format": 1, "mappings": mappings}
        (self.folder / "mapping.yaml").write_text(yaml.safe_dump(data, sort_keys=False))
        return file

    def write_json(self) -> Path:
        """Write a peer's input and return the file."""
        file = self.folder / "job.json"
        data = {
            **{key: value for key, value in asdict(self).items() if key != "folder"},
            "kafka": self._kafka(),
            "key": KEY,
            "wanted": WANTED,
            "schema_file": str(SCHEMA_FILE),
        }
        file.write_bytes(orjson.dumps(data))
        return file

    def _kafka(self) -> dict[str, Any]:
        return {"bootstrap.servers": self.servers, "group.id": self.group}

    def _settings(self) -> dict[str, Any]:
        return {
            "kafka": self._kafka(),
            "mappings": ["mapping.yaml"],
            "topic_names": {_NAME: self.topic},
            "start": "earliest",
            "avro": {"registry": {"url": self.registry}},
            "fullstory": {
                "key": KEY,
                "base_url": self.url,
                "max_rate": None,
                # The payments are as old as the run, and none may be too old.
                "max_event_age": None,
                "session_window_s": 604_800,
            },
            "dead_letters": {"topic": self.dead_letters},
            "status": {"listen": None},
        }


def _mapping(number: int) -> dict[str, Any]:
    """The mapping of all rows; each further one filters for a currency that never occurs."""
    more = {"currency": [f"X{number:02}"]} if number else {}
    return {
        "name": f"payment-failed-{number}" if number else "payment-failed",
        "topics": [_NAME],
        "filter": {"status": list(WANTED), **more},
        "uid": "customer.customer_id",
        "event": f"Payment Failed {number}" if number else "Payment Failed",
        "timestamp": "occurred_at",
        "properties": {"payment_id": "payment_id", "amount": "amount", "currency": "currency"},
    }
