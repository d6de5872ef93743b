"""How many records may be polled."""

from bridge.kafka.consumer.backpressure import (
    BATCH_MAX,
    PAUSE_AFTER_S,
    Backpressure,
    BackpressureLimits,
    FlowChange,
)


def test_records_and_bytes_each_limit_the_batch() -> None:
    """Records and bytes are counted separately; a batch has its own limit."""
    window = Backpressure(BackpressureLimits(records_max=1_000, bytes_max=100))
    assert window.batch_limit(0, 0) == BATCH_MAX
    assert window.batch_limit(700, 0) == 300
    assert window.batch_limit(1_001, 0) == 0
    assert window.batch_limit(0, 100) == 0


def test_nothing_is_polled_until_the_minimum_batch_fits() -> None:
    """Records that were not started leave space only for as many as can start soon."""
    window = Backpressure(BackpressureLimits(records_max=1_000, not_started_max=500))
    assert [window.batch_limit(held, 0) for held in (799, 801, 950)] == [201, 0, 0]
    assert [window.batch_limit(600, 0, ahead) for ahead in (0, 200, 301, 600)] == [400, 300, 0, 0]
    assert window.change(999, 0, 1.0) is window.change(999, 0, 60.0) is FlowChange.NONE


def test_it_pauses_after_five_seconds_and_resumes_when_half_is_free() -> None:
    """A pause discards prefetched records, so a window that is full briefly does not pause."""
    window = Backpressure(BackpressureLimits(records_max=100, bytes_max=1_000))
    assert window.change(100, 0, 10.0) is FlowChange.NONE
    assert window.change(99, 0, 12.0) is FlowChange.NONE
    assert window.change(100, 0, 13.0) is FlowChange.NONE
    assert window.change(100, 0, 13.0 + PAUSE_AFTER_S) is FlowChange.PAUSE
    assert window.change(60, 0, 20.0) is FlowChange.NONE
    assert window.change(49, 0, 21.0) is FlowChange.RESUME
    assert window.change(49, 0, 22.0) is FlowChange.NONE


def test_a_hard_limit_reduces_the_batch_and_pauses_immediately() -> None:
    """Exceeding it by one record each time would be too many; without it the usual limits apply."""
    window = Backpressure(BackpressureLimits(records_max=100, bytes_max=1_000))
    window.limit(10, pause_immediately=True)
    assert window.batch_limit(4, 0) == 6
    assert window.change(10, 0, 1.0) is FlowChange.PAUSE
    assert window.change(5, 0, 2.0) is FlowChange.NONE
    assert window.change(4, 0, 3.0) is FlowChange.RESUME
    window.limit(None)
    assert window.batch_limit(4, 0) == 96
