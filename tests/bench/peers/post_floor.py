"""The lower bound for delivery: 256 workers post prepared bodies; nothing else.

    python post_floor.py job.json

It uses aiohttp on uvloop, fully tuned: no cookies, an unlimited pool, shared headers, no redirects
and no URL encoding. The garbage collector only checks new objects.
"""

import asyncio
import gc
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import uvloop
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

_WORKERS = 256
_USERS = 2_000


def requests(count: int) -> Iterator[tuple[str, bytes]]:
    """Paths and bodies like those of the bridge, prepared before the first request."""
    prepared = []
    for number in range(_USERS):
        data = {
            "payment_id_str": f"8f27f09e-2c37-4246-80ac-b2634{number:07}",
            "amount_real": 19.99,
            "currency_str": "EUR",
        }
        event = {
            "event_name": "Payment Failed",
            "event_data": data,
            "timestamp": "2026-11-24T10:15:00.000Z",
            "use_recent_session": True,
        }
        body = json.dumps({"event": event}, separators=(",", ":")).encode()
        prepared.append((f"/users/v1/individual/customer-{number:06}/customevent", body))
    return itertools.islice(itertools.cycle(prepared), count)


async def main(job: dict[str, Any]) -> None:
    """Post until the last mark, then wait for SIGTERM, so that the harness can take its sample."""
    work, base = requests(job["marks"][1]), URL(job["url"])
    headers = CIMultiDictProxy(
        CIMultiDict(
            {
                "Authorization": f"Basic {job['key']}",
                "Content-Type": "application/json",
                "Accept": "application/json",
                "User-Agent": "floor",
            }
        )
    )

    async def worker(session: aiohttp.ClientSession) -> None:
        for path, body in work:
            async with session.post(
                base.with_path(path, encoded=True),
                data=body,
                headers=headers,
                allow_redirects=False,
            ) as response:
                assert response.status == 200
                await response.read()

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=10, sock_connect=5),
    ) as session:
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        await asyncio.gather(*(worker(session) for _ in range(_WORKERS)))
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(json.loads(Path(sys.argv[1]).read_bytes())))
