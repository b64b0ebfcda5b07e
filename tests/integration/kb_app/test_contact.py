"""Contact pages and inbox: forms without JavaScript, secret links, forged requests, files and
signed webhooks.
"""

import io
import json
import re
import shutil
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from kb_app import create_app
from kb_app.analytics import model as m
from kb_app.db import schema
from kb_app.services.container import Services
from kb_app.support.case_store import Filter
from kb_app.support.delivery.webhook_signature import SIGNATURE, TIMESTAMP, sign
from kb_app.support.model import Case
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in, token_in
from tests.integration.kb_app.test_support_parts import PNG
from tests.support import NOW, count_rows, make_services, write_article

AT = int(NOW.timestamp() * 1000)
PERSON = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
SUPPORT = """
timezone: Asia/Tokyo
holidays: JP
channels:
  phone: {address: 0120-000-123, hours: {mon-fri: "09:00-18:00"}}
  form: {hours: {mon-fri: "09:00-18:00"}}
desks: {crm: {type: webhook, url: "http://127.0.0.1:9/cases"}}
routes: [{kind: problem, to: crm}]
attachments: {most: 2, megabytes: 1}
"""


def services_of(site: Path) -> Services:
    return make_services(
        site / "articles", site / "var", DisabledEmbedder(), desk_secrets="crm=hush"
    )


@pytest.fixture(scope="module")
def template(articles: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A separate site with a support file and staff, as files."""
    site = tmp_path_factory.mktemp("site")
    folder = site / "articles"
    shutil.copytree(articles, folder)
    (folder / "support.yml").write_text(SUPPORT, encoding="utf-8")
    write_article(
        folder,
        "ja/returns/shipping.md",
        "返品の送料はだれが払うか",
        "不良品の送料は当店が払います。",
        questions=["返品の送料はいくらですか"],
    )
    services = services_of(site)
    services.indexing.publish_build(services.indexing.rebuild())
    for role in ("agent", "lead", "writer"):
        services.users.add(f"{role}@example.com", role, role.title(), PASSWORD)
    services.close()
    return site


@pytest.fixture
def own(template: Path, tmp_path: Path) -> Services:
    """A copy of the site for one test."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    return services_of(tmp_path)


@pytest.fixture
def visitor(own: Services) -> FlaskClient:
    client = create_app(own).test_client()
    client.environ_base["HTTP_USER_AGENT"] = PERSON
    return client


@pytest.fixture
def agent(own: Services) -> FlaskClient:
    return sign_in(create_app(own), "agent@example.com")[0]


def write(
    visitor: FlaskClient, message: str = "オーブンから煙が出ました", files: Any = (), **form: Any
) -> Any:
    """Send the form as a browser does."""
    data = {
        "form_id": str(uuid.uuid4()),
        "kind": "question",
        "message": message,
        "do": "anyway",
        **form,
    }
    sent = {**data, "files": [(io.BytesIO(content), name) for name, content in files]}
    answer = visitor.post("/ja/contact", data=sent, content_type="multipart/form-data")
    # The test client spools large uploads into a temporary file.
    answer.request.environ["wsgi.input"].close()
    return answer


def only(own: Services) -> Case:
    (case,) = own.support.cases.inbox(Filter(state="all"), AT).cases
    found = own.support.cases.case(case.case_id)
    assert found is not None
    return found


def done(own: Services) -> list[str]:
    own.events.flush()
    return [action.action_name for action in own.store.actions(0, 2**60)]


def test_the_form_is_prefilled_with_the_last_query(own: Services, visitor: FlaskClient) -> None:
    for words in ("オーブンから煙が出ました", "オーブンの煙が止まりません"):
        page = visitor.get(f"/ja/search?q={words}").get_data(as_text=True)
        link = re.search(r"/ja/contact\?from=[0-9a-f-]+", page)
        assert link is not None
        form = visitor.get(link[0]).get_data(as_text=True)
        assert f"{words}</textarea>" in form and f"検索した言葉: {words}" in re.sub(
            r"<[^>]+>|\s+(?=<)", "", form
        )


def test_a_message_that_an_article_answers_shows_the_article_once(
    own: Services, visitor: FlaskClient
) -> None:
    form_id = str(uuid.uuid4())
    page = write(
        visitor,
        "返品の送料はいくらですか",
        form_id=form_id,
        do="",
        mail="hanako@example.com",
        name="<b>花子</b>",
    ).get_data(as_text=True)
    assert (
        "不良品の送料は当店が払います" in page
        and "担当者に送る" in page
        and "&lt;b&gt;花子" in page
        and count_rows(own.store.engine, schema.cases) == 0
    )
    answer = visitor.post(
        "/ja/contact",
        data={
            "form_id": form_id,
            "message": "x",
            "kind": "question",
            "answered": "ja-returns-shipping",
        },
    )
    assert (
        "解決してよかったです" in answer.get_data(as_text=True)
        and count_rows(own.store.engine, schema.cases) == 0
    )
    assert {"solved_yes", "contact_suggestion_click"} <= set(done(own))


def test_tabs_of_two_suggestions_do_not_work_on_each_other(
    own: Services, visitor: FlaskClient
) -> None:
    for name, title in (("send", "返品の送り方"), ("again", "返品の送り方（二度目）")):
        tabs = (
            '=== "箱がある"\n\n    箱に入れて送ります。\n\n=== "箱がない"\n\n    箱を買います。\n'
        )
        write_article(own.settings.articles, f"ja/returns/{name}.md", title, tabs)
    own.indexing.publish_build(own.indexing.rebuild())
    page = write(visitor, "返品の送り方", do="").get_data(as_text=True)
    groups = re.findall(r'<input[^>]* name="([^"]+)"[^>]* type="radio"', page)
    groups += re.findall(r'<input[^>]* type="radio"[^>]* name="([^"]+)"', page)
    tabs_of = {group for group in groups if "tabbed" in group}
    assert len(tabs_of) == 2, groups
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))


