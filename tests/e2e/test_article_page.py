"""The article as a reader uses it, in a real browser: contents, code, pictures, votes, filters."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.e2e.shop import Opener, Shop
from tests.support import write_article

pytestmark = [pytest.mark.browser, pytest.mark.model]
CODES = f"/ja/articles/{quote('rv-15のエラーコード')}"


def test_the_contents_stand_beside_a_wide_text_and_say_where_one_is(
    shop: Shop, open_page: Opener
) -> None:
    page = open_page(f"{shop.url}{CODES}")
    rail = page.get_by_role("navigation", name="このページの内容")
    expect(rail).to_be_visible()
    rail.get_by_role("link", name="消えないとき").click()
    expect(page.get_by_role("heading", name="消えないとき")).to_be_in_viewport()
    page.mouse.wheel(0, 40)
    expect(rail.locator("[aria-current]")).to_have_text(re.compile("消えないとき|E-07"))
    expect(page.locator("details.toc")).to_be_hidden()


def test_on_a_phone_the_answer_comes_first(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}{CODES}", 390, 844)
    expect(page.get_by_text("コードは、止まった場所を示しています")).to_be_in_viewport()
    contents = page.locator("details.toc")
    expect(contents.get_by_role("link", name="E-03 ブラシ")).to_be_hidden()
    contents.get_by_text("このページの内容").click()
    expect(contents.get_by_role("link", name="E-03 ブラシ")).to_be_visible()


def test_a_heading_is_named_once(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}{CODES}")
    expect(page.get_by_role("heading", name="E-01 車輪", exact=True)).to_have_count(1)


def test_code_is_copied_and_a_picture_enlarged_and_closed_by_keys(
    shop: Shop, open_page: Opener
) -> None:
    page = open_page(f"{shop.url}{CODES}", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="コピー", exact=True).click()
    expect(page.get_by_role("button", name="コピーしました")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()").startswith("機種: RV-15")
    picture = page.get_by_role("link", name=re.compile("^図を拡大"))
    picture.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(picture).to_be_focused()


def test_a_vote_needs_no_new_page_and_is_said_aloud(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}{CODES}")
    page.evaluate("window.same = true")
    page.get_by_role("button", name="いいえ").click()
    said = page.get_by_role("heading", name="お役に立てず申し訳ありません。")
    expect(said).to_be_focused()
    page.get_by_role("radio", name="分かりにくい").check()
    page.get_by_role("button", name="送信").click()
    expect(page.get_by_role("heading", name="ありがとうございます")).to_be_focused()
    page.get_by_role("button", name="回答を変える").click()
    expect(page.get_by_role("heading", name="この記事は役に立ちましたか")).to_be_focused()
    page.get_by_role("button", name="はい", exact=True).click()
    expect(page.get_by_role("heading", name="ありがとうございます")).to_be_focused()
    assert page.evaluate("window.same")
    shop.heard("vote_no", "vote_reason", "vote_yes")


def test_a_vote_that_does_not_arrive_is_said_and_can_be_sent_again(
    shop: Shop, open_page: Opener
) -> None:
    page = open_page(f"{shop.url}{CODES}")
    page.get_by_role("button", name="いいえ").click()
    page.get_by_role("radio", name="分かりにくい").check()
    page.route("**/feedback**", lambda route: route.abort())
    page.route("**/vote**", lambda route: route.abort())
    page.get_by_role("button", name="送信").click()
    expect(page.get_by_role("alert")).to_have_text("送信できませんでした。もう一度お試しください。")
    expect(page.get_by_role("radio", name="分かりにくい")).to_be_checked()
    page.unroute_all()
    page.get_by_role("button", name="送信").click()
    expect(page.get_by_role("heading", name="ありがとうございます")).to_be_focused()


ODD = """送料の割引率です。

## 100% 割引

全額です。

## Feedback

ご意見はこちらです。

## 端末ごとの手順

""" + "".join(f'=== "端末{number}"\n\n    手順{number}です。\n\n' for number in range(1, 8))


def test_odd_headings_and_many_tabs_stop_nothing(shop: Shop, open_page: Opener) -> None:
    write_article(shop.services.settings.articles, "ja/about/odd.md", "割引率の表", ODD)
    shop.publish()
    page = open_page(f"{shop.url}/ja/articles/odd")
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.reload()
    page.get_by_role("navigation", name="このページの内容").get_by_role(
        "link", name="100% 割引"
    ).click()
    expect(page.get_by_role("heading", name="100% 割引")).to_be_in_viewport()
    page.locator(".tabbed-labels label").nth(6).click()
    expect(page.get_by_text("手順7です。")).to_be_visible()
    expect(page.get_by_text("手順1です。")).to_be_hidden()
    page.get_by_role("button", name="はい", exact=True).click()
    expect(page.locator("section.feedback h2")).to_be_focused()
    expect(page.get_by_role("heading", name="Feedback", exact=True)).to_be_visible()
    assert problems == []


def test_filters_stand_above_the_hits_on_a_phone(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}/ja/search?q={quote('返品したい')}", 390, 844)
    folded = page.locator("details.filters-folded")
    assert folded.bounding_box()["y"] < page.locator(".hits").bounding_box()["y"]  # type: ignore[index]
    folded.get_by_text("絞り込む").click()
    folded.get_by_role("link", name=re.compile("お支払い")).click()
    expect(page.locator("details.filters-folded[open]")).to_be_visible()
    expect(page.get_by_role("link", name=re.compile("絞り込みを解除|解除"))).to_be_visible()


def test_a_wrong_address_offers_what_it_may_mean(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}/ja/articles/{quote('返品-送料')}")
    offered = page.get_by_role("region", name="お探しの記事はこちらでしょうか")
    expect(offered.get_by_role("link")).to_have_count(3)


@pytest.mark.parametrize("width", [320, 390, 768, 1280])
@pytest.mark.parametrize("path", ["/ja/", CODES, f"/ja/search?q={quote('返品したい')}"])
def test_nothing_is_wider_than_the_screen(
    shop: Shop, open_page: Opener, path: str, width: int
) -> None:
    page = open_page(f"{shop.url}{path}", width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_steps_are_ticked_by_keys_kept_and_named_to_a_person(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}/ja/articles/{quote('TB-200のペアリング')}")
    first, second = (page.get_by_role("button", name=f"手順{n}を終えた").first for n in (1, 2))
    first.focus()
    page.keyboard.press("Space")
    second.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    page.reload()
    expect(second).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("手順3で進めませんか。")).to_be_visible()
    page.locator(".step-help").get_by_role("link", name="フォームで問い合わせる").click()
    stuck = page.get_by_role("checkbox", name=re.compile("手順3で進めなくなった：青と白"))
    expect(stuck).to_be_checked()
    page.go_back()
    page.get_by_role("button", name="最初からやり直す").click()
    expect(first).to_be_focused()
    expect(first).to_have_attribute("aria-pressed", "false")
    assert page.evaluate("localStorage.length") == 0


def test_all_steps_done_is_said(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}/ja/articles/{quote('TB-200のペアリング')}")
    for tick in page.locator(".steps").first.locator(".step-tick").all():
        tick.click()
    expect(page.locator(".step-help").first).to_contain_text("すべての手順が終わりました。")
