"""HTTP load generator in its own process.

    python -m bench.clients < requests.json

Reads {"address", "asked": [[text, lang]], "clients"} from stdin and writes {"times": [seconds],
"per_s"} to stdout. Each client keeps its connection and sends its next query when the last one is
answered. It shares the CPU with the server under test and therefore does little work: requests are
built in advance, and of a response only status and length are parsed.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import quote, urlsplit

_LENGTH = b"\r\ncontent-length:"


class Client(asyncio.Protocol):
    """Sends one query after another over one connection, from a list shared by all clients."""

    def __init__(
        self, requests: list[bytes], times: list[float], done: asyncio.Future[None]
    ) -> None:
        self._requests, self._times, self._done = requests, times, done
        self._started = 0.0
        self._answer = b""
        self._whole = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first query."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        """Collect a part of a response; send the next query when it is complete."""
        self._answer += data
        if not self._whole:
            self._whole = self._length()
        if self._whole and len(self._answer) >= self._whole:
            self._times.append(time.perf_counter() - self._started)
            self._ask()

    def connection_lost(self, error: Exception | None) -> None:
        """Fail if the server closes the connection while queries are left."""
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
        """Return the total length of head and body in bytes; 0 until the head is complete."""
        head_end = self._answer.find(b"\r\n\r\n")
        if head_end < 0:
            return 0
        head = self._answer[:head_end].lower()
        if b" 200 " not in head[:16] or _LENGTH not in head:
            raise SystemExit(self._answer.decode())
        return head_end + 4 + int(head.split(_LENGTH, 1)[1].split(b"\r\n", 1)[0])


async def ask_all(address: str, asked: list[tuple[str, str]], clients: int) -> dict[str, object]:
    """Send all queries with this number of concurrent clients."""
    host = urlsplit(address).netloc
    requests = [
        f"GET /api/v1/search?q={quote(text)}&lang={lang} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
        for text, lang in asked
    ]
    times: list[float] = []
    loop = asyncio.get_running_loop()
    finished: list[asyncio.Future[None]] = [loop.create_future() for _ in range(clients)]
    name, _, port = host.partition(":")
    started = time.perf_counter()
    await asyncio.gather(
        *(
            loop.create_connection(
                lambda end=end: Client(requests, times, end),  # type: ignore[misc]
                name,
                int(port or 80),
            )
            for end in finished
        )
    )
    await asyncio.gather(*finished)
    return {"times": times, "per_s": len(times) / (time.perf_counter() - started)}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(asyncio.run(ask_all(given["address"], given["asked"], given["clients"]))))