def test_send_anyway_sends_the_message(own: Services, visitor: FlaskClient) -> None:
    form_id = str(uuid.uuid4())
    write(visitor, "返品の送料はいくらですか", form_id=form_id, do="", files=[("写真.png", PNG)])
    answer = write(visitor, "返品の送料はいくらですか", form_id=form_id, do="anyway")
    assert "受け付けました" in visitor.get(answer.location).get_data(as_text=True)
    assert [file.name for file in own.support.cases.attachments(only(own).case_id)] == [
        "写真.png"
    ] and done(own).count("ticket_created") == 1


@pytest.mark.parametrize("kind", ["complaint", "praise"])
def test_complaints_and_praise_skip_suggestions(
    own: Services, visitor: FlaskClient, kind: str
) -> None:
    assert (
        write(visitor, "返品の送料はいくらですか", kind=kind, do="").status_code == 303
        and only(own).kind == kind
    )


def test_the_trail_is_attached_as_the_customer_edits_it(
    own: Services, visitor: FlaskClient
) -> None:
    visitor.get("/ja/search?q=煙が出た")
    visitor.get("/ja/search?q=ひみつのこと")
    own.events.flush()
    page = visitor.get("/ja/contact").get_data(as_text=True)
    kept = re.findall(r'name="trail" value="([^"]+)" checked> 検索した言葉: 煙が出た', page)
    assert "ひみつのこと" in page and len(kept) == 1
    write(visitor, trail=[*kept, str(uuid.uuid4())])
    assert [step["text"] for step in only(own).trail] == ["煙が出た"]


def test_the_trail_of_another_visitor_is_never_attached(
    own: Services, visitor: FlaskClient
) -> None:
    visitor.get("/ja/search?q=ひみつのこと")
    own.events.flush()
    stranger = create_app(own).test_client()
    stranger.environ_base["HTTP_USER_AGENT"] = PERSON
    assert "ひみつ" not in stranger.get("/ja/contact").get_data(as_text=True)
    write(stranger, trail=[query.query_id for query in own.store.queries(0, 2**60)])
    assert only(own).trail == ()


def test_the_page_shows_open_channels_and_the_reply_time(
    visitor: FlaskClient,
) -> None:
    page = visitor.get("/ja/contact").get_data(as_text=True)
    # Friday, 20 November 2026, 18:00 in Japan; Monday is a public holiday.
    assert (
        "今は受付時間外 · 次の受付は11月24日(火) 9:00から" in page
        and "今送信すると、11月24日(火) 18:00までに返信します" in page
        and "オンブズマン" in page
    )
    assert "closed now · opens Tue 24 Nov, 9:00" in visitor.get("/en/contact").get_data(
        as_text=True
    )


