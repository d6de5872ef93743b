"""The YAML language server that editors use, from npm, over stdio.

Invariants: the version is pinned here. It is installed once, into the tests' cache, and connects
only to the test. npm's own configuration determines the package registry.
"""

import asyncio
import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.services.artifacts import cache_folder
from tests.services.pins import Unobtainable

VERSION = "1.25.0"
_ANSWER_S = 30.0
_INSTALL_S = 100.0


def install() -> Path:
    """The server's program, installed first if it is missing; raises Unobtainable."""
    home = cache_folder() / f"yaml-language-server-{VERSION}"
    program = home / "node_modules" / ".bin" / "yaml-language-server"
    if program.exists():
        return program
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        raise Unobtainable("npm or node is not installed")
    cache_folder().mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix="editor.", suffix=".part", dir=cache_folder()))
    wanted = f"yaml-language-server@{VERSION}"
    quiet = ("--no-save", "--no-audit", "--no-fund", "--ignore-scripts", "--silent")
    try:
        done = subprocess.run(
            [npm, "install", *quiet, "--prefix", str(part), wanted],
            capture_output=True,
            text=True,
            timeout=_INSTALL_S,
            check=False,
        )
        if done.returncode:
            raise Unobtainable(f"npm cannot install {wanted}: {done.stderr.strip()[-500:]}")
        part.rename(home)
    except (OSError, subprocess.TimeoutExpired) as error:
        if not program.exists():  # a concurrent run may have installed it
            raise Unobtainable(f"{wanted} cannot be installed: {error}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return program


class LanguageServer:
    """A server during an `async with` block; files are passed as text."""

    def __init__(self, program: Path, schemas: Mapping[str, str]) -> None:
        """`schemas` maps a glob of file names to the URL of their schema."""
        self._program = program
        self._settings = {
            "yaml": {
                "validate": True,
                "completion": True,
                "schemaStore": {"enable": False},
                "schemas": {url: glob for glob, url in schemas.items()},
            }
        }
        self._configured = asyncio.Event()
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._diagnosed: dict[str, asyncio.Future[list[dict[str, Any]]]] = {}
        self._next = 0

    async def __aenter__(self) -> Self:
        self._process = await asyncio.create_subprocess_exec(
            str(self._program),
            "--stdio",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=2**24,
        )
        self._reading = asyncio.create_task(self._read())
        await self._request("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self._notify("initialized", {})
        self._notify("workspace/didChangeConfiguration", {"settings": None})
        await self._configured.wait()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        await self._process.wait()
        await self._reading

    async def diagnose(self, uri: str, text: str) -> list[dict[str, Any]]:
        """The server's diagnostics for a file, in line order."""
        found = self._diagnosed[uri] = asyncio.get_running_loop().create_future()
        document = {"uri": uri, "languageId": "yaml", "version": 1, "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})
        diagnostics = await asyncio.wait_for(found, _ANSWER_S)
        return sorted(diagnostics, key=lambda one: one["range"]["start"]["line"])

    async def complete(self, uri: str, line: int, character: int) -> list[str]:
        """The completion labels at a position (0-based) of a file that is already open."""
        place = {"line": line, "character": character}
        params = {"textDocument": {"uri": uri}, "position": place}
        answer = await self._request("textDocument/completion", params)
        return [item["label"] for item in answer["items"]]

    async def _request(self, method: str, params: object) -> Any:
        self._next += 1
        answer = self._waiting[self._next] = asyncio.get_running_loop().create_future()
        self._send({"id": self._next, "method": method, "params": params})
        return await asyncio.wait_for(answer, _ANSWER_S)

    def _notify(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def _read(self) -> None:
        output = self._process.stdout
        assert output is not None
        while head := await output.readline():
            length = int(head.partition(b":")[2])
            while (await output.readline()).strip():
                pass
            self._handle(json.loads(await output.readexactly(length)))

    def _handle(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            self._waiting.pop(message["id"]).set_result(message.get("result"))
        elif method == "workspace/configuration":
            items = [item.get("section") for item in message["params"]["items"]]
            answer = [self._settings.get(section) for section in items]
            self._send({"id": message["id"], "result": answer})
            self._configured.set()
        elif "id" in message:  # another server request that needs no real result
            self._send({"id": message["id"], "result": None})
        elif method == "textDocument/publishDiagnostics":
            found = self._diagnosed.pop(message["params"]["uri"], None)
            if found is not None:
                found.set_result(message["params"]["diagnostics"])
