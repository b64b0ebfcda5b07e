"""The JSON API: the response shape, and errors that name the parameter."""

from importlib.metadata import version
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kb_app import create_app
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


def test_an_empty_query_is_no_error(site: FlaskClient) -> None:
    assert site.get("/api/v1/search").get_json()["problem"] == "empty"


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
