"""The JSON API: the response shape, and errors that name the parameter."""

import re
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient

from kb_app import create_app
from kb_app.services.container import Services
from search.embedding.background import DisabledEmbedder
from tests.support import make_services


def test_search_has_the_documented_shape(site: FlaskClient) -> None:
    answer = site.get("/api/v1/search?q=パスワード&lang=ja&limit=1").get_json()
    assert {"query_id", "verdict", "degraded", "elapsed_ms", "total", "hits"} <= answer.keys()
    hit = answer["hits"][0]
    assert {
        "article_id",
        "title",
        "url",
        "lang",
        "section",
        "heading",
        "snippet",
        "score",
        "arms",
    } <= hit.keys()
    assert hit["article_id"] == "ja-account-password" and len(answer["hits"]) == 1
    assert hit["arms"]["keyword"]["rank"] == 1


def test_each_search_has_its_own_id(site: FlaskClient) -> None:
    one, other = (site.get("/api/v1/search?q=a").get_json()["query_id"] for _ in range(2))
    assert one != other


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("q=a&lang=xx", "lang=xx"),
        ("q=a&limit=0", "limit=0"),
        ("q=a&limit=x", "limit=x"),
        ("q=a&limit=101", "1 to 100"),
        ("q=a&offset=-1", "offset=-1"),
        ("q=a&offset=99999999999", "offset"),
    ],
)
def test_a_bad_parameter_is_named(site: FlaskClient, arguments: str, words: str) -> None:
    response = site.get(f"/api/v1/search?{arguments}")
    assert (
        response.status_code == 400
        and response.mimetype == "application/problem+json"
        and words in response.get_json()["detail"]
    )


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/api/v1/search", "q: must be given"),
        ("/api/v1/search?q=", "q="),
        ("/api/v1/search?q=a&size=3", "size: there is no such parameter. Those are lang, q, limit"),
        ("/api/v1/suggest?q=a&by=foo", "by=foo"),
        ("/api/v1/articles?updated_since=2026-13-01", "updated_since=2026-13-01"),
    ],
)
def test_what_is_missing_or_unknown_is_named(site: FlaskClient, path: str, words: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 400 and words in answer.get_json()["detail"]


def test_a_method_that_is_not_there_names_those_that_are(site: FlaskClient) -> None:
    answer = site.post("/api/v1/search")
    assert answer.status_code == 405 and "GET" in answer.headers["Allow"]
    assert answer.mimetype == "application/problem+json"


# --- lists ---


def test_articles_come_a_page_at_a_time_each_once(site: FlaskClient) -> None:
    whole = site.get("/api/v1/articles").get_json()
    assert whole["total"] == len(whole["articles"]) > 2 and whole["next"] is None
    found: list[str] = []
    path = "/api/v1/articles?limit=1"
    while path:
        page = site.get(path).get_json()
        assert page["total"] == whole["total"]
        found += [one["id"] for one in page["articles"]]
        path = f"/api/v1/articles?limit=1&cursor={page['next']}" if page["next"] else ""
    assert found == [one["id"] for one in whole["articles"]]


def test_lists_hold_what_the_reader_may_see_and_what_was_asked(site: FlaskClient) -> None:
    def ids(query: str) -> set[str]:
        return {one["id"] for one in site.get(f"/api/v1/articles?{query}").get_json()["articles"]}

    assert "ja-desk-approve" not in ids("") and "ja-returns-draft" not in ids("")
    assert ids("lang=en") == {"en-account-password", "en-faults-kettle"}
    assert ids("tag=返金") == ids("updated_since=2026-11-01") == {"ja-returns-refund"}
    assert ids("updated_since=2026-11-02") == set()
    sections = site.get("/api/v1/sections?lang=ja").get_json()["sections"]
    assert [one["key"] for one in sections] == ["faults", "returns", "account"]
    assert sections[1]["title"] == "返品" and sections[1]["articles"] == 1


@pytest.mark.parametrize("cursor", ["x", "bnVsbA==", "W10=", "WyJhIiwgImIiXQ=="])
def test_a_cursor_of_another_list_is_refused(site: FlaskClient, cursor: str) -> None:
    answer = site.get(f"/api/v1/articles?cursor={cursor}")
    assert answer.status_code == 409 and "cursor" in answer.get_json()["detail"]
    given = site.get("/api/v1/articles?limit=1").get_json()["next"]
    assert site.get(f"/api/v1/articles?lang=ja&cursor={given}").status_code == 409


def test_an_article_has_markdown_and_whole_addresses(articles: Path, data: Path) -> None:
    own = make_services(articles, data, base_url="https://help.example")
    client = create_app(own).test_client()
    path = "/api/v1/articles/ja-returns-refund"
    article = client.get(path, base_url="https://help.example").get_json()
    assert article["url"].startswith("https://help.example/ja/articles/")
    assert "](https://help.example/" in article["markdown"] and "<p>" not in article["markdown"]


# --- other origins ---

SHOP = "https://shop.example"


@pytest.fixture
def permitted(articles: Path, data: Path) -> FlaskClient:
    return create_app(make_services(articles, data, api_origins=SHOP)).test_client()


def test_pages_of_a_permitted_origin_may_ask(permitted: FlaskClient) -> None:
    cross = {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"}
    answer = permitted.get("/api/v1/search?q=a", headers=cross)
    assert answer.headers["Access-Control-Allow-Origin"] == SHOP
    assert "Access-Control-Allow-Credentials" not in answer.headers
    asked = {**cross, "Access-Control-Request-Method": "POST"}
    before = permitted.options("/api/v1/feedback", headers=asked)
    assert "POST" in before.headers["Access-Control-Allow-Methods"]
    vote = {"article_id": "ja-returns-refund", "value": "yes"}
    assert permitted.post("/api/v1/feedback", json=vote, headers=cross).status_code == 202


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example.evil"])
def test_pages_of_other_origins_may_not(permitted: FlaskClient, origin: str) -> None:
    cross = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
    answer = permitted.get("/api/v1/search?q=a", headers=cross)
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert "Origin" in answer.headers["Vary"]
    vote = {"article_id": "ja-returns-refund", "value": "yes"}
    assert permitted.post("/api/v1/feedback", json=vote, headers=cross).status_code == 403


def test_only_the_api_is_open_to_them(permitted: FlaskClient) -> None:
    cross = {"Origin": SHOP, "Sec-Fetch-Site": "cross-site"}
    assert "Access-Control-Allow-Origin" not in permitted.get("/ja/", headers=cross).headers
    assert permitted.post("/ja/contact", data={"message": "x"}, headers=cross).status_code == 403


# --- cases, votes and tokens ---

CASE = {
    "form_id": "0b9a5a0e-6a0b-4d0e-9f4b-0d5b7f2c9a11",
    "message": "届きません",
    "mail": "hanako@example.com",
    "lang": "ja",
}


def test_a_case_is_opened_once_and_read_by_token(own: Services) -> None:
    client = create_app(own).test_client()
    first = client.post("/api/v1/cases", json=CASE)
    again = client.post("/api/v1/cases", json=CASE)
    assert (first.status_code, again.status_code) == (201, 200)
    case = first.get_json()
    assert again.get_json()["number"] == case["number"] and case["state"] == "open"
    assert client.get(urlsplit(case["url"]).path).status_code == 200
    path = f"/api/v1/cases/{case['number']}"
    assert client.get(path).status_code == 401
    (lead, *_) = own.users.all()
    for scope, wanted in (("cases", 200), ("search", 401)):
        token = own.users.add_token(scope, (scope,), lead.user_id)
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == wanted


def test_an_id_opens_no_page_of_another_message(own: Services) -> None:
    client = create_app(own).test_client()
    assert client.post("/api/v1/cases", json=CASE).status_code == 201
    for change in ({"message": "x"}, {"mail": "other@example.com"}):
        answer = client.post("/api/v1/cases", json={**CASE, **change})
        assert answer.status_code == 409 and "url" not in answer.get_json()


def test_cases_of_the_ombudsman_and_merged_ones(own: Services) -> None:
    client, at = create_app(own).test_client(), int(own.clock().timestamp() * 1000)
    (lead, *_) = own.users.all()
    own.users.add("o@example.com", "ombudsman", password="correct horse battery")
    signed = {"Authorization": f"Bearer {own.users.add_token('cases', ('cases',), lead.user_id)}"}
    numbers = []
    for n in range(2):
        form_id = f"{n}b9a5a0e-6a0b-4d0e-9f4b-0d5b7f2c9a11"
        answer = client.post("/api/v1/cases", json={**CASE, "form_id": form_id})
        numbers.append(answer.get_json()["number"])
    cases = own.support.cases
    one, other = (cases.by_number(number) for number in numbers)
    assert one and other
    told = client.get(f"/api/v1/cases/{one.number}", headers=signed).get_json()
    assert told["state"] == "open" and "url" not in told
    own.support.work.merge(one, other, "Lea", at)
    merged = client.get(f"/api/v1/cases/{one.number}", headers=signed).get_json()
    assert merged["number"] == other.number and merged["state"] == "open"
    with cases.changing() as connection:
        cases.change(connection, other.case_id, at, step="ombudsman")
    assert client.get(f"/api/v1/cases/{other.number}", headers=signed).status_code == 404


def test_quotes_and_articles_have_whole_addresses_below_a_path(articles: Path, data: Path) -> None:
    base = "https://example.com/help"
    client = create_app(make_services(articles, data, base_url=base)).test_client()
    article = client.get(
        "/help/api/v1/articles/ja-returns-refund", base_url="https://example.com"
    ).get_json()
    for address in re.findall(r'(?:href|src)="([^"]+)"', article["html"]):
        assert address.startswith((f"{base}/", "#")), address
    assert f"]({base}/" in article["markdown"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"message": " "}, "message: must be a text with something in it."),
        ({"mail": "x"}, "mail: must be a mail address, or empty."),
        ({"form_id": "1"}, "form_id"),
        ({"colour": "red"}, "colour"),
        ({"kind": "rant"}, "kind"),
    ],
)
def test_a_case_that_cannot_be_opened_says_why(
    own: Services, change: dict[str, str], words: str
) -> None:
    answer = create_app(own).test_client().post("/api/v1/cases", json={**CASE, **change})
    assert answer.status_code == 400 and words in answer.get_json()["detail"]


