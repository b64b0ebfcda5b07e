"""Contacting a person, in the browser.

Covers a question up to its solution, an article beside the form, a complaint up to the ombudsman
and a public holiday.
"""

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from kb_app.analytics import model as m
from kb_app.analytics.model import Episode
from kb_app.analytics.reports.reports import Period, Reports
from search.embedding.background import BackgroundEmbedder
from tests.e2e.shop import Opener, Shop, as_lead, ask, open_shop
from tests.fake_desks import Mails, free_port, mail_server

pytestmark = [pytest.mark.browser, pytest.mark.model]
# Tuesday, 1 December 2026, 10:00 in Japan.
MORNING = datetime(2026, 12, 1, 1, 0, tzinfo=UTC)


@pytest.fixture
def post() -> Iterator[tuple[Mails, str]]:
    with mail_server() as running:
        yield running


@pytest.fixture
def staffed(
    tmp_path: Path, built: Path, real_embedder: BackgroundEmbedder, post: tuple[Mails, str]
) -> Iterator[Shop]:
    """The shop with a mail server, during business hours."""
    port = free_port()
    given = {
        "smtp_url": post[1],
        "mail_from": "help@tsubame.example",
        "port": port,
        "base_url": f"http://127.0.0.1:{port}",
    }
    with open_shop(built, tmp_path, real_embedder, MORNING, **given) as opened:
        yield opened


def write(page: Page, message: str, kind: str = "質問", mail: str = "hanako@example.com") -> None:
    """Fill in the contact form and send it."""
    page.get_by_role("radio", name=re.compile(f"^{kind}")).check()
    page.get_by_label("内容").fill(message)
    page.get_by_label("お名前(任意)").fill("山田花子")
    page.get_by_label("返信先のメールアドレス(任意)").fill(mail)
    page.get_by_role("button", name="送信する").click()


def episodes_so_far(shop: Shop) -> list[Episode]:
    """All episodes so far."""
    shop.later(minutes=1)
    day = shop.moment.date()
    return Reports(shop.services.store.engine).episodes(
        Period(day.replace(day=1, month=11), day, shop.services.settings.zone)
    )


def outcomes(shop: Shop) -> dict[str, str]:
    """Map the text of each episode's first search to its outcome and reason."""
    found = episodes_so_far(shop)
    texts = {query.query_id: query.user_query for query in shop.services.store.queries(0, 2**60)}
    return {
        texts[episode.query_ids[0]]: f"{episode.outcome}: {episode.reason}" for episode in found
    }


def link_in(text: str, words: str = "") -> str:
    """The link that follows the given words in a mail."""
    found = re.search(rf"{re.escape(words)}\s*(http\S+)", text)
    assert found, text
    return found[1]


def test_an_unanswered_question_is_answered_by_a_person_and_solved(
    staffed: Shop, open_page: Opener, post: tuple[Mails, str]
) -> None:
    mails = post[0]
    # No article answers; the page offers a person, with the name and the promised time.
    page = ask(staffed, open_page, "傘の骨が折れたので骨だけ買えますか")
    page.get_by_role("link", name="お問い合わせ").first.click()
    expect(page.locator("main")).to_contain_text("今送信すると、12月2日(水) 18:00までに返信します")
    expect(page.get_by_label("検索した言葉: 傘の骨が折れたので骨だけ買えますか")).to_be_checked()
    write(page, "傘の骨が折れました。骨だけ買えますか。")
    if page.get_by_role("button", name="担当者に送る").is_visible():
        page.get_by_role("button", name="担当者に送る").click()
    expect(page.locator("main").get_by_role("status")).to_contain_text("受け付けました")
    number = page.get_by_role("heading", level=1).inner_text().split()[-1]
    staffed.post(minutes=1)
    assert number in str(mails.taken[0]["Subject"]) and "12月2日(水) 18:00" in mails.texts()[0]

    # The agent sees the customer's trail, replies by mail and marks the case as solved.
    desk = as_lead(staffed, open_page, "/desk/cases", "agent")
    desk.get_by_role("link", name="傘の骨が折れました").click()
    expect(desk.get_by_role("region", name="お客様が試したこと")).to_contain_text(
        "傘の骨が折れたので骨だけ買えますか"
    )
    desk.get_by_label("回答", exact=True).fill("骨だけもお送りできます。1本300円です。")
    staffed.post(hours=1)
    desk.get_by_role("button", name="送信して解決にする").click()
    desk.get_by_role("button", name="今すぐ送信").click()
    expect(desk.locator("main").get_by_role("status")).to_contain_text("送信しました")
    staffed.post(minutes=1)
    reply = mails.taken[1]
    assert (
        "骨だけもお送りできます" in mails.texts()[1]
        and reply["To"].endswith("<hanako@example.com>")
        and reply["Auto-Submitted"] is None
    )
    assert outcomes(staffed)["傘の骨が折れたので骨だけ買えますか"] == "escalated: ticket"

    # A day later the customer confirms the solution through the link in the mail.
    staffed.post(days=1, hours=1)
    assert "解決しましたか" in mails.texts()[2]
    page.goto(link_in(mails.texts()[2], "はい、解決しました:"))
    expect(page.get_by_label("はい")).to_be_checked()
    page.locator("input[name=satisfaction][value='5']").check()
    page.get_by_role("button", name="送信する").click()
    expect(page.locator("main").get_by_role("status")).to_contain_text("この件は終了しました")
    assert outcomes(staffed)["傘の骨が折れたので骨だけ買えますか"] == "escalated: ticket, solved"
    lead = as_lead(staffed, open_page, "/desk/reports")
    expect(lead.get_by_role("region", name="案件")).to_contain_text("100.0 %")


