"""The JSON API: its shape, and errors that name the parameter."""

import pytest
from flask.testing import FlaskClient


def test_search_has_the_promised_shape(site: FlaskClient) -> None:
    answer = site.get("/api/v1/search?q=パスワード&lang=ja&limit=1").get_json()
    assert {"query_id", "verdict", "degraded", "elapsed_ms", "total", "hits"} <= answer.keys()
    hit = answer["hits"][0]
    assert {"article_id", "title", "url", "lang", "section", "heading", "snippet", "score", "arms"} <= hit.keys()
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
    assert response.status_code == 400 and response.mimetype == "application/problem+json" and words in response.get_json()["detail"]


def test_an_empty_query_is_a_value(site: FlaskClient) -> None:
    assert site.get("/api/v1/search").get_json()["problem"] == "empty"


def test_suggestions_lead_to_articles(site: FlaskClient) -> None:
    lines = site.get("/api/v1/suggest?q=ぱすわ&lang=ja").get_json()["suggestions"]
    assert lines[0]["text"] == "パスワードを忘れたとき" and lines[0]["url"].startswith("/ja/articles/")


def test_an_article_is_whole(site: FlaskClient) -> None:
    article = site.get("/api/v1/articles/ja-account-password").get_json()
    assert article["sections"][1]["anchor"] == "next" and article["translations"][0]["lang"] == "en" and "<p>" in article["html"]


def test_an_unknown_article_is_a_problem(site: FlaskClient) -> None:
    response = site.get("/api/v1/articles/none")
    assert response.status_code == 404 and response.mimetype == "application/problem+json"
    assert site.get("/api/v1/none").mimetype == "application/problem+json"


def test_health(site: FlaskClient) -> None:
    assert site.get("/healthz").get_json() == {"status": "ok"}
    assert site.get("/readyz").get_json()["meaning"] == "ready"
