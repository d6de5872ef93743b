"""A throttle in virtual time, and who came in."""

import asyncio

from bridge.fullstory.throttle import Throttle
from bridge.records import Assignment

AT_ONCE = 1e6
"""Events per second: so many that no pace is seen."""


class Door:
    """A throttle, and a note of who came in, in which order and when."""

    def __init__(
        self,
        *,
        in_flight_max: int = 100,
        unacknowledged_max: int = 100,
        max_rate: float = AT_ONCE,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.throttle = Throttle(
            in_flight_max=in_flight_max,
            unacknowledged_max=unacknowledged_max,
            now_s=self._loop.time,
            max_rate=max_rate,
        )
        self.came: list[str] = []
        self.at_s: list[float] = []

    def ask(
        self,
        name: str,
        events: int = 1,
        assignment: Assignment | None = None,
        *,
        refused: bool = False,
    ) -> "asyncio.Task[None]":
        """Somebody asks for a place."""
        return asyncio.create_task(self._enter(name, events, assignment, refused))

    async def _enter(
        self, name: str, events: int, assignment: Assignment | None, refused: bool
    ) -> None:
        await self.throttle.acquire(events, assignment, refused=refused)
        self.came.append(name)
        self.at_s.append(self._loop.time())