def test_an_article_beside_the_form_solves_it_without_an_agent(
    staffed: Shop, open_page: Opener
) -> None:
    page = ask(staffed, open_page, "返品の送料はだれが払いますか")
    page.get_by_role("link", name="お問い合わせ").first.click()
    write(page, "返品の送料はだれが払いますか")
    expect(page.get_by_role("heading", level=1)).to_have_text("この中に答えはありますか")
    suggestion = page.locator("details.suggestion").first
    suggestion.locator("summary").click()
    expect(suggestion).to_contain_text("送料")
    suggestion.get_by_role("button", name="これで解決した").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("解決してよかったです")
    staffed.services.events.flush()
    assert outcomes(staffed)["返品の送料はだれが払いますか"].startswith("confirmed")
    assert staffed.services.support.outbox.counts() == {}


def test_an_abandoned_form_is_unanswered_and_a_call_is_a_contact(
    staffed: Shop, open_page: Opener
) -> None:
    left = ask(staffed, open_page, "傘の骨が折れたので骨だけ買えますか")
    left.get_by_role("link", name="お問い合わせ").first.click()
    left.wait_for_url("**/ja/contact**", wait_until="load")
    left.goto(f"{staffed.url}/ja/")
    called = ask(staffed, open_page, "ギフト包装はできますか")
    called.evaluate(
        "document.querySelector('a[data-channel=phone]')"
        ".addEventListener('click', (event) => event.preventDefault())"
    )
    called.locator("a[data-channel=phone]").first.click()
    staffed.heard(m.CONTACT_LEAVE, m.CHANNEL_OPENED)
    found = outcomes(staffed)
    assert found["傘の骨が折れたので骨だけ買えますか"] == "unanswered: contact form left"
    assert found["ギフト包装はできますか"] == "escalated: channel opened"


def test_a_complaint_is_escalated_to_the_ombudsman(staffed: Shop, open_page: Opener) -> None:
    page = open_page(f"{staffed.url}/ja/contact", locale="ja-JP")
    expect(page.locator(".ladder li")).to_have_count(3)
    write(page, "返品の送料を請求されました。納得できません。", "苦情")
    # A complaint skips the article suggestions.
    expect(page.locator("main").get_by_role("status")).to_contain_text("受け付けました")
    number = page.get_by_role("heading", level=1).inner_text()
    expect(page.locator("main")).to_contain_text("12月1日(火) 14:00")
    assert page.get_by_role("button", name="責任者に引き継ぐ").count() == 0

    staffed.post(hours=5)
    page.reload()
    expect(page.locator("main")).to_contain_text("遅れています")
    page.get_by_role("button", name="責任者に引き継ぐ").click()
    expect(page.locator("main").get_by_role("status")).to_contain_text("責任者に引き継ぎました")
    desk = as_lead(staffed, open_page, "/desk/cases?step=supervisor")
    desk.get_by_role("link", name="返品の送料を請求されました").click()
    desk.get_by_label("回答", exact=True).fill("規約どおりです。")
    desk.get_by_role("button", name="送信して解決にする").click()
    desk.get_by_role("button", name="今すぐ送信").click()
    page.reload()
    page.get_by_role("button", name="いいえ").click()
    page.get_by_role("button", name="オンブズマンに引き継ぐ").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(number)
    expect(page.locator("main")).to_contain_text("納得できません")
    expect(page.locator("main")).to_contain_text("規約どおりです")
    expect(page.locator("main")).to_contain_text("社内ではここが最後の段階です")