def test_figures_and_gaps_need_their_token(own: Services) -> None:
    client = create_app(own).test_client()
    (lead, *_) = own.users.all()
    token = own.users.add_token("reports", ("reports",), lead.user_id)
    signed = {"Authorization": f"Bearer {token}"}
    for path in ("/api/v1/figures", "/api/v1/gaps"):
        assert client.get(path).status_code == 401
    figures = client.get("/api/v1/figures?from=2026-11-01&to=2026-11-30", headers=signed).get_json()
    assert figures["from"] == "2026-11-01" and len(figures["figures"]) > 5
    gaps = client.get("/api/v1/gaps", headers=signed).get_json()["gaps"]
    # Three people asked for the one; one alone asked for the other.
    assert [(one["label"], one["people"]) for one in gaps] == [("学割", 3)]


def test_when_to_come_back_is_said_to_those_who_came_too_often(articles: Path, data: Path) -> None:
    client = create_app(make_services(articles, data, rate_limit="1 per minute")).test_client()
    first, second = (client.get("/api/v1/search?q=a") for _ in range(2))
    assert first.status_code == 200 and "Retry-After" not in first.headers
    assert first.headers["X-RateLimit-Limit"]
    assert second.status_code == 429 and int(second.headers["Retry-After"]) > 0
    assert second.mimetype == "application/problem+json"


