"""Links, files beside articles, films, frames and old addresses, on the real pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kb_app import create_app
from tests.support import build_folder, make_services, write_article

PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 300 100]/Contents 4 0 R"
    b"/Resources<</Font<</F1 5 0 R>>>>>>endobj\n"
    b"4 0 obj<</Length 52>>stream\nBT /F1 12 Tf 10 50 Td (Descale every quokka month) Tj ET\n"
    b"endstream endobj\n5 0 obj<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>endobj\n"
    b"trailer<</Root 1 0 R>>\n"
)
BODY = """
[manual](manual.pdf) [driver](driver%201.zip) [guide](/refund) [refund](../returns/refund/)
[capitals](../Returns/REFUND.md#WHEN) [[refund|by name]] ![photo](My%20Photo.PNG)

<video src="film.mp4" autoplay><track src="film.vtt" kind="captions"></video>

<video src="https://evil.example/film.mp4"></video>

<iframe src="https://www.youtube-nocookie.com/embed/x" onload="x()"></iframe>

<iframe src="https://other.example/x"></iframe>
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "articles"
    write_article(folder, "en/orders/start.md", "Start here", BODY)
    refund = "## When {#when}\n\nSoon."
    write_article(
        folder, "en/returns/refund.md", "Refund", refund, aliases=["/hc/en-us/articles/77-Refund"]
    )
    for name, content in {
        "manual.pdf": PDF,
        "driver 1.zip": b"PK\x03\x04zip",
        "my photo.png": b"\x89PNG\r\n\x1a\n",
        "film.mp4": b"film" * 100,
        "film.vtt": b"WEBVTT\n\n00:00.000 --> 00:02.000\nTurn the zebra valve\n",
        ".secret.pdf": PDF,
    }.items():
        (folder / "en" / "orders" / name).write_bytes(content)
    return folder


@pytest.fixture
def site(folder: Path, tmp_path: Path) -> FlaskClient:
    report = build_folder(folder, tmp_path / "var")
    assert report.errors == ()
    services = make_services(folder, tmp_path / "var", embed_hosts=("www.youtube-nocookie.com",))
    return create_app(services).test_client()


def body_of(site: FlaskClient, path: str) -> str:
    answer = site.get(path)
    assert answer.status_code == 200
    return answer.get_data(as_text=True)


def fetched(site: FlaskClient, path: str, **headers: str) -> TestResponse:
    """A file with its content; the response is closed."""
    with site.get(path, headers=headers) as answer:
        answer.get_data()
        return answer


def test_links_in_every_spelling_lead_to_the_article(site: FlaskClient) -> None:
    html = body_of(site, "/en/articles/start")
    for words in ("guide", "refund", "by name"):
        assert f'href="/en/articles/refund">{words}</a>' in html
    assert 'href="/en/articles/refund#when">capitals' in html
    assert "broken-link" not in html


def test_files_are_served_with_their_type(site: FlaskClient) -> None:
    import re

    html = body_of(site, "/en/articles/start")
    (pdf,) = re.findall(r'href="(/media/\w+\.pdf)"', html)
    (archive,) = re.findall(r'href="(/media/\w+\.zip)" download="driver 1.zip"', html)
    (film,) = re.findall(r'<video[^>]*src="(/media/\w+\.mp4)"', html)
    (captions,) = re.findall(r'<track[^>]*src="(/media/\w+\.vtt)"', html)
    (photo,) = re.findall(r'<img[^>]*src="(/media/\w+\.png)"', html)
    shown = fetched(site, pdf)
    assert shown.mimetype == "application/pdf" and shown.data == PDF
    assert "attachment" in fetched(site, archive).headers["Content-Disposition"]
    assert fetched(site, archive).mimetype == "application/octet-stream"
    part = fetched(site, film, Range="bytes=0-3")
    assert (part.status_code, part.mimetype, part.data) == (206, "video/mp4", b"film")
    assert fetched(site, captions).mimetype == "text/vtt"
    assert fetched(site, photo).mimetype == "image/png"


def test_pictures_of_other_sites_are_links_unless_their_host_is_allowed(
    folder: Path, tmp_path: Path
) -> None:
    pictures = (
        "![The menu](https://cdn.example/menu.png)\n\n"
        "[![Inside a link](https://cdn.example/b.png)](https://example.com)\n\n"
        '![](https://evil.example/c.png) <img src="https://www.youtube-nocookie.com/d.png">'
    )
    write_article(folder, "en/orders/pictures.md", "Pictures", pictures)
    build_folder(folder, tmp_path / "var")
    services = make_services(folder, tmp_path / "var", embed_hosts=("www.youtube-nocookie.com",))
    response = create_app(services).test_client().get("/en/articles/pictures")
    html = response.get_data(as_text=True)
    assert 'href="https://cdn.example/menu.png">The menu</a>' in html
    assert 'href="https://example.com">Inside a link</a>' in html
    assert 'href="https://evil.example/c.png">c.png</a>' in html
    assert 'src="https://www.youtube-nocookie.com/d.png"' in html and 'evil.example/c.png"' in html
    assert "<img" in html and 'src="https://cdn' not in html and 'src="https://evil' not in html
    policy = response.headers["Content-Security-Policy"]
    assert "img-src 'self' https://www.youtube-nocookie.com;" in policy
    assert "media-src 'self' https://www.youtube-nocookie.com;" in policy


def test_films_have_controls_and_come_from_here(site: FlaskClient) -> None:
    html = body_of(site, "/en/articles/start")
    assert 'controls=""' in html and "autoplay" not in html
    assert "evil.example/film" not in html


def test_frames_of_allowed_hosts_are_shown_and_others_are_links(site: FlaskClient) -> None:
    answer = site.get("/en/articles/start")
    html = answer.get_data(as_text=True)
    assert html.count("<iframe") == html.count("</iframe>") == 1 and "onload" not in html
    assert 'sandbox="allow-scripts' in html
    assert '<a rel="noopener noreferrer" href="https://other.example/x">other.example</a>' in html
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-src https://www.youtube-nocookie.com" in policy and "other.example" not in policy


@pytest.mark.parametrize("words", ["quokka", "zebra valve"])
def test_the_words_of_documents_and_captions_are_found(site: FlaskClient, words: str) -> None:
    hits = site.get("/api/v1/search", query_string={"q": words, "lang": "en"}).get_json()
    assert hits["hits"][0]["title"] == "Start here"


@pytest.mark.parametrize(
    "path",
    [
        "/hc/en-us/articles/77-Refund",
        "/hc/en-us/articles/77-refund/",
        "/hc/en-us/articles/77-Refund.html",
        "/en/articles/refund/",
        "/en/articles/Refund",
        "/en/articles/refund.html",
    ],
)
def test_old_addresses_and_other_spellings_move(site: FlaskClient, path: str) -> None:
    answer = site.get(path)
    assert (answer.status_code, answer.location) == (301, "/en/articles/refund")


def test_what_is_not_there_is_404(site: FlaskClient) -> None:
    assert site.get("/hc/en-us/articles/78").status_code == 404
    assert site.get("/en/articles/none/").status_code == 404


def test_hidden_files_and_files_outside_are_not_served(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.pdf").write_bytes(PDF)
    (folder / "en" / "orders" / "link.pdf").symlink_to(tmp_path / "outside.pdf")
    links = "[a](.secret.pdf) [b](../../../outside.pdf) [c](link.pdf)"
    write_article(folder, "en/orders/start.md", "Start here", links)
    report = build_folder(folder, tmp_path / "var")
    assert [problem.code for problem in report.errors] == ["link"] * 3
    assert not list((tmp_path / "var" / "index").rglob("*.pdf"))
