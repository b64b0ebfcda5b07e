"""What goes along with a message: order number, product, the step one is stuck at, the link."""

import json
import re
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from kb_app import create_app
from kb_app.db import schema
from kb_app.services.container import Services
from kb_app.support.case_store import Filter
from kb_app.support.model import Case
from kb_app.web.core.steps import steps, with_step_marks
from search.embedding.background import DisabledEmbedder
from tests.integration.kb_app.deskwork import PASSWORD, sign_in
from tests.support import NOW, make_services, write_article

AT = int(NOW.timestamp() * 1000)
SUPPORT = """
timezone: Asia/Tokyo
desks: {crm: {type: webhook, url: "http://127.0.0.1:9/cases"}}
routes: [{kind: problem, to: crm}]
fields:
  order: {label: {ja: 注文番号, en: Order number}, example: TS-2026}
  product: {label: {ja: 製品}, choices: [TB-200, WS-30]}
"""
STEPS = """押す順番です。

1. 電源を切ります。
2. ボタンを押し続けます。
3. 手を離します。

=== "Android"

    1. 設定を開きます。
    2. 接続を押します。
"""


@pytest.fixture
def own(articles: Path, tmp_path: Path) -> Iterator[Services]:
    folder = tmp_path / "articles"
    shutil.copytree(articles, folder)
    (folder / "support.yml").write_text(SUPPORT, "utf-8")
    write_article(
        folder, "ja/faults/pair.md", "ヘッドホンのつなぎ方", STEPS, type="guide", slug="pair"
    )
    services = make_services(
        folder,
        tmp_path / "var",
        DisabledEmbedder(),
        desk_secrets="crm=hush",
        smtp_url="smtp://127.0.0.1:9",
        base_url="http://localhost",
    )
    services.indexing.publish_build(services.indexing.rebuild())
    services.users.add("agent@example.com", "agent", "Agent", PASSWORD)
    yield services
    services.close()


@pytest.fixture
def visitor(own: Services) -> FlaskClient:
    return create_app(own).test_client()


def only(own: Services) -> Case:
    (case,) = own.support.cases.inbox(Filter(state="all"), AT).cases
    found = own.support.cases.case(case.case_id)
    assert found is not None
    return found


def write(visitor: FlaskClient, **form: str) -> str:
    """Send the form; the address of the case, or the page that was shown again."""
    data = {"form_id": str(uuid.uuid4()), "kind": "question", "message": "つながりません"}
    answer = visitor.post("/ja/contact", data={**data, "do": "anyway", **form})
    return answer.location or answer.get_data(as_text=True)


# --- fields ---------------------------------------------------------------------------------------


def test_the_form_asks_for_the_fields_of_support_yml(own: Services, visitor: FlaskClient) -> None:
    page = visitor.get("/ja/contact").get_data(as_text=True)
    assert "注文番号(任意)" in page and 'placeholder="TS-2026"' in page
    assert "<option>TB-200</option>" in re.sub(r"\s+(?=>)", "", page)


def test_an_agent_sees_and_finds_what_was_given(own: Services, visitor: FlaskClient) -> None:
    case_page = visitor.get(write(visitor, **{"field-order": " TS-2026-77 ", "field-product": ""}))
    assert only(own).fields == {"order": "TS-2026-77"}
    assert "TS-2026-77" in case_page.get_data(as_text=True)
    agent, _csrf = sign_in(create_app(own), "agent@example.com")
    shown = agent.get(f"/desk/cases/{only(own).number}").get_data(as_text=True)
    assert "TS-2026-77" in shown
    found = own.support.cases.inbox(Filter(state="all", words="ts-2026-77"), AT)
    assert found.total == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [("XX-1", "この中からお選びください"), ("a\nb", "1行"), ("x" * 201, "長すぎます")],
)
def test_a_value_that_cannot_be_is_refused_and_kept(
    own: Services, visitor: FlaskClient, value: str, said: str
) -> None:
    page = write(visitor, **{"field-product" if value == "XX-1" else "field-order": value})
    assert said in page and "つながりません" in page and 'aria-invalid="true"' in page
    assert own.support.cases.inbox(Filter(state="all"), AT).total == 0


