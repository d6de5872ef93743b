"""What is secret, and the files that hold it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from bridge.errors import SetupError
from bridge.settings.sources.secrets import (
    SECRET_FILE_BYTES_MAX,
    KeySource,
    is_secret_name,
    read_secret_file,
    secret_paths,
)


@pytest.mark.parametrize(
    "name",
    [
        "sasl.password",
        "ssl.key.password",
        "ssl.keystore.password",
        "ssl.key.pem",
        "sasl.oauthbearer.client.secret",
        "sasl.oauthbearer.config",
        "sasl.oauthbearer.assertion.private.key.passphrase",
        "basic.auth.user.info",
        "bearer.auth.token",
        "hash_key",
        "key",
    ],
)
def test_a_secret_is_known_by_its_name(name: str) -> None:
    """librdkafka's, Confluent's and ours."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["ssl.key.location", "group.id", "sasl.username", "mappings"])
def test_other_settings_are_shown(name: str) -> None:
    """A report is of no use when everything is hidden."""
    assert not is_secret_name(name)


def test_secrets_are_found_wherever_they_are_written() -> None:
    """By key, in lists below it, in addresses; a reference to a variable may be shown."""
    data = {
        "key": ["a", {"b": 5}],
        "url": ["https://u:p@host", "https://host"],
        "sasl.password": "${P:?needed}",
        "hash_key": "x${P}",
    }
    assert list(secret_paths(data)) == [
        ("key", 0),
        ("key", 1, "b"),
        ("url", 0),
        ("hash_key",),
    ]


@pytest.mark.parametrize(
    ("content", "text"),
    [(b"a", "a"), (b"a\n", "a"), (b"a\r\n", "a"), (b"a\n\n", "a\n"), (b" a ", " a "), (b"", "")],
)
def test_one_final_newline_is_taken_off(content: bytes, text: str, tmp_path: Path) -> None:
    """An editor adds one; more of them are the secret's own."""
    (tmp_path / "s").write_bytes(content)
    assert read_secret_file(tmp_path / "s") == text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hunter\xff", "it is not UTF-8 text"),
        (b"h" * (SECRET_FILE_BYTES_MAX + 1), "it has more than 65536 bytes"),
    ],
)
def test_a_file_that_is_no_secret_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    """Without a word of what is in it."""
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(ValueError, match=why) as told:
        read_secret_file(tmp_path / "s")
    assert "hunter" not in str(told.value)


def test_a_key_that_cannot_change_is_not_read_again() -> None:
    """Without a file the first one stays."""
    assert KeySource(SecretStr("na1.x"), "bridge.yaml:1").read() == "na1.x"


def test_a_file_that_became_no_key_is_refused(tmp_path: Path) -> None:
    """Half a write must not be sent as a key."""
    (tmp_path / "key").write_text("")
    source = KeySource(SecretStr("na1.x"), "KEY_FILE", tmp_path / "key")
    with pytest.raises(SetupError, match="the key is empty"):
        source.read()