def test_on_a_public_holiday_the_page_says_when_support_reopens(
    tmp_path: Path, built: Path, real_embedder: BackgroundEmbedder, open_page: Opener
) -> None:
    # Monday, 23 November 2026, Labour Thanksgiving Day, 12:00 in Japan.
    with open_shop(
        built, tmp_path, real_embedder, datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
    ) as shop:
        page = open_page(f"{shop.url}/ja/contact", locale="ja-JP")
        expect(page.locator("main")).to_contain_text(
            "本日は休み(勤労感謝の日) · 次の受付は11月24日(火) 9:00から"
        )
        expect(page.locator("main")).to_contain_text(
            "今送信すると、11月24日(火) 18:00までに返信します"
        )
        page.goto(f"{shop.url}/en/contact")
        expect(page.locator("main")).to_contain_text("closed today: Labor Thanksgiving Day")


def test_contact_works_without_javascript(staffed: Shop, open_page: Opener) -> None:
    page = open_page(f"{staffed.url}/ja/articles/return-item", java_script_enabled=False)
    page.get_by_role("link", name="お問い合わせ").first.click()
    write(page, "返品の送料はだれが払いますか")
    page.get_by_role("button", name="担当者に送る").click()
    expect(page.locator("main").get_by_role("status")).to_contain_text("受け付けました")


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_contact_pages_are_accessible(
    staffed: Shop, open_page: Opener, width: int, scheme: str
) -> None:
    page = open_page(f"{staffed.url}/ja/contact", width=width, scheme=scheme, locale="ja-JP")

    def clean(what: str) -> None:
        violations = [
            (found["id"], [node["target"] for node in found["nodes"]][:3])
            for found in Axe().run(page).response["violations"]
        ]
        assert violations == [], what
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), what

    clean("contact")
    write(page, "返品の送料はだれが払いますか")
    page.locator("details.suggestion summary").first.click()
    clean("suggestions")
    page.get_by_role("button", name="担当者に送る").click()
    clean("case")
    page.goto(page.url.split("?")[0] + "/solved?answer=no")
    clean("solved")
    page.goto(f"{staffed.url}/account/sign-in")
    page.get_by_label("メールアドレス").fill("lead@example.com")
    page.get_by_label("パスワード").fill("correct horse battery")
    page.get_by_role("button", name="ログイン").click()
    for path in ("cases", "outbox", "notices"):
        page.goto(f"{staffed.url}/desk/{path}")
        clean(path)
    page.goto(f"{staffed.url}/desk/cases")
    page.locator(".case-line a").first.click()
    clean("desk case")
    page.goto(f"{staffed.url}/desk/notices")
    page.get_by_label("題名 (日本語)").fill("配送の遅れ")
    page.get_by_role("button", name="表示する").last.click()
    page.goto(f"{staffed.url}/ja/search?q=配送")
    clean("search with a notice")


def mail_of(subject: str, text: str, name: str, **headers: str) -> bytes:
    """A mail as a customer's mail client sends it, in ISO-2022-JP."""
    head = "".join(
        f"{key}: {value}\r\n"
        for key, value in {
            "From": "hanako@example.com",
            "Message-ID": f"<{name}@mail.example>",
            **headers,
        }.items()
    )
    words = "=?iso-2022-jp?B?" + base64.b64encode(subject.encode("iso2022_jp")).decode() + "?="
    return (
        f"{head}Subject: {words}\r\nContent-Type: text/plain; charset=ISO-2022-JP\r\n\r\n".encode()
        + text.encode("iso2022_jp")
    )


