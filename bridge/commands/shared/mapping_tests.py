"""Runs mapping tests on the real encoder, decoder, compiler and request builder."""

from collections.abc import Mapping, Sequence

from bridge.app.components import age_limits
from bridge.avro.encoder import Encoder
from bridge.avro.literals import LiteralMismatch
from bridge.avro.reader import make_name_of, make_reader
from bridge.avro.schema_store import WriterSchema
from bridge.errors import PoisonRecord
from bridge.fullstory.requests.builder import Build, builder
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.explaining.unmet_conditions import ExplainedRecord, unmet_conditions
from bridge.mapping.language.loader import Rule
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.event_age import AgeLimits
from bridge.mapping.runtime.outcome import Event, MappingRejected, Outcome
from bridge.mapping.testing.tests import CannotRun
from bridge.records import Record

NO_CLUSTER = ""
"""Stands in for Kafka's cluster id: no request is sent, and its `Idempotency-Key` is not shown."""


class RealTestEnvironment:
    """A test environment with everything that `run` uses, and schemas by topic."""

    def __init__(
        self,
        schemas: Mapping[str, WriterSchema],
        options: Options,
        ages: AgeLimits | None = None,
    ) -> None:
        self.ages = ages or age_limits(None)
        self._schemas = schemas
        self._options = options
        self._build = build_for(options)

    def outcomes(self, rules: Sequence[Rule], record: Record, value: object) -> Sequence[Outcome]:
        """Encode, decode, map and build; raises CannotRun, or Problems of the mappings."""
        record_input = self.record_input(record, value)
        plan = compile_plan(rules, record.topic, record_input.schema, self._options)
        outcomes = plan.map(record, record_input.value, record_input.record_name)
        return [built(outcome, record, self._build) for outcome in outcomes]

    def reasons(self, rule: Rule, record: Record, value: object) -> Sequence[str]:
        """The reasons why the mapping's filter does not match, one line each."""
        if not rule.reads(record.topic):
            return (f"it does not read the topic {record.topic}",)
        record_input = self.record_input(record, value)
        return unmet_conditions(rule, record_input, self._options, show_values=True)

    def record_input(self, record: Record, value: object) -> ExplainedRecord:
        """The record's value, encoded to Avro and decoded again; raises CannotRun."""
        writer = self._schemas.get(record.topic)
        if value is None:
            return ExplainedRecord(record, None, None if writer is None else writer.schema)
        if writer is None:
            message = f"there is no schema for the topic {record.topic}"
            raise CannotRun(f"{message}: add one with --schema {record.topic}=FILE.avsc")
        try:
            data = Encoder(writer).encode(value)
        except LiteralMismatch as mismatch:
            raise CannotRun(f"the input does not fit {writer.label}: {mismatch}") from None
        name = make_name_of(writer.schema)(data, 0)
        return ExplainedRecord(record, make_reader(writer.schema)(data, 0), writer.schema, name)


def build_for(options: Options) -> Build:
    """The request builder for the settings' API; the requests are only shown, not sent."""
    return builder(options.api, NO_CLUSTER)


def built(outcome: Outcome, record: Record, build: Build) -> Outcome:
    """The outcome; an event that the request builder refuses becomes a reject."""
    if not isinstance(outcome, Event):
        return outcome
    try:
        build(outcome, record)
    except PoisonRecord as poison:
        return MappingRejected(outcome.mapping, poison.reason, str(poison), poison.path)
    return outcome
