"""A vendor's API on a port of this machine, with counted requests and faults."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

Item = TypeVar("Item")


class BaseUrl(str):
    """Where the server listens, without a slash at the end; what it saw and what it holds."""

    requests: Counter[str]
    """How often each path was asked for, without the query, percent-decoded."""
    addresses: dict[str, str]
    """By ``KEY/LANG`` of an entry's text: the address its readers knew it by."""
    cut_after: int | None
    """After so many requests in all, every answer is 500. None to heal the server."""

    @property
    def total(self) -> int:
        return sum(self.requests.values())


@dataclass(frozen=True)
class Request:
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]

    def number(self, name: str, default: int, most: int | None = None) -> int:
        value = int(self.query[name]) if self.query.get(name, "").isdigit() else default
        return min(value, most) if most else value

    def basic(self) -> tuple[str, str] | None:
        """User and password of HTTP basic authentication."""
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "basic":
            return None
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except ValueError:
            return None
        return user, password

    def bearer(self) -> str:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        return value if kind.lower() == "bearer" else ""


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    kind: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def answer(data: Any, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps(data, ensure_ascii=False).encode(), headers=headers or {})


Route = Callable[[Request, re.Match[str]], Reply]


@dataclass
class Api:
    """One vendor's answers, made for the address that the server listens on."""

    routes: list[tuple[str, Route]]
    """Patterns of whole paths; the first match answers."""
    files: dict[str, bytes]
    """Pictures and attachments by path; they need no token."""
    allows: Callable[[Request], bool]
    denied: Reply
    throttled: Reply
    not_found: Reply
    addresses: dict[str, str]

    def respond(self, request: Request) -> Reply:
        for pattern, route in self.routes:
            if match := re.fullmatch(pattern, request.path):
                return route(request, match) if self.allows(request) else self.denied
        return self.not_found


class LocalServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 100

    def __init__(self, cut_after: int | None, throttle_at: int | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = BaseUrl(f"http://127.0.0.1:{self.server_address[1]}")
        self.url.requests = Counter()
        self.url.cut_after = cut_after
        self.throttle_at = throttle_at
        self.asked = 0
        self.lock = threading.Lock()
        self.api: Api | None = None

    def reply(self, request: Request) -> Reply:
        assert self.api
        with self.lock:
            self.url.requests[request.path] += 1
            if self.url.cut_after is not None and self.url.total > self.url.cut_after:
                return answer({"error": "Internal Server Error"}, 500)
            if request.path in self.api.files:
                return Reply(200, self.api.files[request.path], "application/octet-stream")
            self.asked += 1
            if self.asked == self.throttle_at:
                return self.api.throttled
        return self.api.respond(request)


class Handler(BaseHTTPRequestHandler):
    server: LocalServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_args: object) -> None:
        """Log nothing."""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        headers = {key.title(): value for key, value in self.headers.items()}
        reply = self.server.reply(Request(unquote(parts.path), query, headers))
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.kind)
        self.send_header("Content-Length", str(len(reply.body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)


@contextmanager
def serve_api(
    make: Callable[[str], Api], *, cut_after: int | None = None, throttle_at: int | None = 3
) -> Iterator[BaseUrl]:
    """``throttle_at`` is the API request that is refused once with 429; files do not count."""
    server = LocalServer(cut_after, throttle_at)
    server.api = make(server.url)
    server.url.addresses = server.api.addresses
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def page_of(items: Sequence[Item], page: int, size: int) -> tuple[list[Item], int]:
    """The items of a page, counted from 1, and how many pages there are."""
    pages = max(1, -(-len(items) // size))
    return list(items[(page - 1) * size : page * size]), pages


def url(base: str, path: str, **query: object) -> str:
    """An address with its path percent-encoded."""
    text = base + quote(path)
    return text + "?" + urlencode(query) if query else text