def test_the_answer_is_quoted(articles: Path, data: Path) -> None:
    site = create_app(make_services(articles, data, DisabledEmbedder())).test_client()
    answer = site.get("/api/v1/search?q=お金はいつ戻りますか&lang=ja").get_json()
    assert (
        answer["verdict"] == "strict"
        and answer["answer"]["article_id"] == "ja-returns-refund"
        and "5営業日" in answer["answer"]["text"]
    )
    assert site.get("/api/v1/search?q=zzxxqq&lang=ja").get_json()["answer"] is None


def test_suggestions_by_meaning_have_the_same_shape(site: FlaskClient) -> None:
    answer = site.get("/api/v1/suggest?q=パスワードを忘れたとき&lang=ja&by=meaning")
    assert answer.status_code == 200 and all(
        {"text", "url", "lang", "article_id"} <= line.keys()
        for line in answer.get_json()["suggestions"]
    )
    assert all(
        line["article_id"] != "ja-desk-approve"
        for line in site.get("/api/v1/suggest?q=返金の承認&lang=ja&by=meaning").get_json()[
            "suggestions"
        ]
    )


def test_suggestions_lead_to_articles(site: FlaskClient) -> None:
    lines = site.get("/api/v1/suggest?q=ぱすわ&lang=ja").get_json()["suggestions"]
    assert lines[0]["text"] == "パスワードを忘れたとき" and lines[0]["url"].startswith(
        "/ja/articles/"
    )


def test_an_article_response_is_complete(site: FlaskClient) -> None:
    article = site.get("/api/v1/articles/ja-account-password").get_json()
    assert (
        article["sections"][1]["anchor"] == "next"
        and article["translations"][0]["lang"] == "en"
        and "<p>" in article["html"]
    )


def test_an_unknown_article_is_a_problem(site: FlaskClient) -> None:
    response = site.get("/api/v1/articles/none")
    assert response.status_code == 404 and response.mimetype == "application/problem+json"
    assert site.get("/api/v1/none").mimetype == "application/problem+json"


def test_health(site: FlaskClient) -> None:
    assert site.get("/healthz").get_json() == {"status": "ok", "version": version("kb-app")}
    ready = site.get("/readyz").get_json()
    assert ready["meaning"] == "ready" and ready["vectors"] == {
        "passages": "exact",
        "questions": "exact",
    }
