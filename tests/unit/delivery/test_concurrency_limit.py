"""How many may be unanswered at one time."""

from bridge.delivery.concurrency_limit import IN_FLIGHT_MIN, ConcurrencyLimit


def _fail(cap: ConcurrencyLimit, count: int, begun_s: float, now_s: float) -> None:
    for _ in range(count):
        cap.failed(begun_s, now_s, cap.limit)


def test_a_few_failures_among_successes_change_nothing() -> None:
    """256 events that always get a 500 do not slow down fifty thousand good ones."""
    cap = ConcurrencyLimit(256)
    for second in range(100):
        for _ in range(3):
            cap.failed(second, second + 0.1, 256)
            cap.succeeded()
            cap.succeeded()
    assert cap.limit == 256


def test_a_spell_of_failures_halves_it_once() -> None:
    """All that was under way when FullStory fell silent is one piece of news."""
    cap = ConcurrencyLimit(256)
    _fail(cap, 256, begun_s=0.0, now_s=10.0)
    assert cap.limit == 128
    _fail(cap, 1, begun_s=10.5, now_s=20.0)
    assert cap.limit == 64


def test_it_falls_from_what_is_in_flight_and_not_below_its_least() -> None:
    """Ten in flight of 256 allowed: to go down to 128 would change nothing."""
    cap = ConcurrencyLimit(256)
    for _ in range(20):
        cap.failed(0.0, 1.0, 10)
    assert cap.limit == 5
    for spell in range(1, 10):
        _fail(cap, 1, begun_s=spell + 0.5, now_s=spell + 1)
    assert cap.limit == IN_FLIGHT_MIN
    assert ConcurrencyLimit(2).limit == 2


def test_successes_bring_it_back_up_to_its_most() -> None:
    """A thousand of them, from the bottom."""
    cap = ConcurrencyLimit(256)
    for spell in range(10):
        _fail(cap, 20, begun_s=spell + 0.5, now_s=spell + 1)
    for _ in range(100):
        cap.succeeded()
    assert IN_FLIGHT_MIN < cap.limit < 256
    for _ in range(1_000):
        cap.succeeded()
    assert cap.limit == 256
