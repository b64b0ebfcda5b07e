"""Assistants: the SDK's own client over HTTP and standard input, and what must not come in."""

import json
import sys
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import anyio
import pytest
from flask import Flask
from flask.testing import FlaskClient
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from kb_app import create_app
from kb_app.services.container import Services
from tests.integration.kb_app.deskwork import PASSWORD
from tests.support import serving

T = TypeVar("T")
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
JSON = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


@pytest.fixture
def app(own: Services) -> Flask:
    return create_app(own)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with serving(app) as url:
        yield f"{url}/mcp"


def run_apart(do: Callable[[], Awaitable[T]]) -> T:
    """Run it in a thread of its own: a browser of other tests has a loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, do).result()


def within_session(address: str, do: Callable[[ClientSession], Awaitable[T]]) -> T:
    async def run() -> T:
        async with (
            streamable_http_client(address) as streams,
            ClientSession(streams[0], streams[1]) as session,
        ):
            await session.initialize()
            return await do(session)

    return run_apart(run)


def called(address: str, name: str, **arguments: Any) -> Any:
    return within_session(address, lambda session: session.call_tool(name, arguments))


def test_a_client_learns_what_there_is(address: str) -> None:
    listed = within_session(address, lambda session: session.list_tools())
    tools = {tool.name: tool for tool in listed.tools}
    assert set(tools) == {"search", "read", "list_articles", "ask_a_person"}
    assert all(tool.description and tool.input_schema for tool in tools.values())
    assert tools["search"].annotations.read_only_hint
    assert not tools["ask_a_person"].annotations.read_only_hint


def test_a_question_is_answered_with_its_source(own: Services, address: str) -> None:
    result = called(address, "search", question="お金はいつ戻りますか", language="ja")
    found = result.structured_content
    assert found["verdict"] == "strict" and "5営業日" in found["answer"]
    assert found["articles"][0]["id"] == "ja-returns-refund"
    own.events.flush()
    (query,) = [one for one in own.store.queries(0, 2**60) if one.channel == "assistant"]
    assert query.user_query == "お金はいつ戻りますか" and not query.bot
    text = called(address, "read", article_id="ja-returns-refund").content[0].text
    assert text.startswith("# 返金の時期")


def test_what_we_do_not_have_is_said_with_a_way_to_a_person(address: str) -> None:
    found = called(address, "search", question="zzxxqq", language="ja").structured_content
    assert found["verdict"] == "none" and not found["answer"]
    assert "no answer" in found["what_to_say"] and found["a_person"].endswith("/ja/contact")


def test_a_person_is_asked_once_for_the_same_words(own: Services, address: str) -> None:
    given = {"message": "届きません", "mail": "hanako@example.com", "language": "ja"}
    first = called(address, "ask_a_person", **given).structured_content
    again = called(address, "ask_a_person", **given).structured_content
    assert first["number"] == again["number"] and "/cases/" in first["address"]
    # Whoever knows a customer's words and address does not get the customer's page.
    assert again["address"] == ""
    case = own.support.cases.by_number(first["number"])
    assert case is not None and case.channel == "assistant" and case.message == "届きません"
    refused = called(address, "ask_a_person", message="x", mail="nobody")
    assert refused.is_error and "mail" in refused.content[0].text


def test_what_is_hidden_stays_so(own: Services, address: str) -> None:
    for hidden in ("ja-desk-approve", "ja-returns-draft", "none"):
        refused = called(address, "read", article_id=hidden)
        assert refused.is_error and "no article" in refused.content[0].text
    listed = called(address, "list_articles").structured_content
    assert listed["total"] == len(listed["articles"]) > 2
    assert not {"ja-desk-approve", "ja-returns-draft"} & {one["id"] for one in listed["articles"]}
    found = called(address, "search", question="返金の承認", language="ja").structured_content
    assert "ja-desk-approve" not in [one["id"] for one in found["articles"]]


def send(client: FlaskClient, message: object, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post("/mcp", data=json.dumps(message), headers={**JSON, **named})


def test_figures_are_for_tokens_with_that_scope(own: Services, app: Flask) -> None:
    (lead, *_) = own.users.all()
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    client = app.test_client()

    def names(*scopes: str) -> set[str]:
        token = own.users.add_token("x", scopes, lead.user_id)
        answer = send(client, asked, Authorization=f"Bearer {token}").get_json()
        return {tool["name"] for tool in answer["result"]["tools"]}

    assert not {"figures", "unanswered_questions"} & names("search")
    assert {"figures", "unanswered_questions"} <= names("search", "reports")
    call = {**asked, "method": "tools/call", "params": {"name": "figures", "arguments": {}}}
    refused = send(client, call).get_json()
    assert "error" in refused or refused["result"]["isError"]
    token = own.users.add_token("y", ("reports",), lead.user_id)
    call["params"] = {"name": "unanswered_questions", "arguments": {}}
    told = send(client, call, Authorization=f"Bearer {token}").get_json()["result"]
    assert [gap["question"] for gap in told["structuredContent"]["result"]] == ["学割"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"null", 400),
        (b"[" * 50_000, 400),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "' + b"x" * 300_000 + b'"}', 413),
    ],
)
def test_what_is_no_message_is_refused(app: Flask, body: bytes, status: int) -> None:
    assert app.test_client().post("/mcp", data=body, headers=JSON).status_code == status


def test_there_are_no_sessions_and_no_streams(app: Flask) -> None:
    client = app.test_client()
    for method in ("GET", "DELETE"):
        answer = client.open("/mcp", method=method)
        assert answer.status_code == 405 and answer.headers["Allow"] == "POST"
    answer = send(client, INITIALIZE)
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    assert "Mcp-Session-Id" not in answer.headers and "Set-Cookie" not in answer.headers


def test_pages_of_other_sites_are_refused(app: Flask) -> None:
    client = app.test_client()
    for origin in ("https://evil.example", "http://[", "null"):
        assert send(client, INITIALIZE, Origin=origin).status_code == 403
    assert send(client, INITIALIZE, Origin="http://localhost").status_code == 200


def test_who_floods_waits(own: Services) -> None:
    object.__setattr__(own.settings, "rate_limit", "3 per minute")
    client = create_app(own).test_client()
    codes = [send(client, INITIALIZE).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]


def test_messages_to_a_person_are_counted(own: Services) -> None:
    object.__setattr__(own.settings, "rate_limit", "1000 per minute")
    client = create_app(own).test_client()

    def asked(number: int) -> dict[str, Any]:
        given = {"message": f"m{number}", "mail": "a@example.com"}
        params = {"name": "ask_a_person", "arguments": given}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        result: dict[str, Any] = send(client, message).get_json()["result"]
        return result

    results = [asked(number) for number in range(41)]
    assert [bool(one.get("isError")) for one in results] == [False] * 40 + [True]
    assert "contact page" in results[-1]["content"][0]["text"]


def test_messages_by_form_and_by_assistant_are_counted_together(own: Services) -> None:
    object.__setattr__(own.settings, "rate_limit", "1000 per minute")
    client = create_app(own).test_client()
    for number in range(40):
        message = {"message": f"m{number}", "mail": "a@example.com", "form_id": str(uuid.uuid4())}
        assert client.post("/api/v1/cases", json=message).status_code == 201
    params = {"name": "ask_a_person", "arguments": {"message": "x", "mail": "a@example.com"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    assert send(client, call).get_json()["result"]["isError"]


def test_an_assistant_is_nobody_however_often_it_asks(own: Services, app: Flask) -> None:
    params = {"name": "search", "arguments": {"question": "合言葉は何ですか", "language": "ja"}}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    for _ in range(3):
        answer = send(app.test_client(), call)
        assert "Set-Cookie" not in answer.headers
        app.test_client().get("/api/v1/search?q=合言葉は何ですか&lang=ja")
    own.events.flush()
    asked = [one for one in own.store.queries(0, 2**60) if "合言葉" in one.user_query]
    assert len(asked) == 6 and {one.client_id for one in asked} == {None}


def test_the_account_of_a_token_must_have_the_right(own: Services) -> None:
    agent = own.users.add("agent2@example.com", "agent", password=PASSWORD)
    own.users.add("agent3@example.com", "agent", password=PASSWORD)
    account = next(one for one in own.users.all() if one.mail == "agent2@example.com")
    assert agent is None or agent
    client = create_app(own).test_client()
    token = own.users.add_token("x", ("reports",), account.user_id)
    signed = {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/figures", headers=signed).status_code == 403
    listed = send(client, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, **signed).get_json()
    assert "figures" not in {tool["name"] for tool in listed["result"]["tools"]}


def test_the_same_over_standard_input(own: Services, tmp_path: Path) -> None:
    settings = own.settings
    environment = {
        "KB_ARTICLES": str(settings.articles),
        "KB_DATA": str(settings.data),
        "KB_EMBEDDING_MODEL": "off",
        "KB_CONFIG": "/dev/null",
        "PATH": "/usr/bin:/bin",
    }
    own.close()
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "kb_app", "mcp"], env=environment
    )

    async def run() -> Any:
        async with (
            stdio_client(command) as (read, write),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            return await session.call_tool("search", {"question": "お金はいつ戻りますか"})

    found = run_apart(run).structured_content
    assert found["articles"][0]["id"] == "ja-returns-refund"
