"""`init`: a drafted mapping passes every check unchanged."""

import json
from pathlib import Path

import pytest

from tests.unit.commands.cli_fixture import SETTINGS, run, write

SHAPES = sorted((Path(__file__).parents[2] / "cases" / "shapes").glob("*.avsc"))
EXAMPLES = sorted((Path(__file__).parents[3] / "schemas" / "avro").glob("*.avsc"))


@pytest.mark.parametrize("schema", [*SHAPES, *EXAMPLES], ids=lambda path: path.stem)
def test_a_draft_passes_check_and_its_own_test(schema: Path) -> None:
    """Ten schemas in the form of public payment and order schemas, and the examples."""
    drafted = run("init", "--topic", "it", "--schema", str(schema), "-o", "maps/it.yaml")
    checked = run("check", "--strict", "maps/it.yaml", "--schema", f"it={schema}")
    tested = run("test", "maps/it.yaml", "--schema", f"it={schema}")

    assert drafted.exit_code == 0, drafted.output
    assert (checked.exit_code, "no problems" in checked.output) == (0, True), checked.output
    assert (tested.exit_code, " 0 failed" in tested.output) == (0, True), tested.output


@pytest.mark.parametrize("schema", SHAPES, ids=lambda path: path.stem)
def test_hand_written_mappings_of_the_schemas_pass(schema: Path) -> None:
    """They have what a draft cannot know, and their tests pass."""
    mapping = str(schema.parent / "by_hand" / f"{schema.stem}.yaml")
    checked = run("check", "--strict", mapping, "--schema", f"it={schema}")

    assert checked.exit_code == 0, checked.output
    assert "0 tests" not in checked.output


def test_there_are_ten_schemas() -> None:
    """Guards against a glob that matches nothing."""
    assert len(SHAPES) == 10


def test_a_draft_is_commented_and_sends_nothing(folder: Path) -> None:
    """The complete file."""
    write(folder)

    drafted = run("init", "--topic", "payments", "--schema", "payment.avsc")

    assert drafted.stdout == DRAFT
    assert drafted.exit_code == 0


def test_with_a_hash_key_an_email_address_is_hashed(folder: Path) -> None:
    """The test expects the form of a hash, because not everyone has the key."""
    write(folder, bridge_yaml=SETTINGS.replace("${BUS_PASSWORD:?}", "x"))

    drafted = run("init", "--topic", "payments", "--records", "0")

    assert "{path: email, hash: hmac-sha256, optional: true}" in drafted.stdout
    assert "email: {matches: '^[0-9a-f]{64}$'}" in drafted.stdout


def test_the_mapping_files_of_the_settings_need_not_exist(folder: Path) -> None:
    """FullStory's key is not needed either: nothing is sent."""
    settings = SETTINGS.replace("${BUS_PASSWORD:?}", "x").replace(
        "{key: na1.secret}", "{key: '${FS_KEY}'}"
    )
    write(folder, bridge_yaml=settings)
    (folder / "m.yaml").unlink()

    drafted = run("init", "--topic", "payments", "--records", "0", "-o", "m.yaml")

    assert drafted.stderr == (
        "wrote m.yaml: review it, then run fullstory-bridge check --strict m.yaml\n"
    )
    assert (folder / "m.yaml").read_text().startswith("# Drafted from payment.avsc.")


def test_the_kafka_password_is_required(folder: Path) -> None:
    """A placeholder would be reported as an outage."""
    write(folder, bridge_yaml=SETTINGS)

    drafted = run("init", "--topic", "payments")

    assert "BUS_PASSWORD" in drafted.output
    assert drafted.exit_code == 2


