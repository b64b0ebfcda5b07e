"""A known problem is changed while it lasts, and what is new reaches customers and subscribers."""

import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from kb_app import create_app
from kb_app.db import schema
from kb_app.services.container import Services
from kb_app.support.notices import Notice
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in, token_in
from tests.support import NOW, make_services

AT = int(NOW.timestamp() * 1000)
NOTICE = Notice(
    "n1",
    {"ja": "配送の遅れ", "en": "Late parcels"},
    {"ja": "雪のためです。"},
    AT - 1000,
    questions=("荷物が届かない",),
)


@pytest.fixture
def own(articles: Path, tmp_path: Path) -> Iterator[Services]:
    shutil.copytree(articles, tmp_path / "articles")
    services = make_services(
        tmp_path / "articles",
        tmp_path / "var",
        DisabledEmbedder(),
        smtp_url="smtp://127.0.0.1:9",
        base_url="http://localhost",
    )
    services.indexing.publish_build(services.indexing.rebuild())
    services.users.add("lead@example.com", "lead", "Lead", PASSWORD)
    services.users.add("agent@example.com", "agent", "Agent", PASSWORD)
    services.support.notices.add(NOTICE)
    yield services
    services.close()


@pytest.fixture
def lead(own: Services) -> FlaskClient:
    return sign_in(create_app(own), "lead@example.com")[0]


def send(lead: FlaskClient, **form: str) -> tuple[int, str]:
    """Send the form of the notice; the status and what is then shown."""
    token = token_in(lead.get("/desk/notices/n1").text)
    answer = lead.post("/desk/notices/n1", data={"csrf_token": token, **form})
    return answer.status_code, answer.text or lead.get("/desk/notices/n1").text


def mails(own: Services) -> list[dict[str, str]]:
    with own.store.engine.connect() as connection:
        return [json.loads(row[0]) for row in connection.execute(select(schema.outbox.c.payload))]


def test_the_form_has_what_the_notice_says_and_a_change_is_shown(
    own: Services, lead: FlaskClient
) -> None:
    page = lead.get("/desk/notices/n1").text
    assert "雪のためです。" in page and "荷物が届かない" in page
    form = {
        "title_ja": "配送の遅れ（関東）",
        "text_ja": "大雪のためです。",
        "questions": "届かない",
    }
    assert send(lead, do="change", **form)[0] == 303
    page = lead.get("/ja/contact").text
    assert "配送の遅れ（関東）" in page and "大雪のためです。" in page
    changed = own.support.notices.one("n1")
    assert changed is not None and changed.title == {"ja": "配送の遅れ（関東）"}
    assert (changed.starts_at, changed.questions) == (NOTICE.starts_at, ("届かない",))


def test_what_is_new_is_shown_first_and_mailed_to_those_who_wait(
    own: Services, lead: FlaskClient
) -> None:
    for mail, lang in (("hanako@example.com", "ja"), ("ann@example.com", "en")):
        own.support.notices.subscribe("n1", mail, lang, AT)
    news = {"update_ja": "明日から動きます。", "update_en": "Moving again tomorrow.", "tell": "1"}
    form_id = str(uuid.uuid4())
    for _ in range(2):
        assert send(lead, do="update", form_id=form_id, **news)[0] == 303
    assert "明日から動きます。" in lead.get("/ja/contact").text
    told = {mail["to"]: mail for mail in mails(own)}
    assert len(mails(own)) == 2 and "明日から動きます。" in told["hanako@example.com"]["body"]
    assert told["ann@example.com"]["subject"] == "News of: Late parcels"
    own.support.end_notices(AT, ["n1"])
    subjects = sorted(mail["subject"] for mail in mails(own)[2:])
    assert subjects == ["It is over: Late parcels", "解消しました: 配送の遅れ"]


def test_news_can_be_stopped_with_one_click(own: Services, lead: FlaskClient) -> None:
    own.support.notices.subscribe("n1", "hanako@example.com", "ja", AT)
    send(lead, do="update", update_ja="調べています。", tell="1")
    stop = mails(own)[0]["unsubscribe"]
    assert stop in mails(own)[0]["body"] and mails(own)[0]["language"] == "ja"
    path = stop.removeprefix("http://localhost")
    assert "配送の遅れ" in lead.get(path).text
    answer = lead.post(path, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 200 and own.support.notices.waiting("n1") == 0
    assert lead.get(f"{path}x").status_code == 404


def test_a_change_does_not_bring_back_what_is_over(own: Services) -> None:
    own.support.end_notices(AT, ["n1"])
    assert not own.support.notices.change(NOTICE)
    found = own.support.notices.one("n1")
    assert found is not None and found.over_at == AT


def test_nobody_is_mailed_unless_it_is_asked_for(own: Services, lead: FlaskClient) -> None:
    own.support.notices.subscribe("n1", "hanako@example.com", "ja", AT)
    assert send(lead, do="update", update_ja="調べています。")[0] == 303
    assert mails(own) == [] and own.support.notices.waiting("n1") == 1


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"do": "update", "update_ja": " "}, "新しく分かったことを書いてください"),
        ({"do": "change", "title_ja": "", "text_ja": "消えない文"}, "題名を書いてください"),
        ({"do": "change", "title_ja": "x", "ends": "?"}, "正しくありません"),
    ],
)
def test_what_is_wrong_is_said_and_what_was_written_stays(
    own: Services, lead: FlaskClient, form: dict[str, str], said: str
) -> None:
    status, page = send(lead, **form)
    assert status == 422 and said in page
    assert "消えない文" in page or "text_ja" not in form
    assert own.support.notices.one("n1") == NOTICE


def test_a_notice_that_is_over_is_not_changed(own: Services, lead: FlaskClient) -> None:
    token = token_in(lead.get("/desk/notices/n1").text)
    own.support.end_notices(AT, ["n1"])
    assert lead.get("/desk/notices/n1").status_code == 404
    form = {"csrf_token": token, "do": "update", "update_ja": "x"}
    assert lead.post("/desk/notices/n1", data=form).status_code == 404


def test_agents_may_not(own: Services) -> None:
    agent = sign_in(create_app(own), "agent@example.com")[0]
    assert agent.get("/desk/notices/n1").status_code == 403


def test_news_is_escaped(own: Services, lead: FlaskClient) -> None:
    send(lead, do="update", update_ja="<script>x</script>")
    assert "<script>x" not in lead.get("/ja/contact").text
