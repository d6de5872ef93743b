"""TCP ports for servers that are restarted on the same address.

Invariants: a port is leased with a locked file, so two test runs of one user on this machine never
get the same one. Leased ports are below the system's ephemeral port range, so no outgoing
connection takes a port while its server is down.
"""

import fcntl
import random
import socket
from typing import IO

from tests.services.artifacts import cache_folder

_LOWEST, _HIGHEST = 20_000, 31_999
_TRIES = 200


class Port:
    """One leased port with its `number`."""

    def __init__(self) -> None:
        for _try in range(_TRIES):
            self.number = random.randint(_LOWEST, _HIGHEST)
            lease = _lease(self.number)
            if lease is not None:
                self._lease = lease
                return
        message = f"no free port found between {_LOWEST} and {_HIGHEST}"
        raise RuntimeError(message)

    def release(self) -> None:
        """Release the lease."""
        self._lease.close()


def _lease(number: int) -> IO[str] | None:
    folder = cache_folder() / "ports"
    folder.mkdir(parents=True, exist_ok=True)
    handle = (folder / str(number)).open("w")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", number))
    except OSError:
        handle.close()
        return None
    return handle


def accepts(number: int) -> bool:
    """Whether a process on this machine accepts connections at the port."""
    try:
        socket.create_connection(("127.0.0.1", number), timeout=1).close()
    except OSError:
        return False
    return True