def test_fields_go_along_to_a_ticket_system(own: Services, visitor: FlaskClient) -> None:
    write(visitor, kind="problem", **{"field-order": "TS-9", "field-product": "WS-30"})
    (payload,) = sent(own, "crm")
    assert payload["fields"] == {"order": "TS-9", "product": "WS-30"}
    assert "注文番号: TS-9" in payload["text"]


def test_the_api_names_and_takes_the_fields(own: Services, visitor: FlaskClient) -> None:
    told = visitor.get("/api/v1/contact?lang=en").get_json()["fields"]
    assert told[0] == {
        "name": "order",
        "label": "Order number",
        "example": "TS-2026",
        "choices": [],
    }
    sent = {"form_id": str(uuid.uuid4()), "message": "hello", "fields": {"order": "TS-5"}}
    assert visitor.post("/api/v1/cases", json=sent).status_code == 201
    assert only(own).fields == {"order": "TS-5"}


@pytest.mark.parametrize("fields", [{"size": "L"}, {"product": "XX"}, {"order": "a\nb"}])
def test_the_api_refuses_other_fields_by_name(visitor: FlaskClient, fields: dict[str, str]) -> None:
    sent = {"form_id": str(uuid.uuid4()), "message": "hello", "fields": fields}
    answer = visitor.post("/api/v1/cases", json=sent)
    assert answer.status_code == 400 and f"fields.{min(fields)}" in answer.get_json()["detail"]


def test_a_field_that_is_no_longer_asked_is_shown_by_its_name(
    own: Services, visitor: FlaskClient
) -> None:
    address = write(visitor, **{"field-order": "TS-1"})
    (own.settings.articles / "support.yml").write_text("timezone: Asia/Tokyo\n", "utf-8")
    assert "<dt>order</dt>" in visitor.get(address).get_data(as_text=True)


# --- the step that one is stuck at ----------------------------------------------------------------


def test_steps_are_numbered_by_list_and_by_their_place_in_the_article() -> None:
    markup = (
        "<ol><li>a<ol><li>a1</li><li>a2</li></ol></li><li>b</li></ol><ol><li>alone</li></ol>"
        '<blockquote><ol><li>x</li><li>y</li></ol></blockquote><ol start="3"><li>c</li><li>d</li>'
        '</ol><div class="footnote"><ol><li>f</li><li>g</li></ol></div>'
    )
    found = [(step.place, step.number, step.text) for step in steps(markup)]
    assert found == [(1, 1, "aa1a2"), (2, 2, "b"), (3, 3, "c"), (4, 4, "d")]
    marked = with_step_marks(markup)
    assert '<li data-step="3" data-number="3">c</li>' in marked
    assert re.sub(r' data-\w+="\d+"', "", marked) == markup


def test_the_step_goes_along_and_its_article_is_not_offered(
    own: Services, visitor: FlaskClient
) -> None:
    page = visitor.get("/ja/articles/pair").text
    assert page.count("data-step=") == 5
    form = visitor.get("/ja/contact?article=ja-faults-pair&step=5").get_data(as_text=True)
    assert "手順2で進めなくなった：接続を押します。" in form
    stuck = {"article": "ja-faults-pair", "step": "5", "trail": "step:ja-faults-pair:5"}
    offered = write(visitor, message="ヘッドホンのつなぎ方", do="", **stuck)
    assert "ヘッドホンのつなぎ方</summary>" not in offered
    if offered.startswith("<"):
        assert 'name="step" value="5"' in offered
        offered = write(visitor, message="ヘッドホンのつなぎ方", **stuck)
    (step,) = only(own).trail
    assert (step["article"], step["step"], step["words"]) == (
        "ja-faults-pair",
        2,
        "接続を押します。",
    )