def test_on_a_public_holiday_the_page_names_it(own: Services) -> None:
    from datetime import UTC, datetime

    holiday = replace(own, clock=lambda: datetime(2026, 11, 23, 3, 0, tzinfo=UTC))
    page = create_app(holiday).test_client().get("/ja/contact").get_data(as_text=True)
    assert "本日は休み(勤労感謝の日) · 次の受付は11月24日(火) 9:00から" in page


def test_a_case_is_read_only_by_its_secret_link(own: Services, visitor: FlaskClient) -> None:
    first, second = (
        write(visitor, "一つ目のひみつ").location,
        write(visitor, "二つ目のひみつ").location,
    )
    page = visitor.get(first)
    assert "一つ目のひみつ" in page.get_data(as_text=True) and "二つ目" not in page.get_data(
        as_text=True
    )
    assert (
        page.headers["Referrer-Policy"] == "no-referrer"
        and page.headers["Cache-Control"] == "no-store"
    )
    token = first.split("/")[-1].split("?")[0]
    other = second.split("/")[-1].split("?")[0]
    for forged in (
        token[:-8] + other[-8:],
        other.split(".")[0] + "." + token.split(".")[1],
        "x",
        only_numbers(own)[0],
    ):
        assert visitor.get(f"/ja/cases/{forged}").status_code == 404
    late = replace(own, clock=lambda: NOW.replace(year=2027, month=8))
    expired = create_app(late).test_client().get(f"/ja/cases/{token}")
    assert expired.status_code == 410 and "期限が切れています" in expired.get_data(as_text=True)


def only_numbers(own: Services) -> list[str]:
    return [case.number for case in own.support.cases.inbox(Filter(state="all"), AT).cases]


def test_files_are_checked_stored_separately_and_sent_as_downloads(
    own: Services, visitor: FlaskClient, agent: FlaskClient
) -> None:
    refused = write(
        visitor,
        files=[
            ("x.exe", b"MZ"),
            ("photo.txt", b"\x00\x01\x02"),
            ("big.txt", b"x" * 1_100_000),
            ("ok.png", PNG),
        ],
    )
    html = refused.get_data(as_text=True)
    assert refused.status_code == 422 and count_rows(own.store.engine, schema.cases) == 0
    assert (
        "この種類のファイルは受け取れません" in html
        and "ファイルの中身が拡張子と合いません" in html
        and "大きすぎます" in html
        and "ok.png" in html
    )
    location = write(visitor, files=[("写真 1.png", PNG)]).location
    (file,) = own.support.cases.attachments(only(own).case_id)
    for client, path in (
        (visitor, f"{location.split('?')[0]}/files"),
        (agent, f"/desk/cases/{only(own).number}/files"),
    ):
        with client.get(f"{path}/{file.attachment_id}") as shown:
            assert (
                shown.headers["Content-Disposition"].startswith("attachment")
                and "sandbox" in shown.headers["Content-Security-Policy"]
            )
            assert shown.data == PNG
    other = write(visitor, "ほかの件").location.split("?")[0]
    for path in (
        f"{other}/files/{file.attachment_id}",
        f"{other}/files/../../../secret-key",
        f"/desk/cases/{only_numbers(own)[0]}/files/{uuid.uuid4()}",
    ):
        assert visitor.get(path).status_code in (302, 404)


def test_50_megabytes_are_refused_with_a_clear_page(own: Services, visitor: FlaskClient) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="files"; filename="big.png"\r\n\r\n'
        + PNG
        + b"\0" * 50 * 1024 * 1024
        + b"\r\n--x--\r\n"
    )
    answer = visitor.post("/ja/contact", data=body, content_type="multipart/form-data; boundary=x")
    assert (
        answer.status_code == 413
        and "ファイルが大きすぎます" in answer.get_data(as_text=True)
        and count_rows(own.store.engine, schema.cases) == 0
    )


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"name": "a\nBcc: eve@example.com"}, "名前は1行で書いてください"),
        ({"mail": "a@b.c\nBcc: x@y.z"}, "メールアドレスの形ではありません"),
        ({"message": "x" * 5_001}, "長すぎます"),
        ({"message": " "}, "内容をお書きください"),
        ({"kind": "love"}, "この中からお選びください"),
    ],
)
def test_invalid_fields_are_refused_and_the_input_is_kept(
    own: Services, visitor: FlaskClient, form: dict[str, str], said: str
) -> None:
    answer = write(visitor, **form)
    assert (
        answer.status_code == 422
        and said in answer.get_data(as_text=True)
        and count_rows(own.store.engine, schema.cases) == 0
    )


