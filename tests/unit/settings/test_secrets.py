"""Secret settings and secret files."""

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
def test_a_secret_is_recognized_by_its_name(name: str) -> None:
    """Names of librdkafka, Confluent and the bridge."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["ssl.key.location", "group.id", "sasl.username", "mappings"])
def test_other_settings_are_shown(name: str) -> None:
    """A report that hides everything is useless."""
    assert not is_secret_name(name)


def test_secrets_are_found_everywhere() -> None:
    """By key, in lists below a key, and in addresses; references to variables are not secret."""
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
def test_one_final_newline_is_removed(content: bytes, text: str, tmp_path: Path) -> None:
    """Editors add one; further ones belong to the secret."""
    (tmp_path / "s").write_bytes(content)
    assert read_secret_file(tmp_path / "s") == text


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"hunter\xff", "it is not UTF-8 text"),
        (b"h" * (SECRET_FILE_BYTES_MAX + 1), "it has more than 65536 bytes"),
    ],
)
def test_an_invalid_secret_file_is_refused(content: bytes, why: str, tmp_path: Path) -> None:
    """The message has none of its content."""
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(ValueError, match=why) as refused:
        read_secret_file(tmp_path / "s")
    assert "hunter" not in str(refused.value)


def test_a_key_that_cannot_change_is_not_read_again() -> None:
    """Without a file, the first key is kept."""
    assert KeySource(SecretStr("na1.x"), "bridge.yaml:1").read() == "na1.x"


def test_a_key_file_that_becomes_invalid_is_refused(tmp_path: Path) -> None:
    """A partial write must not be sent as a key."""
    (tmp_path / "key").write_text("")
    source = KeySource(SecretStr("na1.x"), "KEY_FILE", tmp_path / "key")
    with pytest.raises(SetupError, match="the key is empty"):
        source.read()
