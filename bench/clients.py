"""Clients that ask over HTTP: {"address", "asked": [[text, lang]], "clients"} in, {"times": [seconds], "per_s"} out, as JSON.

Each client keeps its connection and asks its next question when the last is answered. They share the processors with what is measured,
so that they do as little as they can: requests are written beforehand, and of an answer only its status and length are read.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import quote, urlsplit

_LENGTH = b"\r\ncontent-length:"


class Client(asyncio.Protocol):
    """Asks one question after another over one connection; takes them off the common list."""

    def __init__(
        self, requests: list[bytes], times: list[float], done: asyncio.Future[None]
    ) -> None:
        self._requests, self._times, self._done = requests, times, done
        self._started = 0.0
        self._answer = b""
        self._whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """A part of an answer."""
        self._answer += data
        if not self._whole:
            self._whole = self._length()
        if self._whole and len(self._answer) >= self._whole:
            self._times.append(time.perf_counter() - self._started)
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Ended by the other side while something was asked, or by us."""
        if not self._done.done():
            self._done.set_exception(SystemExit(f"The connection was lost: {error}"))

    def _ask(self) -> None:
        if not self._requests:
            self._done.set_result(None)
            self._transport.close()
            return
        self._answer, self._whole = b"", 0
        request = self._requests.pop()
        self._started = time.perf_counter()
        self._transport.write(request)

    def _length(self) -> int:
        """Of head and body; 0 while the head is not whole."""
        end = self._answer.find(b"\r\n\r\n")
        if end < 0:
            return 0
        head = self._answer[:end].lower()
        if b" 200 " not in head[:16] or _LENGTH not in head:
            raise SystemExit(self._answer.decode())
        return end + 4 + int(head.split(_LENGTH, 1)[1].split(b"\r\n", 1)[0])


async def ask_all(address: str, asked: list[tuple[str, str]], clients: int) -> dict[str, object]:
    """All questions from so many clients at once."""
    host = urlsplit(address).netloc
    requests = [
        f"GET /api/v1/search?q={quote(text)}&lang={lang} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        for text, lang in asked
    ]
    times: list[float] = []
    loop = asyncio.get_running_loop()
    ends: list[asyncio.Future[None]] = [loop.create_future() for _ in range(clients)]
    name, _, port = host.partition(":")
    started = time.perf_counter()
    await asyncio.gather(
        *(
            loop.create_connection(
                lambda end=end: Client(requests, times, end), name, int(port or 80)
            )
            for end in ends
        )
    )  # type: ignore[misc]
    await asyncio.gather(*ends)
    return {"times": times, "per_s": len(times) / (time.perf_counter() - started)}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(asyncio.run(ask_all(given["address"], given["asked"], given["clients"]))))