def test_without_kafka_the_schema_alone_is_drafted(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The schema is enough, and the missing records are reported."""
    monkeypatch.setattr("bridge.kafka.record_reader.LOOKUP_TIMEOUT_S", 0.2)
    settings = SETTINGS.replace("${BUS_PASSWORD:?}", "x").replace("kafka:9092", "127.0.0.1:1")
    write(folder, bridge_yaml=settings)

    drafted = run("init", "--topic", "payments")

    assert drafted.stdout.startswith("# Drafted from payment.avsc. ")
    assert "no records were read: Kafka does not answer" in drafted.stderr


def test_an_existing_file_is_not_overwritten(folder: Path) -> None:
    """It may have been edited."""
    write(folder)
    before = (folder / "m.yaml").read_text()

    drafted = run("init", "--topic", "payments", "--schema", "payment.avsc", "-o", "m.yaml")

    assert "m.yaml already exists" in drafted.output
    assert (drafted.exit_code, (folder / "m.yaml").read_text()) == (2, before)


def test_without_a_schema_the_fix_is_shown(folder: Path) -> None:
    """Neither the settings nor a flag name one."""
    write(folder, bridge_yaml=SETTINGS.replace("${BUS_PASSWORD:?}", "x"))

    nowhere = run("init", "--topic", "orders")
    (folder / "bridge.yaml").unlink()
    nothing = run("init", "--topic", "orders")

    assert "there is no schema for the topic orders: use --schema FILE" in nowhere.output
    assert "no settings and no schema" in nothing.output
    assert (nowhere.exit_code, nothing.exit_code) == (2, 2)


def test_a_schema_that_is_not_a_record_is_refused(folder: Path) -> None:
    """A string has no fields to map."""
    (folder / "text.avsc").write_text('"string"')

    drafted = run("init", "--topic", "t", "--schema", "text.avsc")

    assert drafted.output == "text.avsc: its values are not records, so there is nothing to map\n"
    assert drafted.exit_code == 2


def test_unusual_field_names_can_be_drafted(folder: Path) -> None:
    """Names that Avro forbids but registries accept."""
    names = ["with space", "ünï", "9nine", "it's", "a_str", "x.y", "null", "$key", "key", "line\n"]
    fields = [{"name": name, "type": "string"} for name in names]
    schema = {"type": "record", "name": "Odd-One", "fields": fields}
    (folder / "odd.avsc").write_text(json.dumps(schema))

    drafted = run("init", "--topic", "odd", "--schema", "odd.avsc", "-o", "odd.yaml")
    checked = run("check", "--strict", "odd.yaml", "--schema", "odd=odd.avsc")

    assert drafted.exit_code == 0, drafted.output
    assert checked.exit_code == 0, checked.output


DRAFT = """\
# Drafted from payment.avsc. Every line is a guess: keep what you need, delete the rest.
# With `mode: shadow`, events are built and counted, but not sent.
# With `privacy.hash_key` in the settings, use `hash: hmac-sha256` instead of
# `redact: mask` to tell e-mail addresses apart without sending them.
format: 1
# owner: the contact for problems with this file

mappings:
  - name: payments
    mode: shadow
    topics: [payments]
    uid: {path: user, optional: true}  # must be the id that the website passes to FS.identify
    event:  # to send only some, add filter: {status: [PAID]}; do not delete names here
      path: status
      values:
        PAID: Payment Paid
        FAILED: Payment Failed
    timestamp: $timestamp  # when the record was written
    properties:
      payment_id: id
      amount: amount
      email: {path: email, redact: mask, optional: true}  # e-mail address, by name

tests:
  - name: a sample record becomes Payment Paid
    input:
      topic: payments
      value:
        id: id-1
        status: PAID
        amount: 19.5
        user: sample user
        email: somebody@example.com
    expect:
      - mapping: payments
        uid: sample user
        event: Payment Paid
        timestamp: '2026-01-01T00:00:00.000Z'
        exact: true
        properties:
          payment_id: id-1
          amount: 19.5
          email: '***'
"""


def test_a_file_that_cannot_be_written_is_an_error(folder: Path) -> None:
    """With the reason, and exit code 2."""
    write(folder)
    draft = ("init", "--topic", "payments", "--schema", "payment.avsc")
    result = run(*draft, "-o", "payment.avsc/m.yaml")
    assert "payment.avsc/m.yaml cannot be written: File exists" in result.output
    assert result.exit_code == 2
