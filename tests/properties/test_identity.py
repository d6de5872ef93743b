"""Users and sessions of any text: FullStory accepts the request, or the record is not sent."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from bridge.documents.document import parse
from bridge.fullstory.requests.builder import Api, builder
from bridge.mapping.compiler.compiler import compile_plan
from bridge.mapping.language.loader import load_rules
from bridge.mapping.language.options import Options
from bridge.mapping.runtime.outcome import Event, MappingRejected, MappingSkipped
from bridge.mapping.runtime.plan import Plan
from bridge.sandbox.fullstory import contract_v1, contract_v2
from bridge.schema.parser import parse_schema
from tests.cases.raw import record

REASONS = {"missing_uid", "invalid_uid", "invalid_session", "no_uid"}
WORDS = st.sampled_from(["", "guest", " NULL ", "1:2", "/session/", "%3A", "-1", "é", "\x00", "x"])
TEXTS = st.text(max_size=300) | st.lists(WORDS, max_size=4).map("".join)
SCHEMA = parse_schema(
    json.dumps(
        {
            "type": "record",
            "name": "Rec",
            "fields": [{"name": "u", "type": "string"}, {"name": "s", "type": "string"}],
        }
    )
)
UIDS = (
    "u",
    "{path: u, optional: true}",
    "{template: '{s}/{u}'}",
    "{path: u, case: upper}",
    "{path: u, hash: sha256}",
    "{first_of: [s, u]}",
)
SESSIONS: tuple[tuple[str, Api], ...] = (
    ("recent", "v1"),
    ("{device: s}", "v1"),
    ("{url: {template: '{u}{s}'}}", "v1"),
    ("recent", "v2"),
    ("{id: s}", "v2"),
    ("{id: {first_of: [u, s]}}", "v2"),
)


def _plan(uid: str, session: str, api: Api) -> Plan:
    keys = f"name: m, topics: [t], event: E, timestamp: $timestamp, uid: {uid}, session: {session}"
    document = parse(f"format: 1\nmappings: [{{{keys}}}]\n", "m.yaml")
    options = Options(api=api)
    return compile_plan(load_rules([document], options), "t", SCHEMA, options)


PLANS = [(_plan(uid, session, api), api) for uid in UIDS for session, api in SESSIONS]


@given(TEXTS, TEXTS)
@example("ŉ" * 256, "1:2")
def test_what_is_sent_is_accepted(user: str, session: str) -> None:
    """By the strict contracts of both APIs; a record is left out for a known reason only."""
    for plan, api in PLANS:
        polled = record("t", timestamp_ms=1)
        (outcome,) = plan.map(polled, {"u": user, "s": session})
        if isinstance(outcome, MappingRejected | MappingSkipped):
            why = outcome.why if isinstance(outcome, MappingSkipped) else outcome.reason
            assert why in REASONS
            continue
        assert isinstance(outcome, Event)
        request = builder(api, "c")(outcome, polled)
        if api == "v1":
            assert contract_v1.uid_of(request.path) == outcome.uid
            assert contract_v1.refusal(request.body) is None
        else:
            assert contract_v2.refusal(request.body) is None