def test_spam_is_quarantined_without_a_captcha(
    own: Services, visitor: FlaskClient, agent: FlaskClient
) -> None:
    write(visitor, "http://a http://b http://c http://d")
    write(visitor, website="http://spam")
    assert own.support.cases.inbox(
        Filter(state="all"), AT
    ).total == 0 and "ticket_created" not in done(own)
    page = agent.get("/desk/cases?spam=1&state=all").get_data(as_text=True)
    number = re.findall(r"/desk/cases/([2-9A-Z]{8})", page)[0]
    act(agent, number, do="not spam")
    assert own.support.cases.inbox(Filter(), AT).total == 1


def test_another_site_cannot_send_the_form(own: Services, visitor: FlaskClient) -> None:
    for path in ("/ja/contact", write(visitor).location.split("?")[0]):
        assert (
            visitor.post(
                path,
                data={"message": "x", "kind": "question"},
                headers={"Sec-Fetch-Site": "cross-site"},
            ).status_code
            == 403
        )


def act(agent: FlaskClient, number: str, **form: str) -> str:
    """Send a form of the desk and return the page it redirects to."""
    page = agent.get(f"/desk/cases/{number}").get_data(as_text=True)
    form_id = re.search(r'name="form_id" value="([^"]+)"', page)
    assert form_id
    answer = agent.post(
        f"/desk/cases/{number}", data={"csrf_token": token_in(page), "form_id": form_id[1], **form}
    )
    assert answer.status_code == 303, answer.get_data(as_text=True)[:500]
    return (
        agent.get(answer.location).get_data(as_text=True)
        if answer.location.startswith("/desk/cases")
        else answer.location
    )


def test_an_answer_written_beside_another_is_kept_and_not_sent(
    own: Services, visitor: FlaskClient, agent: FlaskClient
) -> None:
    write(visitor, "返金の承認は?")
    number = only(own).number
    page = agent.get(f"/desk/cases/{number}").get_data(as_text=True)
    form_id = re.search(r'name="form_id" value="([^"]+)"', page)
    assert form_id and 'name="read" value="0"' in page
    act(agent, number, do="reply", text="交換します。")
    mine = {"do": "reply", "text": "掃除してください。", "read": "0", "form_id": form_id[1]}
    answer = agent.post(f"/desk/cases/{number}", data={"csrf_token": token_in(page), **mine})
    html = answer.get_data(as_text=True)
    assert answer.status_code == 409 and "送信していません" in html
    assert "交換します。" in html and ">掃除してください。</textarea>" in html
    assert 'name="read" value="1"' in html, "sent again, it is sent"


def test_an_agent_replies_and_solves_and_the_customer_sees_it(
    own: Services, visitor: FlaskClient, agent: FlaskClient
) -> None:
    location = write(visitor, "返金の承認は?").location.split("?")[0]
    number = only(own).number
    page = agent.get(f"/desk/cases/{number}").get_data(as_text=True)
    # Internal articles are suggested to users who may see them.
    assert "返金の承認" in page and "社内" in page
    act(agent, number, do="note", text="内緒のメモ")
    assert "Agent" in act(agent, number, do="reply", text="承認されました。")
    act(agent, number, do="solve", article_id="ja-returns-refund")
    shown = visitor.get(location).get_data(as_text=True)
    assert "承認されました" in shown and "内緒のメモ" not in shown and "解決済み" in shown
    assert (only(own).owner, only(own).solved_by) == ("agent@example.com", "ja-returns-refund")
    assert "ありがとうございます" in visitor.get(
        visitor.post(f"{location}/solved", data={"answer": "yes", "satisfaction": "5"}).location
    ).get_data(as_text=True)
    assert (only(own).state, only(own).satisfaction) == ("closed", 5) and {
        "ticket_resolved",
        "solved_yes",
    } <= set(done(own))


def test_a_mail_link_shows_a_form_and_only_the_form_changes_the_case(
    own: Services, visitor: FlaskClient
) -> None:
    location = write(visitor).location.split("?")[0]
    assert "checked" in visitor.get(f"{location}/solved?answer=yes").get_data(as_text=True)
    assert (
        only(own).said == ""
        and visitor.post(f"{location}/solved", data={"answer": "perhaps"}).status_code == 400
    )