@pytest.mark.parametrize(
    "asked",
    ["article=no&step=1", "article=ja-faults-pair&step=99", "article=ja-faults-pair&step=-1"],
)
def test_a_step_that_is_not_there_is_not_named(visitor: FlaskClient, asked: str) -> None:
    page = visitor.get(f"/ja/contact?{asked}")
    assert page.status_code == 200 and "進めなくなった" not in page.get_data(as_text=True)


def test_a_hidden_article_is_not_named_by_its_steps(own: Services, visitor: FlaskClient) -> None:
    write_article(
        own.settings.articles, "ja/faults/in.md", "社内の手順", STEPS, audience="internal"
    )
    own.indexing.publish_build(own.indexing.rebuild())
    page = visitor.get("/ja/contact?article=ja-faults-in&step=1").get_data(as_text=True)
    assert "社内の手順" not in page


# --- the link to the case, by mail ----------------------------------------------------------------


def sent(own: Services, sink: str) -> list[dict[str, Any]]:
    """What the outbox holds for a mail server or a ticket system, in order."""
    table = schema.outbox
    rows = select(table.c.payload).where(table.c.sink == sink).order_by(table.c.created_at)
    with own.store.engine.connect() as connection:
        return [json.loads(row[0]) for row in connection.execute(rows)]


def ask_for_link(visitor: FlaskClient, address: str, **form: str) -> TestResponse:
    link = f"{address.partition('?')[0]}/link"
    return visitor.post(link, data={"do": "mail", **form}, follow_redirects=True)


def test_somebody_without_an_address_has_the_link_mailed(
    own: Services, visitor: FlaskClient
) -> None:
    address = write(visitor)
    assert "このページのリンクと返信をメールで受け取る" in visitor.get(address).text
    page = ask_for_link(visitor, address, mail="hanako@example.com")
    assert "hanako@example.com にリンクを送りました" in page.text
    (mail,) = sent(own, "mail")
    assert mail["to"] == "hanako@example.com" and mail["to_name"] == ""
    assert "/ja/cases/" in mail["body"] and only(own).mail == "hanako@example.com"


def test_a_known_address_cannot_be_changed_by_asking_for_the_link(
    own: Services, visitor: FlaskClient
) -> None:
    address = write(visitor, mail="hanako@example.com")
    ask_for_link(visitor, address, mail="mallory@example.com")
    assert {mail["to"] for mail in sent(own, "mail")} == {"hanako@example.com"}


def test_the_link_is_mailed_a_few_times_a_day(own: Services, visitor: FlaskClient) -> None:
    address = write(visitor)
    asked = (own.support.workflow.mail_link(only(own), "a@example.com", AT + n) for n in range(5))
    assert list(asked) == [True, True, True, False, False]
    assert "迷惑メール" in ask_for_link(visitor, address).text and len(sent(own, "mail")) == 3


@pytest.mark.parametrize("mail", ["", "hanako", "a@b.c\nBcc: x@y.z", f"{'a' * 200}@example.com"])
def test_what_is_no_address_is_refused(own: Services, visitor: FlaskClient, mail: str) -> None:
    answer = ask_for_link(visitor, write(visitor), mail=mail)
    assert answer.status_code == 422 and "メールアドレスの形ではありません" in answer.text
    assert sent(own, "mail") == []


def test_another_site_cannot_ask_for_the_link(own: Services, visitor: FlaskClient) -> None:
    address = write(visitor).partition("?")[0]
    headers = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"}
    answer = visitor.post(f"{address}/link", data={"mail": "a@example.com"}, headers=headers)
    assert answer.status_code == 403 and sent(own, "mail") == []


def test_a_case_that_is_held_back_as_spam_mails_nobody(own: Services, visitor: FlaskClient) -> None:
    address = write(visitor, website="http://spam.example")
    page = ask_for_link(visitor, address, mail="victim@example.com")
    assert page.status_code == 200 and sent(own, "mail") == []
