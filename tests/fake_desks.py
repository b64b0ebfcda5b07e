"""Fake ticket systems with the published APIs of Zendesk and Freshdesk, a webhook receiver and a
mail server.

Each can be made to fail.
"""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

SLOW_S = 1.2
"""Longer than the timeout of the clients in tests."""


class LocalDesk(ThreadingHTTPServer):
    """A ticket system on its own port.

    ``faults`` are the outcomes of the next write requests: an HTTP status, "slow" to process the
    request and answer after the client's timeout, or "cut" to process it and drop the connection.
    """

    daemon_threads = True
    request_queue_size = 200

    def __init__(self, handler: type[DeskHandler], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), handler)
        self.faults: list[int | str] = []
        self.retry_after = "7"
        self.tickets: dict[int, dict[str, Any]] = {}
        self.keys: dict[str, int] = {}
        self.knows_keys = True
        self.seen: list[tuple[str, str, dict[str, str], Any]] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class DeskHandler(BaseHTTPRequestHandler):
    """Shared by all ticket systems: read the request, inject the fault, answer JSON."""

    server: LocalDesk
    auth = ""

    def log_message(self, *_args: object) -> None:
        """Log nothing."""

    def handle_one(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        given = json.loads(raw) if raw else None
        with self.server.lock:
            self.server.seen.append((self.command, self.path, dict(self.headers), raw))
            fault = (
                self.server.faults.pop(0) if self.server.faults and self.command != "GET" else None
            )
        if (
            self.auth
            and self.headers.get("Authorization")
            != f"Basic {base64.b64encode(self.auth.encode()).decode()}"
        ):
            self.refuse(401)
        elif isinstance(fault, int):
            self.refuse(fault)
        else:
            with self.server.lock:
                status, body, headers = self.do(given)
            if fault == "slow":
                time.sleep(SLOW_S)
            if fault == "cut":
                self.close_connection = True
                self.connection.shutdown(2)
                return
            self.answer(status, body, headers)

    do_GET = do_POST = do_PUT = handle_one  # noqa: N815, the names that http.server calls

    def do(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        raise NotImplementedError

    def refuse(self, status: int) -> None:
        self.answer(
            status,
            self.error(status),
            {"Retry-After": self.server.retry_after} if status == 429 else {},
        )

    def error(self, status: int) -> Any:
        return {"error": str(status)}

    def answer(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        try:
            self.send_response(status)
            for name, value in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                **(headers or {}),
            }.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            pass  # the client has disconnected


class Zendesk(DeskHandler):
    """Requests of the Ticketing API v2.

    https://developer.zendesk.com/api-reference/ticketing/tickets/ticket-requests/
    """

    auth = "agent@example.com/token:zendesk-secret"

    def do(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        path = urlsplit(self.path)
        if path.path == "/api/v2/requests.json" and self.command == "POST":
            return self._create(given)
        if path.path == "/api/v2/search.json":
            found = parse_qs(path.query)["query"][0]
            number = found.partition('subject:"')[2].rstrip('"')
            hits = [
                {"id": one["id"], "subject": one["subject"], "result_type": "ticket"}
                for one in self.server.tickets.values()
                if number in one["subject"]
            ]
            return 200, {"results": hits, "count": len(hits), "next_page": None}, {}
        name = path.path.removeprefix("/api/v2/requests/").removesuffix(".json")
        number, _, part = name.partition("/")
        ticket = self.server.tickets.get(int(number)) if number.isdigit() else None
        if ticket is None:
            return 404, self.error(404), {}
        if part == "comments":
            return (
                200,
                {
                    "comments": [
                        {"id": place, "body": body} for place, body in enumerate(ticket["comments"])
                    ],
                    "count": len(ticket["comments"]),
                },
                {},
            )
        if self.command == "PUT":
            ticket["comments"].append(given["request"]["comment"]["body"])
        return (
            200,
            {"request": {name: value for name, value in ticket.items() if name != "comments"}},
            {},
        )

    def _create(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        key = self.headers.get("Idempotency-Key", "")
        if self.server.knows_keys and key in self.server.keys:
            return (
                201,
                {"request": self.server.tickets[self.server.keys[key]]},
                {"x-idempotency-lookup": "hit"},
            )
        request = given["request"]
        if not request.get("subject") or not request.get("comment", {}).get("body"):
            return 422, self.error(422), {}
        number = len(self.server.tickets) + 33
        ticket = {
            "id": number,
            "url": f"{self.server.url}/api/v2/requests/{number}.json",
            "status": "new",
            "subject": request["subject"],
            "description": request["comment"]["body"],
            "requester": request.get("requester"),
            "comments": [],
        }
        self.server.tickets[number] = ticket
        self.server.keys[key] = number
        return 201, {"request": ticket}, {"x-idempotency-lookup": "miss"}

    def error(self, status: int) -> Any:
        return {
            401: {"error": "Couldn't authenticate you"},
            404: {"error": "RecordNotFound", "description": "Not found"},
            422: {
                "error": "RecordInvalid",
                "description": "Record validation errors",
                "details": {"subject": [{"description": "Subject: cannot be blank"}]},
            },
            429: {
                "error": "APIRateLimitExceeded",
                "description": "Number of allowed API requests per minute exceeded",
            },
        }.get(status, {"error": "InternalError"})


class Freshdesk(DeskHandler):
    """Tickets of the API v2: https://developers.freshdesk.com/api/#tickets"""

    auth = "freshdesk-key:X"

    def do(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        path = urlsplit(self.path)
        if path.path == "/api/v2/tickets" and self.command == "POST":
            return self._create(given)
        if path.path == "/api/v2/tickets":
            asked = parse_qs(path.query)
            hits = [
                one
                for one in self.server.tickets.values()
                if all(
                    one.get(name) == asked[name][0]
                    for name in ("email", "unique_external_id")
                    if name in asked
                )
            ]
            return (
                200,
                [
                    {name: value for name, value in one.items() if name != "notes"}
                    for one in reversed(hits)
                ],
                {},
            )
        number, _, part = path.path.removeprefix("/api/v2/tickets/").partition("/")
        ticket = self.server.tickets.get(int(number)) if number.isdigit() else None
        if ticket is None:
            return 404, None, {}
        if part == "notes" and self.command == "POST":
            ticket["notes"].append(given["body"])
            return (
                201,
                {"id": len(ticket["notes"]), "body": given["body"], "private": given["private"]},
                {},
            )
        if part == "conversations":
            return (
                200,
                [{"id": place, "body": body} for place, body in enumerate(ticket["notes"])],
                {},
            )
        if self.command == "PUT":
            ticket.update(given)
        return 200, {name: value for name, value in ticket.items() if name != "notes"}, {}

    def _create(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        wrong = [
            name
            for name in ("subject", "description", "status", "priority", "source")
            if not given.get(name)
        ]
        wrong += [] if given.get("email") or given.get("unique_external_id") else ["email"]
        if wrong:
            errors = [
                {"field": name, "message": "It should be a/an String", "code": "missing_field"}
                for name in wrong
            ]
            return 400, {"description": "Validation failed", "errors": errors}, {}
        number = len(self.server.tickets) + 1
        self.server.tickets[number] = {"id": number, "notes": [], **given}
        return (
            201,
            {name: value for name, value in self.server.tickets[number].items() if name != "notes"},
            {},
        )

    def error(self, status: int) -> Any:
        return {
            401: {
                "code": "invalid_credentials",
                "message": "You have to be logged in to perform this action.",
            },
            404: None,
            422: {
                "description": "Validation failed",
                "errors": [{"field": "subject", "message": "is invalid", "code": "invalid_value"}],
            },
            429: {"message": "You have exceeded the limit of requests per hour"},
        }.get(status, {"code": "internal_error"})


class Receiver(DeskHandler):
    """Accept each webhook event once; ``tickets`` holds the accepted bodies by number."""

    def do(self, given: Any) -> tuple[int, Any, dict[str, str]]:
        key = self.headers.get("X-KB-Event-Id", "")
        if key not in self.server.keys:
            self.server.keys[key] = len(self.server.tickets) + 1
            self.server.tickets[self.server.keys[key]] = given
        return 200, {"id": f"crm-{self.server.keys[key]}"}, {}


@contextmanager
def running(handler: type[DeskHandler], port: int = 0) -> Iterator[LocalDesk]:
    """Run a ticket system until the end of the block."""
    desk = LocalDesk(handler, port)
    thread = threading.Thread(
        target=desk.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    )
    thread.start()
    try:
        yield desk
    finally:
        desk.shutdown()
        desk.server_close()
        thread.join()


class Mails:
    """A real SMTP server that keeps the mails it accepts.

    ``faults``: replies to the next mails, e.g. "451 later"; "slow" accepts the mail and answers
    after the client's timeout.
    """

    def __init__(self) -> None:
        self.taken: list[Message] = []
        self.receivers: list[str] = []
        self.faults: list[str] = []
        self.parting = "221 Bye"

    async def handle_QUIT(self, _server: Any, _session: Any, _envelope: Any) -> str:  # noqa: N802, aiosmtpd's name
        return self.parting

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802, aiosmtpd's name
        import asyncio

        fault = self.faults.pop(0) if self.faults else ""
        if fault and fault != "slow":
            return fault
        self.taken.append(message_from_bytes(envelope.content))
        self.receivers += envelope.rcpt_tos
        if fault == "slow":
            await asyncio.sleep(SLOW_S)
        return "250 OK"

    def texts(self) -> list[str]:
        """The texts of all mails."""
        return [message.get_payload(decode=True).decode() for message in self.taken]  # type: ignore[union-attr]


@contextmanager
def mail_server(port: int = 0) -> Iterator[tuple[Mails, str]]:
    """Run an SMTP server; yield (accepted mails, its URL)."""
    from aiosmtpd.controller import Controller

    mails = Mails()
    controller = Controller(mails, hostname="127.0.0.1", port=port or free_port())
    controller.start()
    try:
        yield mails, f"smtp://127.0.0.1:{controller.port}"
    finally:
        controller.stop()


def free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
