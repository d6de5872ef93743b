"""How much may be taken now."""

from bridge.kafka.consumer.backpressure import (
    BATCH_MAX,
    PAUSE_AFTER_S,
    Backpressure,
    BackpressureLimits,
    FlowChange,
)


def test_there_is_room_up_to_either_bound() -> None:
    """Records and bytes are counted apart; a batch has a bound of its own."""
    window = Backpressure(BackpressureLimits(records_max=1_000, bytes_max=100))
    assert window.room(0, 0) == BATCH_MAX
    assert window.room(700, 0) == 300
    assert window.room(1_001, 0) == 0
    assert window.room(0, 100) == 0


def test_a_few_free_places_are_none_until_a_turn_of_the_thread_is_worth_its_price() -> None:
    """And what nobody has begun yet leaves room for no more than is soon begun."""
    window = Backpressure(BackpressureLimits(records_max=1_000, ahead_max=500))
    assert [window.room(taken, 0) for taken in (799, 801, 950)] == [201, 0, 0]
    assert [window.room(600, 0, ahead) for ahead in (0, 200, 301, 600)] == [400, 300, 0, 0]
    assert window.change(999, 0, 1.0) is window.change(999, 0, 60.0) is FlowChange.NONE


def test_it_pauses_only_after_five_seconds_and_resumes_when_half_is_free() -> None:
    """A pause throws away what was fetched ahead, so a short fullness is none."""
    window = Backpressure(BackpressureLimits(records_max=100, bytes_max=1_000))
    assert window.change(100, 0, 10.0) is FlowChange.NONE
    assert window.change(99, 0, 12.0) is FlowChange.NONE
    assert window.change(100, 0, 13.0) is FlowChange.NONE
    assert window.change(100, 0, 13.0 + PAUSE_AFTER_S) is FlowChange.PAUSE
    assert window.change(60, 0, 20.0) is FlowChange.NONE
    assert window.change(49, 0, 21.0) is FlowChange.RESUME
    assert window.change(49, 0, 22.0) is FlowChange.NONE


def test_under_a_limit_less_is_taken_and_the_pause_comes_at_once() -> None:
    """One record over each time would be one too many; without it the bounds hold again."""
    window = Backpressure(BackpressureLimits(records_max=100, bytes_max=1_000))
    window.limit(10, at_once=True)
    assert window.room(4, 0) == 6
    assert window.change(10, 0, 1.0) is FlowChange.PAUSE
    assert window.change(5, 0, 2.0) is FlowChange.NONE
    assert window.change(4, 0, 3.0) is FlowChange.RESUME
    window.limit(None)
    assert window.room(4, 0) == 96
