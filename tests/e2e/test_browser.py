"""The site in a browser: mouse, keyboard, phone, no JavaScript, light and dark, axe-core."""

from collections.abc import Callable
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.e2e.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.model]
Opener = Callable[..., Page]
PAGES = {
    "home": "/{lang}/",
    "results": "/{lang}/search?q=" + quote("荷物が届かない"),
    "weak": "/{lang}/search?q=" + quote("宇宙旅行の予約"),
    "empty": "/{lang}/search",
    "section": "/{lang}/sections/returns",
    "tabs": "/{lang}/articles/return-item",
    "definitions": "/{lang}/articles/ombudsman",
    "table": "/{lang}/articles/robot-errors",
    "paper": "/{lang}/articles/how-we-answer",
    "missing": "/{lang}/articles/none",
}


def test_search_to_answer(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/", locale="ja-JP")
    expect(page).to_have_url(site.url + "/ja/")
    page.get_by_role("combobox").fill("パスワードを忘れた")
    page.get_by_role("button", name="検索").click()
    answer = page.locator(".answer")
    expect(answer.locator("mark").first).to_have_text("パスワード")
    answer.locator(".answer-source").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("パスワードを忘れた")
    expect(page.get_by_role("navigation", name="現在の位置")).to_be_visible()


def test_a_quoted_checklist_has_boxes_and_no_bullets(site: Site, open_page: Opener) -> None:
    page = open_page(f"{site.url}/en/search?q=" + quote("My parcel has not arrived"), locale="en")
    item = page.locator(".answer .task-list-item").first
    expect(item).to_have_css("list-style-type", "none")


def test_suggestions_work_by_keyboard_alone(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/ja/")
    page.keyboard.press("Control+k")
    box = page.get_by_role("combobox")
    expect(box).to_be_focused()
    page.keyboard.type("pasuwa", delay=30)
    options = page.get_by_role("option")
    expect(options.first).to_contain_text("パスワード")
    page.keyboard.press("ArrowDown")
    expect(options.first).to_have_attribute("aria-selected", "true")
    expect(box).to_have_attribute("aria-activedescendant", "q-suggestions-0")
    page.keyboard.press("Escape")
    expect(box).to_have_value("pasuwa")
    expect(page.get_by_role("listbox")).to_be_hidden()
    page.keyboard.type(" ")
    page.keyboard.press("Backspace")
    expect(options.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("パスワード")


def test_escape_brings_back_all_that_was_typed(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/ja/")
    box = page.get_by_role("combobox")
    box.press_sequentially("pasuw")
    expect(page.get_by_role("option").first).to_be_visible()
    # Before the suggestions for the last letter are asked for.
    for key in ("a", "ArrowDown", "Escape"):
        page.keyboard.press(key)
    expect(box).to_have_value("pasuwa")


def test_suggestions_do_not_change_during_keyboard_navigation(
    site: Site, open_page: Opener
) -> None:
    page = open_page(site.url + "/ja/")
    page.get_by_role("combobox").click()
    page.keyboard.type("pasu")
    first = page.get_by_role("option").first
    expect(first).to_be_visible()
    # Type one more letter and enter the list at once: the new suggestions arrive too late.
    page.keyboard.type("w")
    page.keyboard.press("ArrowDown")
    page.wait_for_timeout(800)
    expect(first).to_have_attribute("aria-selected", "true")


def test_a_whole_visit_by_keyboard(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/en/", locale="en-GB")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Control+k")
    page.keyboard.type("my parcel never came")
    page.keyboard.press("Enter")
    expect(page).to_have_url(site.url + "/en/search?q=my+parcel+never+came")
    page.locator(".answer-source a").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("parcel")


def test_the_language_switch_persists(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/ja/articles/" + quote("パスワードを忘れた"))
    page.get_by_role("navigation", name="言語").get_by_role("link", name="English").click()
    expect(page).to_have_url(site.url + "/en/articles/reset-password")
    expect(page.get_by_role("heading", level=1)).to_contain_text("password")
    page.goto(site.url + "/")
    expect(page).to_have_url(site.url + "/en/")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("lang", ["ja", "en"])
def test_pages_do_not_scroll_horizontally_on_a_phone(
    site: Site, open_page: Opener, name: str, lang: str
) -> None:
    page = open_page(site.url + PAGES[name].format(lang=lang), width=360, height=740)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_home_fits_at_double_scale(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/ja/", width=640, height=450, device_scale_factor=2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    expect(page.get_by_role("button", name="検索")).to_be_visible()


def test_everything_works_without_javascript(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/en/", locale="en-GB", java_script_enabled=False)
    page.get_by_role("searchbox").fill("return a kettle")
    page.get_by_role("button", name="Search").click()
    page.locator(".hit a").first.click()
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.goto(site.url + "/en/articles/return-item")
    labels = page.locator(".tabbed-labels label")
    blocks = page.locator(".tabbed-block")
    expect(blocks.nth(1)).to_be_hidden()
    labels.nth(1).click()
    expect(blocks.nth(1)).to_be_visible()


def test_a_heading_link_can_be_copied(site: Site, open_page: Opener) -> None:
    page = open_page(
        site.url + "/en/articles/refund-time", permissions=["clipboard-read", "clipboard-write"]
    )
    button = page.locator(".heading-link").first
    button.focus()
    page.keyboard.press("Enter")
    expect(button).not_to_have_text("#")
    assert "#" in page.evaluate("navigator.clipboard.readText()")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_serious_violation(
    site: Site, open_page: Opener, name: str, lang: str, scheme: str
) -> None:
    page = open_page(site.url + PAGES[name].format(lang=lang), scheme=scheme)
    page.wait_for_timeout(150)
    found = Axe().run(page).response["violations"]
    serious = [
        (rule["id"], [node["html"][:120] for node in rule["nodes"]][:3])
        for rule in found
        if rule["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_open_suggestions_and_the_panel_are_accessible(site: Site, open_page: Opener) -> None:
    page = open_page(site.url + "/ja/")
    page.get_by_role("combobox").press_sequentially("へんぴ", delay=20)
    expect(page.get_by_role("option").first).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in found if rule["impact"] in ("serious", "critical")] == []
