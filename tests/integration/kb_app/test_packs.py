"""Packs: the page, the PDF, the mail, and the desk's pages about them."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from indexer.reading.html_tags import rewrite_tags
from kb_app import create_app
from kb_app.services.container import Services
from kb_app.web.core.own_ids import OwnIds
from tests.integration.kb_app.deskwork import text_of, token_in

START = """
start:
  title: {ja: はじめての方へ, en: Getting started}
  text: {ja: まずはこちら。, en: Begin here.}
  articles: [%s]
"""


@pytest.fixture
def app(own: Services) -> Flask:
    return create_app(own)


def write(own: Services, *names: str) -> None:
    path = own.settings.articles / "packs.yml"
    path.write_text(START % ", ".join(names), encoding="utf-8")


def public(own: Services, lang: str = "ja") -> list[str]:
    cards = own.live.current().articles.visible(own.clock(), frozenset({"public"}))  # type: ignore[union-attr]
    return [card.id for card in cards if card.lang == lang]


def hidden(own: Services) -> str:
    summaries = own.live.current().articles.summaries  # type: ignore[union-attr]
    public_ids = {*public(own), *public(own, "en")}
    return next(name for name in summaries if name not in public_ids)


def test_a_pack_shows_its_articles_and_nothing_hidden(own: Services, app: Flask) -> None:
    first, second = public(own)[:2]
    write(own, second, first, hidden(own), "gone")
    page = app.test_client().get("/ja/packs/start").get_data(as_text=True)
    titles = re.findall(r'class="pack-title" id="article-\d"><a[^>]*>([^<]+)', page)
    summaries = own.live.current().articles.summaries  # type: ignore[union-attr]
    assert titles == [summaries[second].title, summaries[first].title]
    assert "まずはこちら。" in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    for link in re.findall(r'href="#(article-[^"]+)"', page):
        assert link in ids


def test_references_within_an_article_lead_to_it(app: Flask) -> None:
    with app.test_request_context():
        own = OwnIds("article-1", {"/ja/articles/b": "article-2"})
        markup = '<td headers="a b"></td><a href="/ja/articles/b#c"></a><a href="#d"></a>'
        assert rewrite_tags(markup, own.rewritten) == (
            '<td headers="article-1-a article-1-b"></td>'
            '<a href="#article-2-c"></a><a href="#article-1-d"></a>'
        )


def test_without_a_readable_article_there_is_no_page(own: Services, app: Flask) -> None:
    client = app.test_client()
    assert client.get("/ja/packs/start").status_code == 404
    write(own, hidden(own))
    assert client.get("/ja/packs/start").status_code == 404
    assert client.get("/ja/packs/start.pdf").status_code == 404


def test_the_pdf_has_the_text_and_is_made_once(own: Services, app: Flask, tmp_path: Path) -> None:
    write(own, *public(own)[:2])

    def document() -> bytes:
        with app.test_client().get("/ja/packs/start.pdf") as answer:
            assert answer.mimetype == "application/pdf"
            return answer.data

    first = document()
    files = list((own.settings.data / "cache" / "packs").iterdir())
    assert first.startswith(b"%PDF-") and document() == first
    write(own, public(own)[0])
    assert document() != first
    after = list((own.settings.data / "cache" / "packs").iterdir())
    assert len(files) == len(after) == 1 and files != after


def test_a_pack_is_made_changed_and_removed(own: Services, lead: FlaskClient) -> None:
    first, second = public(own)[:2]
    page = text_of(lead, f"/desk/packs/edit?article={first}&article={second}")
    form = {
        "csrf_token": token_in(page),
        "key": "start",
        "title-ja": "はじめに",
        "article": [first, second],
        f"place-{first}": "2",
        f"place-{second}": "1",
        "digest": "",
        "do": "save",
    }
    assert lead.post("/desk/packs/edit", data=form).status_code == 303
    assert lead.post("/desk/packs/edit", data=form).status_code == 409
    listed = text_of(lead, "/desk/packs")
    assert "はじめに" in listed and "/ja/packs/start" in listed
    page = text_of(lead, "/desk/packs/edit?key=start")
    chosen = re.findall(r'name="article" value="([^"]+)" checked', page)
    assert chosen == [second, first]
    digest = re.search(r'name="digest" value="([^"]+)"', page)
    assert digest
    removed = {**form, "digest": digest[1], "do": "remove"}
    assert lead.post("/desk/packs/edit", data=removed).status_code == 303
    assert "はじめに" not in text_of(lead, "/desk/packs")


def test_no_pack_is_saved_that_could_not_be_read(own: Services, lead: FlaskClient) -> None:
    text, token = "あ" * 4_990, token_in(text_of(lead, "/desk/packs/edit"))
    codes = []
    for number in range(40):
        form = {"csrf_token": token, "key": f"p{number}", "title-ja": "題", "do": "save"}
        form |= {"text-ja": text, "text-en": text, "article": public(own)[0], "digest": ""}
        codes.append(lead.post("/desk/packs/edit", data=form).status_code)
    assert codes[0] == 303 and codes[-1] == 409
    assert lead.get("/ja/packs/p0").status_code == 200


def test_what_is_typed_stays_when_it_is_refused(own: Services, lead: FlaskClient) -> None:
    page = text_of(lead, "/desk/packs/edit")
    form = {"csrf_token": token_in(page), "key": "Ä", "title-ja": "題", "do": "save"}
    answer = lead.post("/desk/packs/edit", data=form)
    assert answer.status_code == 400
    assert "small letters" in answer.text and 'value="題"' in answer.text


def test_articles_are_found_and_offered(own: Services, lead: FlaskClient) -> None:
    page = text_of(lead, "/desk/packs/edit")
    form = {"csrf_token": token_in(page), "find": "返金", "title-ja": "題", "do": "find"}
    answer = lead.post("/desk/packs/edit", data=form).text
    assert 'type="checkbox" name="article"' in answer and 'value="題"' in answer


def test_a_pack_is_mailed_to_each_address_once(own: Services, lead: FlaskClient) -> None:
    object.__setattr__(own.settings, "smtp_url", "smtp://127.0.0.1:9")
    object.__setattr__(own.settings, "mail_from", "help@example.com")
    own.support.workflow.sending._post.can_mail = lambda: True  # type: ignore[method-assign]
    write(own, *public(own)[:2])
    page = text_of(lead, "/desk/packs/start/send?language=ja")
    assert "はじめての方へ" in page
    form_id = re.search(r'name="form_id" value="([^"]+)"', page)
    assert form_id
    form = {
        "csrf_token": token_in(page),
        "form_id": form_id[1],
        "language": "ja",
        "addresses": "a@example.com, b@example.com\nA@example.com",
        "do": "send",
    }
    wrong = lead.post("/desk/packs/start/send", data={**form, "addresses": "a@example.com x"})
    assert wrong.status_code == 400 and "a@example.com x" in wrong.text
    for _ in range(2):
        assert lead.post("/desk/packs/start/send", data=form).status_code == 303
    mails = [one.payload for one in own.support.outbox.listed()]
    assert sorted(mail["to"] for mail in mails) == ["A@example.com", "b@example.com"]
    assert all("/ja/packs/start" in mail["body"] for mail in mails)


def test_only_leads_send_and_only_writers_edit(
    own: Services, app: Flask, lead: FlaskClient
) -> None:
    write(own, *public(own)[:1])
    visitor = app.test_client()
    for path in ("/desk/packs", "/desk/packs/edit", "/desk/packs/start/send"):
        assert visitor.get(path).status_code == 302
        assert lead.get(path).status_code == 200