def test_a_customer_comment_is_added_once_and_escalation_opens_when_due(
    own: Services, visitor: FlaskClient
) -> None:
    location = write(visitor).location.split("?")[0]
    form = {"form_id": str(uuid.uuid4()), "message": "つけたし"}
    for _ in range(2):
        assert visitor.post(location, data=form).status_code == 303
    assert [one.text for one in own.support.cases.messages(only(own).case_id)] == ["つけたし"]
    assert (
        "まだ進めません"
        in visitor.get(visitor.post(f"{location}/step").location).get_data(as_text=True)
        and only(own).step == "desk"
    )
    assert visitor.post(location, data={"message": ""}).status_code == 422


def test_who_may_see_cases(own: Services, visitor: FlaskClient) -> None:
    write(visitor)
    paths = ["/desk/cases", f"/desk/cases/{only(own).number}", "/desk/outbox", "/desk/notices"]
    assert [visitor.get(path).status_code for path in paths] == [302] * 4
    for role, wanted in (
        ("writer", [403] * 4),
        ("agent", [200, 200, 403, 403]),
        ("lead", [200] * 4),
    ):
        client = sign_in(create_app(own), f"{role}@example.com")[0]
        assert [client.get(path).status_code for path in paths] == wanted, role


def test_a_case_becomes_a_draft(own: Services, visitor: FlaskClient) -> None:
    write(visitor, "ギフト包装はできますか")
    lead = sign_in(create_app(own), "lead@example.com")[0]
    assert "/desk/edit" in act(lead, only(own).number, do="article")
    drafts = [
        path
        for path in own.settings.articles.rglob("*.md")
        if "ギフト包装はできますか" in path.read_text(encoding="utf-8")
    ]
    assert len(drafts) == 1 and "status: draft" in drafts[0].read_text(encoding="utf-8")


# --- webhooks ---


def hook(
    visitor: FlaskClient,
    secret: str = "hush",  # noqa: S107, a test secret
    at: float | None = None,
    desk: str = "crm",
    **body: Any,
) -> Any:
    raw = json.dumps(body).encode()
    timestamp = str(int(NOW.timestamp() if at is None else at))
    headers = {
        TIMESTAMP: timestamp,
        SIGNATURE: sign(secret, timestamp, raw),
        "Content-Type": "application/json",
    }
    return visitor.post(f"/api/v1/hooks/{desk}", data=raw, headers=headers)


def test_a_signed_webhook_solves_a_case_once(own: Services, visitor: FlaskClient) -> None:
    write(visitor, kind="problem")
    number = only(own).number
    assert hook(visitor, event_id="e1", number=number, state="solved").status_code == 200
    assert hook(visitor, event_id="e1", number=number, state="solved").status_code == 202
    assert only(own).state == "solved" and done(own).count("ticket_resolved") == 1


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"secret": "wrong"}, 401),
        ({"at": time.mktime((2020, 1, 1, 0, 0, 0, 0, 0, 0))}, 401),
        ({"at": 10**30}, 401),
        ({"desk": "nowhere"}, 404),
        ({"event_id": ""}, 400),
        ({"state": "perhaps"}, 400),
        ({"number": "XXXXXXXX"}, 404),
        ({"number": "", "ticket_id": "77"}, 404),
    ],
)
def test_forged_old_and_odd_webhooks_change_nothing(
    own: Services, visitor: FlaskClient, given: dict[str, Any], status: int
) -> None:
    write(visitor, kind="problem")
    answer = hook(
        visitor, **{"event_id": "e1", "number": only(own).number, "state": "solved", **given}
    )
    assert (
        answer.status_code == status and answer.get_json()["detail"] and only(own).state == "open"
    )


def test_a_ticket_system_cannot_solve_a_case_of_another_one(
    own: Services, visitor: FlaskClient
) -> None:
    write(visitor, kind="question")
    assert (
        hook(visitor, event_id="e1", number=only(own).number, state="solved").status_code == 404
        and only(own).state == "open"
    )


def test_an_unsigned_webhook_is_refused(visitor: FlaskClient) -> None:
    assert visitor.post("/api/v1/hooks/crm", data=b"{}").status_code == 401


# --- notices and spikes ---


