"""An event loop in virtual time: time jumps to the next timer, so waiting takes no real time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Returns at once and adds the timeout to `now_s`."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready now; fail if everything waits forever."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise AssertionError("deadlock: every task waits, and no timer is set")
        self.now_s += timeout or 0.0
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, which starts at 0 s."""

    def __init__(self) -> None:
        self._jumping_selector = _JumpingSelector()
        super().__init__(self._jumping_selector)

    def time(self) -> float:
        """Return the virtual time in seconds."""
        return self._jumping_selector.now_s


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to completion in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)


async def settle_down() -> None:
    """Run all tasks as far as they get without waiting."""
    for _ in range(50):
        await asyncio.sleep(0)
