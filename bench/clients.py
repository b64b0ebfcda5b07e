"""Clients that ask over HTTP: {"address", "asked": [[text, lang]], "clients"} in, {"times": [seconds], "per_s"} out, as JSON.

Each client keeps its connection and asks its next question when the last is answered.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from urllib.parse import quote, urlsplit


async def client(host: str, port: int, questions: list[tuple[str, str]], times: list[float]) -> None:
    """Ask one question after another over one connection; takes them off the common list."""
    reader, writer = await asyncio.open_connection(host, port)
    while questions:
        text, lang = questions.pop()
        started = time.perf_counter()
        writer.write(f"GET /api/v1/search?q={quote(text)}&lang={lang} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(head.decode())
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
        await reader.readexactly(length)
        times.append(time.perf_counter() - started)
    writer.close()


async def ask_all(address: str, asked: list[tuple[str, str]], clients: int) -> dict[str, object]:
    """All questions from so many clients at once."""
    parts = urlsplit(address)
    times: list[float] = []
    left = list(asked)
    started = time.perf_counter()
    await asyncio.gather(*(client(str(parts.hostname), int(parts.port or 80), left, times) for _ in range(clients)))
    return {"times": times, "per_s": len(times) / (time.perf_counter() - started)}


if __name__ == "__main__":
    given = json.load(sys.stdin)
    print(json.dumps(asyncio.run(ask_all(given["address"], given["asked"], given["clients"]))))