def test_a_mail_is_answered_by_an_article_and_solved_by_its_link(
    staffed: Shop, open_page: Opener, post: tuple[Mails, str]
) -> None:
    mails, desk = post[0], staffed.services.support.mail_intake
    assert (
        desk.take(
            mail_of("返品の送料はだれが払いますか", "よろしくお願いします。", "one"), staffed.now
        )
        == "created"
    )
    staffed.post(minutes=1)
    (reply,) = mails.taken
    assert (
        reply["Auto-Submitted"] == "auto-replied"
        and reply["In-Reply-To"] == "<one@mail.example>"
        and "送料" in mails.texts()[0]
    )
    page = open_page(link_in(mails.texts()[0], "はい、解決しました:"), locale="ja-JP")
    page.get_by_role("button", name="送信する").click()
    expect(page.locator("main").get_by_role("status")).to_contain_text("この件は終了しました")
    assert outcomes(staffed)["返品の送料はだれが払いますか"] == "confirmed: solved_yes"
    # Another customer says no and the case goes to a person; an automatic reply to our automatic
    # reply creates no second case.
    desk.take(mail_of("返品の送料はだれが払いますか", "よろしく。", "two"), staffed.now)
    staffed.post(minutes=1)
    page.goto(link_in(mails.texts()[1], "いいえ、担当者と話したい:"))
    page.get_by_role("button", name="送信する").click()
    headers = {"References": mails.taken[1]["Message-ID"], "Auto-Submitted": "auto-replied"}
    assert desk.take(mail_of("不在です", "休み", "three", **headers), staffed.now) == "noted"
    staffed.post(minutes=1)
    assert len(mails.taken) == 2
    inbox = as_lead(staffed, open_page, "/desk/cases", "agent")
    expect(inbox.locator(".case-line")).to_have_count(1)
    reasons = [episode.reason for episode in episodes_so_far(staffed)]
    assert sorted(reasons) == ["solved_yes", "ticket, not solved"]


def test_a_reply_can_be_taken_back_for_ten_seconds(staffed: Shop, open_page: Opener) -> None:
    page = ask(staffed, open_page, "傘の骨が折れたので骨だけ買えますか")
    page.get_by_role("link", name="お問い合わせ").first.click()
    write(page, "傘の骨が折れました。骨だけ買えますか。")
    if page.get_by_role("button", name="担当者に送る").is_visible():
        page.get_by_role("button", name="担当者に送る").click()
    number = page.get_by_role("heading", level=1).inner_text().split()[-1]
    desk = as_lead(staffed, open_page, f"/desk/cases/{number}", "agent")
    case = staffed.services.support.cases.by_number(number)
    assert case is not None

    def replies() -> list[str]:
        found = staffed.services.support.cases.messages(case.case_id)
        return [one.text for one in found if one.author == "agent"]

    desk.get_by_label("回答", exact=True).fill("まちがえた返事")
    desk.get_by_role("button", name="送信する", exact=True).click()
    expect(desk.get_by_text("10秒間は取り消せます")).to_be_visible()
    expect(desk.get_by_role("button", name="担当する")).to_be_disabled()
    desk.get_by_role("button", name="送信を取り消す").click()
    expect(desk.get_by_label("回答", exact=True)).to_be_editable()
    assert replies() == []
    desk.get_by_label("回答", exact=True).fill("正しい返事")
    desk.get_by_role("button", name="送信する", exact=True).click()
    # Whoever leaves the page is asked, sends nothing, and finds the text again.
    desk.once("dialog", lambda dialog: dialog.accept())
    desk.goto(f"{staffed.url}/desk/cases")
    desk.goto(f"{staffed.url}/desk/cases/{number}")
    assert replies() == []
    desk.get_by_role("button", name="復元する").click()
    expect(desk.get_by_label("回答", exact=True)).to_have_value("正しい返事")
    desk.get_by_role("button", name="送信する", exact=True).click()
    desk.get_by_role("button", name="今すぐ送信").click()
    expect(desk.locator("main").get_by_role("status")).to_contain_text("送信しました")
    assert replies() == ["正しい返事"]
    desk.reload()
    expect(desk.get_by_label("回答", exact=True)).to_have_value("")