def test_a_notice_is_started_shown_on_its_pages_and_ended(
    own: Services, visitor: FlaskClient
) -> None:
    lead = sign_in(create_app(own), "lead@example.com")[0]
    token = token_in(lead.get("/desk/notices").get_data(as_text=True))
    form = {
        "csrf_token": token,
        "title_ja": "<b>配送の遅れ</b>",
        "title_en": "Late",
        "questions": "荷物が届かない\nparcel is late",
    }
    assert lead.post("/desk/notices", data=form).status_code == 303
    assert "&lt;b&gt;配送の遅れ" in visitor.get("/ja/search?q=荷物が届かない").get_data(
        as_text=True
    )
    assert "配送の遅れ" not in visitor.get("/ja/search?q=返金").get_data(
        as_text=True
    ) and "Late" in visitor.get("/en/contact").get_data(as_text=True)
    (notice,) = own.support.notices.active(AT)
    lead.post(f"/desk/notices/{notice.notice_id}/end", data={"csrf_token": token})
    assert "配送の遅れ" not in visitor.get("/ja/contact").get_data(as_text=True)


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({"title_ja": ""}, "題名を書いてください"),
        ({"title_ja": "x", "ends": "2020-01-01T00:00"}, "始まる前に終わる"),
        ({"title_ja": "x", "ends": "?"}, "正しくありません"),
    ],
)
def test_an_invalid_notice_is_refused(own: Services, form: dict[str, str], said: str) -> None:
    lead = sign_in(create_app(own), "lead@example.com")[0]
    token = token_in(lead.get("/desk/notices").get_data(as_text=True))
    assert (
        said
        in lead.post("/desk/notices", data={"csrf_token": token, **form}).get_data(as_text=True)
        and own.support.notices.all() == []
    )


def test_a_spike_of_a_query_is_reported(own: Services) -> None:
    queries = [
        m.QueryEvent(f"q{n}", AT - n * 60_000, "ログインできない", f"c{n}", "s", "ja")
        for n in range(8)
    ]
    queries += [
        m.QueryEvent(
            f"old{n}", AT - n * 6 * 3_600_000 - 4 * 3_600_000, "返品したい", f"d{n}", "s", "ja"
        )
        for n in range(40)
    ]
    own.store.append(queries, [])
    lead = sign_in(create_app(own), "lead@example.com")[0]
    page = lead.get("/desk/").get_data(as_text=True)
    assert "直近3時間に8人がこれを尋ねました" in page and "ログインできない" in page
    assert "ログインできない</textarea>" in lead.get(
        "/desk/notices?spike=ログインできない"
    ).get_data(as_text=True)


def test_a_wrong_support_file_keeps_the_previous_one_and_leads_are_warned(
    own: Services, agent: FlaskClient
) -> None:
    lead = sign_in(create_app(own), "lead@example.com")[0]
    (own.settings.articles / "support.yml").write_text("timezone: Mars/Phobos\n", encoding="utf-8")
    assert "Mars/Phobos" in lead.get("/desk/").get_data(as_text=True) and "Mars" not in agent.get(
        "/desk/cases"
    ).get_data(as_text=True)
    assert own.support.config.channel("phone") is not None


def test_switching_the_language_stays_on_the_desk_page(agent: FlaskClient) -> None:
    page = agent.get("/desk/cases?state=all").get_data(as_text=True)
    link = re.search(r'href="(/en/speak[^"]+)"', page)
    assert link
    answer = agent.get(link[1].replace("&amp;", "&"))
    assert answer.location == "/desk/cases?state=all" and "Inbox" in agent.get(
        answer.location
    ).get_data(as_text=True)
    assert agent.get("/en/speak?to=//evil.example").location == "/en/"


def test_a_rate_limited_visitor_sees_the_contact_channels(own: Services) -> None:
    limited = replace(
        own, settings=own.settings.model_copy(update={"rate_limit": "600 per minute"})
    )
    visitor = create_app(limited).test_client()
    empty = [visitor.post("/ja/contact", data={"message": ""}).status_code for _ in range(41)]
    assert set(empty) == {422}, "a refused form may be corrected and sent again"
    sent = [write(visitor, f"電気がつかない {number}").status_code for number in range(41)]
    assert set(sent[:40]) == {303} and sent[40] == 429
    page = visitor.post("/ja/contact", data={"message": "x"}).get_data(as_text=True)
    assert "短い間に多すぎます" in page and "0120-000-123" in page


def test_a_form_sent_again_with_its_files_keeps_them_once(
    own: Services, visitor: FlaskClient
) -> None:
    form_id = str(uuid.uuid4())
    for _ in range(3):
        write(visitor, form_id=form_id, files=[("a.txt", b"one")])
    case = only(own)
    assert [file.name for file in own.support.cases.attachments(case.case_id)] == ["a.txt"]
    with own.store.engine.connect() as connection:
        assert len(connection.execute(select(schema.stored_files)).all()) == 1
