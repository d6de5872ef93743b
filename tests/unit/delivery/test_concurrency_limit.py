"""The limit of requests in flight."""

from bridge.delivery.concurrency_limit import IN_FLIGHT_MIN, ConcurrencyLimit


def _fail(limit: ConcurrencyLimit, count: int, started_s: float, now_s: float) -> None:
    for _ in range(count):
        limit.failed(started_s, now_s, limit.limit)


def test_a_few_failures_among_successes_change_nothing() -> None:
    """256 events that always get a 500 do not slow down 50,000 others."""
    limit = ConcurrencyLimit(256)
    for second in range(100):
        for _ in range(3):
            limit.failed(second, second + 0.1, 256)
            limit.succeeded()
            limit.succeeded()
    assert limit.limit == 256


def test_an_outage_halves_the_limit_once() -> None:
    """All requests in flight at its start count as one failure."""
    limit = ConcurrencyLimit(256)
    _fail(limit, 256, started_s=0.0, now_s=10.0)
    assert limit.limit == 128
    _fail(limit, 1, started_s=10.5, now_s=20.0)
    assert limit.limit == 64


def test_it_halves_the_requests_in_flight_down_to_the_minimum() -> None:
    """With ten of 256 in flight, a limit of 128 would change nothing."""
    limit = ConcurrencyLimit(256)
    for _ in range(20):
        limit.failed(0.0, 1.0, 10)
    assert limit.limit == 5
    for outage in range(1, 10):
        _fail(limit, 1, started_s=outage + 0.5, now_s=outage + 1)
    assert limit.limit == IN_FLIGHT_MIN
    assert ConcurrencyLimit(2).limit == 2


def test_successes_restore_it_to_the_maximum() -> None:
    """1,000 successes restore it from the minimum."""
    limit = ConcurrencyLimit(256)
    for outage in range(10):
        _fail(limit, 20, started_s=outage + 0.5, now_s=outage + 1)
    for _ in range(100):
        limit.succeeded()
    assert IN_FLIGHT_MIN < limit.limit < 256
    for _ in range(1_000):
        limit.succeeded()
    assert limit.limit == 256
