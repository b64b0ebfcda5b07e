"""Two articles answer a question, and say different things."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from indexer.query_tests import failed_tests
from kb_app import create_app
from search.embedding.background import BackgroundEmbedder
from tests.support import build_folder, make_services, write_article

QUESTIONS = {
    "ja/returns/one.md": "返品は何日以内ですか",
    "ja/returns/two.md": "返品は何日までできますか",
    "ja/returns/three.md": "サイズの交換は何日以内ですか",
    "en/orders/coupons.md": "Can I combine coupons?",
    "en/orders/codes.md": "Can coupons be combined?",
}
RULES = {
    "ja/returns/one.md": ("返品について", "商品の到着から30日以内であれば返品できます。"),
    "ja/returns/two.md": ("返品・交換の決まり", "返品は商品到着後14日以内に限ります。"),
    "ja/returns/three.md": ("サイズの交換", "交換は商品到着後60日以内に1回までできます。"),
    "en/orders/coupons.md": ("Combining coupons", "Coupons can be combined in one order."),
    "en/orders/codes.md": ("Coupons", "Coupons cannot be combined in one order."),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    articles = tmp_path_factory.mktemp("disagreeing")
    for path, (title, text) in RULES.items():
        asked = QUESTIONS[path]
        write_article(articles, path, title, text, questions=[asked], tests=[asked])
    return articles


@pytest.fixture(scope="module")
def site(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, real_embedder: BackgroundEmbedder
) -> FlaskClient:
    data = tmp_path_factory.mktemp("data")
    build_folder(folder, data, real_embedder)
    return create_app(make_services(folder, data, real_embedder)).test_client()


def test_both_are_quoted_and_a_person_is_offered(site: FlaskClient) -> None:
    html = site.get("/ja/search?q=返品は何日までできますか").get_data(as_text=True)
    assert html.count('class="answer"') == 2 and "違うことが書かれています" in html
    assert "30日以内" in html and "14日以内" in html and "担当者に相談する" in html
    assert html.count("one?from") == 1, "what is quoted is not listed again"


def test_a_denial_is_quoted_beside_what_it_denies(site: FlaskClient) -> None:
    reply = site.get("/api/v1/search?q=Can+I+combine+coupons&lang=en").get_json()
    assert reply["answer"]["text"] == RULES["en/orders/coupons.md"][1]
    assert reply["other_answer"]["text"] == RULES["en/orders/codes.md"][1]


def test_another_case_is_no_contradiction(site: FlaskClient) -> None:
    reply = site.get("/api/v1/search?q=サイズの交換は何日以内ですか&lang=ja").get_json()
    assert reply["answer"] and reply["other_answer"] is None


def test_the_writers_of_both_are_told(
    folder: Path, tmp_path: Path, real_embedder: BackgroundEmbedder
) -> None:
    problems = failed_tests(folder, tmp_path, real_embedder)
    told = {problem.path: problem for problem in problems if problem.code == "disagrees"}
    assert {"ja/returns/two.md", "en/orders/coupons.md"} <= set(told)
    assert "返品について" in str(told["ja/returns/two.md"])
    assert {problem.severity for problem in told.values()} == {"warning"}
