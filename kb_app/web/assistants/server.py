"""The MCP server: the tools, and one exchange over HTTP."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Coroutine
from contextlib import AbstractContextManager, nullcontext
from typing import Any, TypeVar

from mcp.server.mcpserver import MCPServer
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.types import ToolAnnotations

from kb_app.version import VERSION
from kb_app.web.assistants import tools

T = TypeVar("T")
Tool = Callable[..., Coroutine[Any, Any, T]]
# Each request of the site is an exchange of its own: nothing of it is worth a line.
logging.getLogger("mcp").setLevel(logging.WARNING)
MAX_BODY = 256 * 1024
INSTRUCTIONS = (
    "Answer questions of customers from this help centre alone. Search with their own words, quote "
    "the answer with its address, and respect the verdict: with `none` or `partly` say that there "
    "is no answer here and offer ask_a_person, with `weak` say that it may not fit."
)
_READS = ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(
    read_only_hint=False, destructive_hint=False, idempotent_hint=True, open_world_hint=False
)
Within = Callable[[], AbstractContextManager[object]]


def make_server(
    name: str, *, with_reports: bool = False, within: Within = nullcontext
) -> MCPServer[Any]:
    """The server with its tools. ``within`` is what each call of a tool happens in."""
    server: MCPServer[Any] = MCPServer(name, version=VERSION, instructions=INSTRUCTIONS)
    reading: list[Tool[Any]] = [tools.search, tools.read, tools.list_articles]
    if with_reports:
        reading += [tools.figures, tools.unanswered_questions]
    for tool in reading:
        server.add_tool(_called_within(tool, within), annotations=_READS)
    server.add_tool(_called_within(tools.ask_a_person, within), annotations=_WRITES)
    return server


def _called_within(tool: Tool[T], within: Within) -> Tool[T]:
    @functools.wraps(tool)
    async def call(*args: Any, **kwargs: Any) -> T:
        with within():
            return await tool(*args, **kwargs)

    return call


async def exchange(
    server: MCPServer[Any], scope: dict[str, Any], body: bytes
) -> tuple[int, list[tuple[str, str]], bytes]:
    """Answer one HTTP request, in JSON and without a session: (status, headers, body)."""
    manager = StreamableHTTPSessionManager(
        server._lowlevel_server,
        json_response=True,
        stateless=True,
        max_request_body_size=MAX_BODY,
    )
    sent: dict[str, Any] = {"status": 500, "headers": [], "body": b""}
    parts = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> dict[str, Any]:
        return next(parts, {"type": "http.disconnect"})

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            sent["status"], sent["headers"] = message["status"], message.get("headers", [])
        else:
            sent["body"] += message.get("body", b"")

    async with manager.run():
        await manager.handle_request(scope, receive, send)
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in sent["headers"]]
    return sent["status"], headers, sent["body"]
