"""`fields`: a row for every field that is sent."""

from pathlib import Path

from tests.unit.commands.cli_fixture import MAPPING, SETTINGS, run, write


def test_text_has_a_column_for_each_question_of_a_review(folder: Path) -> None:
    """Source, target, protection and owner; fields that only the filter reads have no row."""
    write(folder)

    result = run("fields", "m.yaml", "--schema", "payments=payment.avsc")

    assert result.output == (
        "TOPIC     FIELD       TARGET             TYPE  PROTECTION   OWNER  MAPPING\n"
        "payments  user        uid                str                money  payment-failed\n"
        "payments  $timestamp  timestamp          date               money  payment-failed\n"
        "payments  id          properties.id      str                money  payment-failed\n"
        "payments  amount      properties.amount  real               money  payment-failed\n"
        "payments  email       properties.payer   str   hmac-sha256  money  payment-failed\n"
    )
    assert result.exit_code == 0


def test_csv_is_for_a_spreadsheet(folder: Path) -> None:
    """Several sources are several rows; constants and templates show what they send."""
    mapping = MAPPING.replace("path: user,", "first_of: [user, $key],").replace(
        "      id: id\n",
        '      id: {const: "a, b"}\n'
        '      text: {template: "{status} of {id}"}\n'
        "      mail: {path: email, redact: mask, optional: true}\n",
    )
    write(folder, m_yaml=mapping.replace("event: Payment Failed", "event: Payment {status}"))

    result = run("fields", "m.yaml", "--format", "csv")

    assert result.output == (
        "topic,field,target,type,protection,owner,mapping\n"
        "payments,user,uid,str,,money,payment-failed\n"
        "payments,$key,uid,str,,money,payment-failed\n"
        "payments,status,event,str,,money,payment-failed\n"
        "payments,$timestamp,timestamp,date,,money,payment-failed\n"
        'payments,"always a, b",properties.id,,,money,payment-failed\n'
        "payments,status,properties.text,,,money,payment-failed\n"
        "payments,id,properties.text,,,money,payment-failed\n"
        "payments,email,properties.mail,,redact mask,money,payment-failed\n"
        "payments,amount,properties.amount,,,money,payment-failed\n"
        "payments,email,properties.payer,,hmac-sha256,money,payment-failed\n"
    )


def test_each_source_of_a_user_a_time_and_a_session_has_a_row(folder: Path) -> None:
    """A template has a row for each path, and a hashed user id its protection."""
    uid = "    uid: {path: user, optional: true}\n"
    identity = (
        '    uid: {template: "{user}/{email}", hash: sha256, optional: true}\n'
        "    timestamp: {first_of: [$headers.at, $timestamp]}\n"
        '    session: {device: {template: "{$headers.d}:{$headers.s}"}, optional: true}\n'
    )
    write(folder, m_yaml=MAPPING.replace(uid, identity))

    rows = run("fields", "m.yaml", "--format", "csv").output.splitlines()

    assert rows[1:7] == [
        "payments,user,uid,str,sha256,money,payment-failed",
        "payments,email,uid,str,sha256,money,payment-failed",
        "payments,$headers.at,timestamp,date,,money,payment-failed",
        "payments,$timestamp,timestamp,date,,money,payment-failed",
        "payments,$headers.d,session,str,,money,payment-failed",
        "payments,$headers.s,session,str,,money,payment-failed",
    ]


def test_a_property_in_an_object_has_its_dotted_name(folder: Path) -> None:
    """As in the mapping file, with the type of the value."""
    write(folder, m_yaml=MAPPING.replace("      id: id\n", "      payment.id: id\n"))

    result = run("fields", "m.yaml", "--schema", "payments=payment.avsc", "--format", "csv")

    assert "payments,id,properties.payment.id,str,,money,payment-failed\n" in result.output


def test_an_invalid_mapping_has_no_output(folder: Path) -> None:
    """An incomplete list would be worse than none."""
    write(folder, m_yaml=MAPPING.replace("event:", "evnt:"))

    result = run("fields", "m.yaml")

    assert result.exit_code == 1
    assert result.stdout == ""
    assert "M024" in result.stderr


def test_a_mapping_that_is_off_has_no_row(folder: Path) -> None:
    """Off by its own mode, or by the settings."""
    write(folder, m_yaml=MAPPING.replace("    filter:", "    mode: off\n    filter:"))
    assert len(run("fields", "m.yaml").output.splitlines()) == 1

    write(folder)
    (folder / "bridge.yaml").write_text(SETTINGS + "mappings_off: [payment-failed]\n")
    assert len(run("fields").output.splitlines()) == 1
