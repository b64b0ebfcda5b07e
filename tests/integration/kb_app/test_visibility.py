"""Internal, draft, future and expired articles are hidden on every page, list and API."""

import re

import pytest
from flask.testing import FlaskClient

HIDDEN = {
    "approve": "返金の承認",
    "draft": "返金の下書き",
    "future": "返金の新しいきまり",
    "expired": "返金の遅れ",
}
PLACES = [
    "/ja/",
    "/en/",
    "/ja/sections/returns",
    "/ja/sections/desk",
    "/ja/articles/refund",
    "/ja/search?q=返金",
    "/ja/search?q=返金の承認",
    "/ja/search?q=返金の下書き&section=returns",
    "/ja/search?q=section:desk+返金",
    '/ja/search?q="返金の承認"',
    "/ja/search?q=社内の手順",
    "/api/v1/search?q=返金&lang=ja&limit=100",
    "/api/v1/suggest?q=返金&lang=ja",
    "/api/v1/suggest?q=へんきん&lang=ja",
    "/api/v1/articles/ja-returns-refund",
]


@pytest.mark.parametrize("url", PLACES)
def test_hidden_articles_appear_nowhere(site: FlaskClient, url: str) -> None:
    html = re.sub(
        r"<title>.*?</title>|value=\"[^\"]*\"|<h1.*?</h1>|href=\"[^\"]*\"",
        "",
        site.get(url).get_data(as_text=True),
        flags=re.DOTALL,
    )
    assert not [title for title in HIDDEN.values() if title in html]


@pytest.mark.parametrize("slug", HIDDEN)
def test_hidden_articles_have_no_page(site: FlaskClient, slug: str) -> None:
    assert site.get(f"/ja/articles/{slug}").status_code == 404
    assert (
        site.get(
            f"/api/v1/articles/ja-{'desk' if slug == 'approve' else 'returns'}-{slug}"
        ).status_code
        == 404
    )


def test_a_link_to_a_hidden_article_becomes_text(site: FlaskClient) -> None:
    html = site.get("/ja/articles/refund").get_data(as_text=True)
    assert "承認と<a" in html and "kb:" not in html


def test_images_of_hidden_articles_are_hidden(site: FlaskClient) -> None:
    articles = site.application.extensions["kb_services"].live.snapshot().articles
    shown = {
        name: site.get(f"/media/{name}", buffered=True).status_code
        for name in articles._image_owners
    }
    owners = {name: articles.image_owners(name)[0].slug for name in shown}
    assert {owners[name]: status for name, status in shown.items()} == {
        "refund": 200,
        "approve": 404,
    }


def test_an_image_cannot_run_scripts(site: FlaskClient) -> None:
    articles = site.application.extensions["kb_services"].live.snapshot().articles
    name = next(
        name for name in articles._image_owners if articles.image_owners(name)[0].slug == "refund"
    )
    assert "sandbox" in site.get(f"/media/{name}", buffered=True).headers["Content-Security-Policy"]


def test_a_section_with_only_hidden_articles_is_404(site: FlaskClient) -> None:
    assert site.get("/ja/sections/desk").status_code == 404 and "窓口" not in site.get(
        "/ja/"
    ).get_data(as_text=True)
