"""Lifecycle of a question: unanswered, gap, article, found, confirmed, reversed by a message."""

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.shop import PASSWORD, Opener, Shop, as_lead, ask

pytestmark = [pytest.mark.browser, pytest.mark.model]


def figure(page: Page, name: str) -> str:
    """The counts of a metric on the overview."""
    return (
        page.get_by_role("row")
        .filter(has=page.get_by_role("rowheader", name=re.compile(re.escape(name))))
        .first.get_by_role("cell")
        .nth(2)
        .inner_text()
    )


def test_lifecycle_of_a_question(shop: Shop, open_page: Opener) -> None:
    # Four people ask the same question in different words; the page says that there is no answer
    # and offers a person.
    first = ask(shop, open_page, "学割はありますか")
    expect(first.locator(".answer")).to_have_count(0)
    expect(first.get_by_role("link", name="お問い合わせ").first).to_be_visible()
    ask(shop, open_page, "学生割引を使いたい")
    ask(shop, open_page, "is there a discount for students", "en")
    ask(shop, open_page, "student discount", "en")
    shop.later(hours=1)

    # The lead sees one gap of four people and creates a draft from it.
    desk = as_lead(shop, open_page, "/desk/gaps")
    gap = desk.locator("[data-gap]").first
    expect(gap).to_contain_text("4人")
    expect(gap).to_contain_text("English")
    gap.get_by_role("link").first.click()
    desk.get_by_label("題名").fill("学割はありますか")
    desk.get_by_role("combobox", name="言語").select_option("ja")
    desk.get_by_role("button", name="下書きを作る").click()
    asked = desk.get_by_label("この記事が見つかるべき質問")
    assert "student discount" in asked.input_value()
    expect(desk.get_by_role("heading", level=1)).to_contain_text("下書き")
    desk.get_by_label("別の尋ね方").fill(
        "学生割引を使いたい\nis there a discount for students\nstudent discount"
    )
    desk.get_by_label("本文（Markdown）").fill(
        "学生割引(学割)はありません。学生の方も、会員ポイントは同じようにたまります。"
    )
    desk.get_by_role("button", name="プレビュー").click()
    expect(desk.locator(".preview")).to_contain_text("学生割引(学割)はありません")
    desk.get_by_role("button", name="保存して公開").click()
    expect(desk.get_by_role("status")).to_contain_text("公開しました")

    # Publishing searches the logged questions again and the gap closes.
    shop.publish()
    desk.goto(f"{shop.url}/desk/gaps?state=answered")
    expect(desk.locator("[data-gap]").first).to_contain_text("学")
    expect(desk.locator("[data-gap]").first).to_contain_text("4/4")

    # The next visitor gets the answer, reads it and votes yes.
    reader = ask(shop, open_page, "学割ってありますか")
    expect(reader.locator(".answer")).to_contain_text("ありません")
    reader.locator(".answer-source a").click()
    expect(reader).not_to_have_url(re.compile("from="))
    shop.moment += timedelta(minutes=1)
    reader.get_by_role("button", name="はい").click()
    expect(
        reader.get_by_role("heading", name="ありがとうございます。回答を記録しました。")
    ).to_be_visible()
    shop.later(minutes=10)
    desk.goto(f"{shop.url}/desk/reports")
    assert figure(desk, "セルフサービスで解決(確認済み)") == "1 / 5"
    assert figure(desk, "未回答") == "4 / 5"

    # Three days later the same person still sends a message: the success is reversed.
    shop.moment += timedelta(days=3)
    reader.get_by_role("link", name="お問い合わせ").first.click()
    reader.get_by_label("内容").fill("学割がないのは困ります。090-1234-5678 に電話をください。")
    reader.get_by_role("button", name="送信する").click()
    reader.get_by_role("button", name="担当者に送る").click()
    expect(reader.locator("main").get_by_role("status")).to_contain_text("受け付けました")
    shop.later(minutes=10)
    desk.goto(f"{shop.url}/desk/reports")
    assert figure(desk, "セルフサービスで解決(確認済み)") == "0 / 5"
    assert figure(desk, "担当者に連絡") == "1 / 5"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_the_desk_is_accessible(shop: Shop, open_page: Opener, width: int, scheme: str) -> None:
    ask(shop, open_page, "学割はありますか")
    shop.later(minutes=10)
    page = open_page(f"{shop.url}/account/sign-in", width=width, scheme=scheme, locale="en-GB")
    assert Axe().run(page).response["violations"] == []
    page.get_by_label("Mail address").fill("lead@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    for path in (
        "",
        "reports",
        "reports/articles",
        "edit?name=ja/returns/return-item.md",
        "edit?name=ja/returns/return-item.md&source=1",
        "place?name=ja/returns/return-item.md",
        "new",
        "cases",
        "cases/new",
        "replies",
        "gaps",
        "rows?outcome=unanswered",
        "articles",
        "inventory",
        "definitions",
        "pillars",
        "learned",
    ):
        page.goto(f"{shop.url}/desk/{path}")
        violations = [
            (found["id"], [node["target"] for node in found["nodes"]][:3])
            for found in Axe().run(page).response["violations"]
        ]
        assert violations == [], path
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    for path in ("/ja/contact", "/en/privacy", "/ja/articles/return-item"):
        page.goto(shop.url + path)
        assert [found["id"] for found in Axe().run(page).response["violations"]] == [], path


