"""Writing articles, in the browser: by keyboard alone, by paste, by two at once, after a crash."""

import re
import time
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, expect

from tests.e2e.shop import Opener, Shop, as_lead, ask

pytestmark = [pytest.mark.browser, pytest.mark.model]
NAME = "ja/returns/return-item.md"
PASTE = """
(area, {html, plain, picture}) => {
  const data = new DataTransfer();
  if (html) data.setData("text/html", html);
  if (plain) data.setData("text/plain", plain);
  if (picture) {
    const bytes = Uint8Array.from(atob(picture), (one) => one.charCodeAt(0));
    data.items.add(new File([bytes], "image.png", {type: "image/png"}));
  }
  area.focus();
  const options = {clipboardData: data, bubbles: true, cancelable: true};
  area.dispatchEvent(new ClipboardEvent("paste", options));
}
"""
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5Erk"
    "Jggg=="
)


def editor_of(shop: Shop, open_page: Opener, name: str = NAME) -> Page:
    return as_lead(shop, open_page, f"/desk/edit?name={name}")


def body(page: Page) -> Locator:
    return page.get_by_label("本文（Markdown）")


def tab_to(page: Page, wanted: Locator, most: int = 60) -> None:
    """Reach an element by the Tab key alone."""
    for _ in range(most):
        if wanted.evaluate("one => one === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"{wanted} cannot be reached by the keyboard")


def until(holds: Callable[[], bool], seconds: float = 10) -> None:
    """Wait for what the page's policy does not let Playwright wait for."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def save(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^保存")).first.click()
    expect(page.get_by_role("status").first).to_contain_text(
        re.compile("保存しました|公開しました")
    )


def test_somebody_new_writes_an_article_by_keyboard_that_customers_find(
    shop: Shop, open_page: Opener
) -> None:
    started = time.monotonic()
    page = as_lead(shop, open_page, "/desk/articles")
    tab_to(page, page.get_by_role("link", name="新しい記事"))
    page.keyboard.press("Enter")
    expect(page.get_by_label("タイトル（お客様が尋ねること）")).to_be_focused()
    page.keyboard.type("傘の骨だけを買えますか")
    tab_to(page, page.get_by_role("button", name="書き始める"))
    page.keyboard.press("Enter")
    tab_to(page, body(page))
    page.keyboard.type("傘の骨は1本300円でお送りします。")
    expect(page.locator("#preview")).to_contain_text("傘の骨は1本300円")
    tab_to(page, page.get_by_role("button", name="保存して公開"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_contain_text("公開しました")
    shop.publish()
    found = ask(shop, open_page, "折れた傘の骨の部品")
    expect(found.locator("main")).to_contain_text("傘の骨だけを買えますか")
    assert time.monotonic() - started < 180


def test_what_was_typed_survives_a_closed_window(shop: Shop, open_page: Opener) -> None:
    page = editor_of(shop, open_page)
    body(page).fill("書きかけの文章です。")
    until(lambda: page.evaluate("localStorage.length") == 1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto(f"{shop.url}/desk/articles")
    page.goto(f"{shop.url}/desk/edit?name={NAME}")
    expect(page.get_by_text("保存されていない内容があります")).to_be_visible()
    page.get_by_role("button", name="復元する").click()
    expect(body(page)).to_have_value("書きかけの文章です。")
    save(page)
    assert page.evaluate("localStorage.length") == 0
    assert "書きかけの文章です。" in (shop.services.settings.articles / NAME).read_text("utf-8")


def test_pictures_texts_and_links_are_inserted_where_one_writes(
    shop: Shop, open_page: Opener
) -> None:
    page = editor_of(shop, open_page)
    body(page).fill("")
    body(page).evaluate(PASTE, {"picture": DOT})
    expect(body(page)).to_have_value(re.compile(r"!\[.+\]\(return-item\.png\)"))
    expect(page.locator("#preview img")).to_have_js_property("naturalWidth", 1)
    body(page).evaluate(PASTE, {"html": "<h2>手順</h2><ul><li>箱</li></ul>", "plain": "手順 箱"})
    expect(body(page)).to_have_value(re.compile("## 手順\n\n- 箱"))
    body(page).evaluate(PASTE, {"html": "<p>ただの文</p>", "plain": "ただの文"})
    page.get_by_role("button", name="メモ").click()
    expect(page.locator("#preview .admonition, #preview .markdown-alert")).to_have_count(1)
    page.get_by_label("記事へのリンク").press_sequentially("パスワード")
    until(lambda: page.locator("#link-targets option").count() > 0)
    title = page.locator("#link-targets option").first.get_attribute("value") or ""
    page.get_by_label("記事へのリンク").press("Enter")
    expect(body(page)).to_have_value(re.compile(rf"\[{re.escape(title)}\]\(\.\./"))


def test_a_text_taken_back_does_not_overwrite_what_others_saved(
    shop: Shop, open_page: Opener
) -> None:
    page = editor_of(shop, open_page)
    text = body(page).input_value()
    body(page).fill(f"{text}\n\n閉じた窓の追記。\n")
    until(lambda: page.evaluate("localStorage.length") == 1)
    page.once("dialog", lambda dialog: dialog.accept())
    page.goto(f"{shop.url}/desk/articles")
    other = editor_of(shop, open_page)
    body(other).fill(f"別の人の前書き。\n\n{text}")
    save(other)
    page.goto(f"{shop.url}/desk/edit?name={NAME}")
    page.get_by_role("button", name="復元する").click()
    page.get_by_role("button", name=re.compile("^保存")).first.click()
    expect(page.get_by_role("alert")).to_contain_text("別の箇所を変更しました")
    save(page)
    stored = (shop.services.settings.articles / NAME).read_text("utf-8")
    assert "別の人の前書き。" in stored and "閉じた窓の追記。" in stored


def test_two_writers_lose_nothing(shop: Shop, open_page: Opener) -> None:
    one, two = editor_of(shop, open_page), editor_of(shop, open_page)
    text = body(one).input_value()
    body(one).fill(f"{text}\n\n一人目の追記。\n")
    save(one)
    body(two).fill(f"二人目の前書き。\n\n{text}")
    two.get_by_role("button", name=re.compile("^保存")).first.click()
    expect(two.get_by_role("alert")).to_contain_text("別の箇所を変更しました")
    save(two)
    stored = (shop.services.settings.articles / NAME).read_text("utf-8")
    assert "一人目の追記。" in stored and "二人目の前書き。" in stored


def test_an_article_with_another_address_answers_at_the_old_one(
    shop: Shop, open_page: Opener
) -> None:
    page = editor_of(shop, open_page)
    page.get_by_role("link", name="移動・統合・削除").click()
    page.get_by_label("ページのアドレス").fill("send-back")
    page.get_by_role("button", name="移動する").click()
    expect(page.get_by_role("status").first).to_contain_text("移動しました")
    shop.publish()
    page.goto(f"{shop.url}/ja/articles/返品したい")
    assert page.url.endswith("/ja/articles/send-back")


@pytest.mark.parametrize(
    "path",
    ["/desk/articles", f"/desk/edit?name={NAME}", "/desk/new", f"/desk/place?name={NAME}"],
)
def test_the_pages_for_writers_are_accessible(shop: Shop, open_page: Opener, path: str) -> None:
    page = as_lead(shop, open_page, path)
    assert Axe().run(page).violations_count == 0, Axe().run(page).generate_report()
