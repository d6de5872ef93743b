"""The stand-in's ledger, in memory and in its file."""

from pathlib import Path

from bridge.sandbox.fullstory.ledger import Accepted, Ledger, read_ledger

ENTRY = Accepted("a/b", "/users/v1/individual/a%2Fb/customevent", b'{"event":\n{}}', 1.5)


def test_an_entry_is_written_to_the_file_immediately(tmp_path: Path) -> None:
    """Another process can read it while the ledger is open; the time is not stored."""
    ledger = Ledger(tmp_path / "ledger")
    ledger.add(ENTRY)
    assert read_ledger(tmp_path / "ledger") == [ENTRY._replace(received_at_s=0.0)]
    ledger.close()


def test_an_incomplete_last_line_is_ignored(tmp_path: Path) -> None:
    """A reader may read the file during a write."""
    file = tmp_path / "ledger"
    ledger = Ledger(file)
    ledger.add(ENTRY)
    ledger.close()
    file.write_bytes(file.read_bytes() + b'{"path":"/us')
    assert len(read_ledger(file)) == 1


def test_a_second_ledger_appends_to_the_same_file(tmp_path: Path) -> None:
    """A restarted stand-in keeps earlier entries."""
    for _ in range(2):
        ledger = Ledger(tmp_path / "ledger")
        ledger.add(ENTRY)
        ledger.close()
    assert len(read_ledger(tmp_path / "ledger")) == 2