def test_a_typo_is_mended_by_clicks(shop: Shop, open_page: Opener) -> None:
    desk = as_lead(shop, open_page, "/desk/")
    desk.goto(f"{shop.url}/ja/articles/return-item")
    desk.get_by_role("link", name="編集").click()
    source = desk.get_by_label("本文（Markdown）")
    source.fill(source.input_value() + "\n## 追記\n\n[消えた記事](nowhere.md)を見てください。\n")
    preview = desk.locator("#preview")
    expect(preview.get_by_role("heading", name="追記")).to_be_visible(), "it follows the typing"
    expect(preview.get_by_role("list", name="問題").first).to_contain_text("nowhere.md")
    source.fill(source.input_value().replace("[消えた記事](nowhere.md)", "保証書"))
    expect(preview).to_contain_text("保証書を見てください")
    desk.get_by_role("button", name="保存して反映").click()
    expect(desk.get_by_role("status")).to_contain_text("公開しました")
    shop.publish()
    reader = open_page(f"{shop.url}/ja/articles/return-item")
    expect(reader.get_by_text("保証書を見てください")).to_be_visible()


def test_a_decision_takes_one_key(shop: Shop, open_page: Opener) -> None:
    ask(shop, open_page, "学割はありますか")
    shop.later(minutes=10)
    desk = as_lead(shop, open_page, "/desk/gaps")
    desk.keyboard.press("d")
    desk.wait_for_timeout(300)
    expect(desk.locator("[data-gap]")).to_have_count(1), "no row has the focus"
    desk.keyboard.press("j")
    desk.keyboard.press("d")
    expect(desk.locator("[data-gap]")).to_have_count(0)
    desk.get_by_role("button", name="元に戻す").click()
    desk.goto(f"{shop.url}/desk/gaps")
    expect(desk.locator("[data-gap]")).to_have_count(1)


def test_reading_time_and_abandoned_forms_are_recorded(shop: Shop, open_page: Opener) -> None:
    page = ask(shop, open_page, "返品したい")
    page.locator(".hit a").first.click()
    page.wait_for_timeout(1_500)
    page.locator(".feedback").scroll_into_view_if_needed()
    page.get_by_role("link", name="お問い合わせ").first.click()
    page.get_by_label("内容").fill("途中")
    page.goto(f"{shop.url}/ja/")
    shop.heard("click", "view", "engaged", "contact_open", "contact_leave")
    done = {action.action_name: action for action in shop.services.store.actions(0, 2**60)}
    assert (
        done["engaged"].number("seconds") >= 1
        and done["engaged"].number("scroll") > 0.5
        and done["contact_leave"].query_id == done["click"].query_id
    )
