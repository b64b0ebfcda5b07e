"""The typed client of clients/: its types are those of the API, and it speaks to a site."""

import inspect
import uuid
from collections.abc import Iterator
from datetime import date

import pytest
from flask import Flask
from kb_client import Client, ProblemError
from kb_client import types as client_types

from kb_app import create_app
from kb_app.services.container import Services
from tests.support import serving


@pytest.fixture
def app(own: Services) -> Flask:
    return create_app(own)


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    with serving(app) as url:
        yield url


def test_the_types_have_the_fields_of_the_api(app: Flask) -> None:
    schemas = app.test_client().get("/api/v1/openapi.json").get_json()["components"]["schemas"]
    typed = [
        (name, kind)
        for name, kind in inspect.getmembers(client_types, inspect.isclass)
        if kind.__module__ == client_types.__name__
    ]
    assert len(typed) > 15
    for name, kind in typed:
        assert set(kind.__annotations__) == set(schemas[name]["properties"]), name


def test_what_a_program_does_first(address: str) -> None:
    with Client(address) as client:
        found = client.search("お金はいつ戻りますか", lang="ja")
        assert found["verdict"] == "strict" and found["answer"]
        article = client.article(found["answer"]["article_id"])
        assert article["title"] == "返金の時期"
        client.vote(article["id"], "yes", query_id=found["query_id"])
        assert {one["id"] for one in client.articles(lang="en")} == {
            "en-account-password",
            "en-faults-kettle",
        }
        assert list(client.articles(updated_since=date(2030, 1, 1))) == []
        assert client.sections(lang="ja") and client.suggest("ぱすわ", "ja")
        assert client.contact("ja")["page"].endswith("/ja/contact")


def test_a_case_is_opened_once(address: str) -> None:
    with Client(address) as client:
        form = str(uuid.uuid4())
        first, again = (
            client.open_case("届きません", mail="a@example.com", form_id=form) for _ in range(2)
        )
        assert first["number"] == again["number"] and first["state"] == "open"


def test_what_is_refused_says_why(address: str) -> None:
    with Client(address) as client, pytest.raises(ProblemError, match="404") as caught:
        client.article("none/../x")
    assert caught.value.status == 404
    with Client(address) as client, pytest.raises(ProblemError, match="scope reports"):
        client.figures()


def test_with_a_token(own: Services, address: str) -> None:
    (lead, *_) = own.users.all()
    token = own.users.add_token("x", ("reports",), lead.user_id)
    with Client(address, token=token) as client:
        assert client.figures(date(2026, 11, 1), date(2026, 11, 30))
        assert [gap["label"] for gap in client.gaps()] == ["学割"]


def test_it_waits_as_long_as_the_site_says(own: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    object.__setattr__(own.settings, "rate_limit", "3 per minute")
    waits: list[float] = []
    monkeypatch.setattr("kb_client.client.sleep", waits.append)
    with serving(create_app(own)) as url, Client(url) as client:
        for _ in range(3):
            client.suggest("a")
        with pytest.raises(ProblemError, match="429"):
            client.suggest("a")
    assert len(waits) == 3 and all(0 < wait <= 60 for wait in waits)
