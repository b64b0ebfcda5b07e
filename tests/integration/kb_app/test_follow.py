"""Articles and sections are followed by mail: asked for, confirmed, told of, ended by one click."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from kb_app import create_app
from kb_app.db import schema
from kb_app.services.container import Services, build_services
from search.embedding.background import DisabledEmbedder
from tests.support import NOW, make_settings, write_article

HANAKO = "hanako@example.com"


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own(articles: Path, tmp_path: Path, clock: Clock) -> Iterator[Services]:
    folder = tmp_path / "articles"
    shutil.copytree(articles, folder)
    given = {"smtp_url": "smtp://127.0.0.1:9", "base_url": "http://localhost"}
    settings = make_settings(folder, tmp_path / "var", **given)
    services = build_services(settings, embedder=DisabledEmbedder(), clock=clock)
    put(services, "2026-11-01", "600円です。")
    yield services
    services.close()


@pytest.fixture
def reader(own: Services) -> FlaskClient:
    return create_app(own).test_client()


def put(own: Services, updated: str, body: str, **front: Any) -> None:
    """Publish the article with a text."""
    given = {"updated": updated, "slug": "cost", "summary": body} | front
    write_article(own.settings.articles, "ja/delivery/cost.md", "送料", body, **given)
    own.indexing.publish_build(own.indexing.rebuild())


def mails(own: Services) -> list[dict[str, str]]:
    query = select(schema.outbox.c.payload).order_by(schema.outbox.c.number)
    with own.store.engine.connect() as connection:
        return [json.loads(row[0]) for row in connection.execute(query)]


def ask(reader: FlaskClient, kind: str = "article", name: str = "ja-delivery-cost") -> int:
    form = {"kind": kind, "object_id": name, "mail": HANAKO}
    return reader.post("/ja/follow", data=form).status_code


def link(own: Services) -> str:
    """The link of the newest mail, as a path."""
    found = re.search(r"http://localhost(/ja/follow/\S+)", mails(own)[-1]["body"])
    assert found is not None
    return found[1]


def follow(own: Services, reader: FlaskClient, kind: str = "article", name: str = "") -> str:
    """Follow and confirm; the address of the follow."""
    assert ask(reader, kind, name or "ja-delivery-cost") == 303
    address = link(own)
    assert reader.post(address).status_code == 303
    return address


def test_the_pages_offer_it(own: Services, reader: FlaskClient) -> None:
    for page in ("/ja/articles/cost", "/ja/sections/delivery"):
        assert "更新をメールで受け取る" in reader.get(page).text


def test_nothing_is_told_before_the_link_was_opened_and_confirmed(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    ask(reader)
    assert "「受け取る」を押してください" in mails(own)[0]["body"]
    assert "受け取りますか" in reader.get(link(own)).text
    put(own, "2026-11-21", "700円です。")
    clock.now += timedelta(days=1)
    assert own.follows.run() == 0


def test_a_changed_article_is_told_once_with_one_click_out(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader)
    clock.now += timedelta(days=1)
    assert own.follows.run() == 0
    put(own, "2026-11-21", "700円です。")
    assert (own.follows.run(), own.follows.run()) == (1, 0)
    mail = mails(own)[-1]
    assert mail["to"] == HANAKO and mail["subject"] == "更新: 送料"
    assert "700円です。\nhttp://localhost/ja/articles/cost" in mail["body"]
    stop = mail["unsubscribe"].removeprefix("http://localhost")
    # By the mail program, without a page, a cookie or our origin.
    sent = {"List-Unsubscribe": "One-Click"}
    headers = {"Origin": "https://mail.example", "Sec-Fetch-Site": "cross-site"}
    assert reader.post(stop, data=sent, headers=headers).status_code == 200
    clock.now += timedelta(days=2)
    put(own, "2026-11-25", "800円です。")
    assert own.follows.run() == 0
    with own.store.engine.connect() as connection:
        assert connection.execute(select(schema.follows)).all() == []


def test_at_most_one_mail_a_day(own: Services, reader: FlaskClient, clock: Clock) -> None:
    follow(own, reader)
    clock.now += timedelta(days=1)
    put(own, "2026-11-21", "700円です。")
    own.follows.run()
    clock.now += timedelta(hours=2)
    put(own, "2026-11-22", "800円です。")
    assert own.follows.run() == 0
    clock.now += timedelta(hours=20)
    assert own.follows.run() == 1


def test_a_section_tells_of_what_is_new_in_it_in_its_language(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader, "section", "delivery")
    clock.now += timedelta(days=1)
    folder = own.settings.articles
    write_article(folder, "ja/delivery/new.md", "置き配", "置けます。")
    write_article(folder, "en/delivery/other.md", "Parcels", "They come.")
    write_article(folder, "ja/returns/else.md", "返品", "できます。")
    write_article(folder, "ja/delivery/in.md", "社内の送料", "秘密。", audience="internal")
    own.indexing.publish_build(own.indexing.rebuild())
    assert own.follows.run() == 1
    body = mails(own)[-1]["body"]
    assert "置き配" in body
    assert not any(word in body for word in ("Parcels", "返品", "社内", "600円"))


def test_an_article_that_is_hidden_meanwhile_is_not_told_of(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    address = follow(own, reader)
    clock.now += timedelta(days=1)
    put(own, "2026-11-21", "秘密の700円です。", audience="internal")
    assert own.follows.run() == 0
    assert "送料" not in reader.get(address).text


def test_an_address_is_not_flooded_and_nobody_learns_who_follows(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader)
    for minutes in range(6):
        clock.now += timedelta(minutes=minutes)
        assert ask(reader) == 303
        assert ask(reader, "section", "delivery") == 303
    assert len(mails(own)) == 3


@pytest.mark.parametrize(
    ("form", "status"),
    [
        ({"mail": "hanako"}, 422),
        ({"mail": "a@b.c\nBcc: x@y.z"}, 422),
        ({"object_id": "nothing"}, 404),
        ({"kind": "user"}, 404),
        ({"kind": "section", "object_id": "nothing"}, 404),
    ],
)
def test_what_cannot_be_followed_is_refused(
    own: Services, reader: FlaskClient, form: dict[str, str], status: int
) -> None:
    given = {"kind": "article", "object_id": "ja-delivery-cost", "mail": HANAKO} | form
    assert reader.post("/ja/follow", data=given).status_code == status and mails(own) == []


def test_an_internal_article_cannot_be_followed(own: Services, reader: FlaskClient) -> None:
    put(own, "2026-11-01", "秘密", audience="internal")
    assert ask(reader) == 404


def test_links_of_others_and_old_ones_lead_nowhere(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    address = follow(own, reader)
    assert reader.get(f"{address}x").status_code == 404
    assert reader.post(f"{address.replace('/follow/', '/follow/stop/')}").status_code == 404
    clock.now += timedelta(days=400)
    assert reader.get(address).status_code == 404


def test_the_link_that_ends_it_never_expires_and_can_be_used_again(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader)
    clock.now += timedelta(days=1)
    put(own, "2026-11-21", "700円です。")
    own.follows.run()
    stop = mails(own)[-1]["unsubscribe"].removeprefix("http://localhost")
    clock.now += timedelta(days=400)
    assert "止めますか" in reader.get(stop).text
    for _ in range(2):
        answer = reader.post(stop)
        assert answer.status_code == 200 and "お知らせを止めました" in answer.text
    assert mails(own) == []


def test_a_late_confirmation_is_told_what_to_do(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    ask(reader)
    address = link(own)
    clock.now += timedelta(days=3)
    own.follows.run()
    answer = reader.get(address)
    assert answer.status_code == 410 and "2日以内" in answer.text


def test_what_is_too_much_for_one_mail_comes_the_next_day(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader, "section", "delivery")
    clock.now += timedelta(days=1)
    for number in range(25):
        write_article(
            own.settings.articles, f"ja/delivery/n{number}.md", f"新着{number}番", "本文。"
        )
    own.indexing.publish_build(own.indexing.rebuild())
    named: list[str] = []
    for _ in range(2):
        assert own.follows.run() == 1
        named += re.findall(r"^新着\d+番$", mails(own)[-1]["body"], re.MULTILINE)
        clock.now += timedelta(days=1)
    assert len(named) == 25 == len(set(named)) and own.follows.run() == 0


def test_an_article_that_comes_back_unchanged_is_no_news(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader, "section", "delivery")
    for day, front in enumerate(({"audience": "internal"}, {})):
        clock.now += timedelta(days=1)
        put(own, "2026-11-01", "600円です。", **front)
        write_article(own.settings.articles, f"ja/delivery/d{day}.md", f"日{day}", "本文。")
        own.indexing.publish_build(own.indexing.rebuild())
        assert own.follows.run() == 1 and "600円" not in mails(own)[-1]["body"]


def test_a_mail_that_is_refused_does_not_hold_up_the_next(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader)
    for day in (21, 22):
        clock.now += timedelta(days=1)
        put(own, f"2026-11-{day}", f"{day}00円です。")
        own.follows.run()
    query = select(schema.outbox.c.case_id)
    with own.store.engine.connect() as connection:
        queues = [row[0] for row in connection.execute(query)]
    assert len(queues) == 3 == len(set(queues))


def test_a_follow_of_a_deleted_article_ends(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    follow(own, reader)
    (own.settings.articles / "ja/delivery/cost.md").unlink()
    own.indexing.publish_build(own.indexing.rebuild())
    clock.now += timedelta(days=40)
    own.follows.run()
    with own.store.engine.connect() as connection:
        assert connection.execute(select(schema.follows)).all() == []


def test_one_that_fails_does_not_keep_the_others_from_hearing(
    own: Services, reader: FlaskClient, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    follow(own, reader)
    follow(own, reader, "section", "delivery")
    clock.now += timedelta(days=1)
    put(own, "2026-11-21", "700円です。")
    titles = iter([ValueError("broken"), "配送"])

    def title(_follow: object) -> str:
        given = next(titles)
        if isinstance(given, Exception):
            raise given
        return given

    monkeypatch.setattr(own.follows, "title", title)
    assert own.follows.run() == 1


def test_a_section_without_articles_in_the_language_is_not_offered(
    own: Services, reader: FlaskClient
) -> None:
    write_article(own.settings.articles, "ja/garden/a.md", "庭", "庭です。")
    own.indexing.publish_build(own.indexing.rebuild())
    assert "follow-mail" in reader.get("/ja/sections/garden").text
    assert "follow-mail" not in reader.get("/en/sections/garden").text
    form = {"kind": "section", "object_id": "garden", "mail": HANAKO}
    assert reader.post("/en/follow", data=form).status_code == 404


def test_what_was_never_confirmed_is_forgotten(
    own: Services, reader: FlaskClient, clock: Clock
) -> None:
    ask(reader)
    clock.now += timedelta(days=3)
    own.follows.run()
    with own.store.engine.connect() as connection:
        assert connection.execute(select(schema.follows)).all() == []


def test_erasing_an_address_ends_its_follows(own: Services, reader: FlaskClient) -> None:
    follow(own, reader)
    removed = own.personal_data.erase(HANAKO)
    assert removed["follows"] == 1 and mails(own) == []


def test_another_site_cannot_ask(own: Services, reader: FlaskClient) -> None:
    form = {"kind": "article", "object_id": "ja-delivery-cost", "mail": HANAKO}
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert reader.post("/ja/follow", data=form, headers=headers).status_code == 403
