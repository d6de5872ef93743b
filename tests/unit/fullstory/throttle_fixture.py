"""A throttle in virtual time that records admissions."""

import asyncio

from bridge.fullstory.throttle import Throttle
from bridge.records import Assignment

UNLIMITED = 1e6
"""Events per second: so many that the rate never delays a request."""


class ThrottleFixture:
    """A throttle that records who was admitted, in which order and when."""

    def __init__(
        self,
        *,
        in_flight_max: int = 100,
        duplicate_budget: int = 100,
        max_rate: float = UNLIMITED,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.throttle = Throttle(
            in_flight_max=in_flight_max,
            duplicate_budget=duplicate_budget,
            now_s=self._loop.time,
            max_rate=max_rate,
        )
        self.admitted: list[str] = []
        self.admitted_at_s: list[float] = []

    def acquire(
        self,
        name: str,
        events: int = 1,
        assignment: Assignment | None = None,
        *,
        refused: bool = False,
    ) -> "asyncio.Task[None]":
        """Start to wait for admission."""
        return asyncio.create_task(self._acquire(name, events, assignment, refused))

    async def _acquire(
        self, name: str, events: int, assignment: Assignment | None, refused: bool
    ) -> None:
        await self.throttle.acquire(events, assignment, refused=refused)
        self.admitted.append(name)
        self.admitted_at_s.append(self._loop.time())
