"""The chat page in a real browser: keys, one page, an agent's reply that appears by itself."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from kb_app.support.case_store import Filter
from tests.e2e.shop import Opener, Shop

pytestmark = [pytest.mark.browser, pytest.mark.model]


def test_a_conversation_by_keys_alone_until_a_person_answers(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}/ja/chat", 390, 844)
    page.clock.install()
    page.reload()
    message, thread = page.get_by_label("内容"), page.get_by_role("list", name="やりとり")
    message.focus()
    page.keyboard.type("返金はいつですか")
    page.keyboard.press("Control+Enter")
    expect(thread).to_contain_text("5〜7営業日")
    expect(message).to_be_focused()
    page.get_by_role("button", name="いいえ").press("Enter")
    expect(thread).to_contain_text("担当者におつなぎしますか")
    page.get_by_role("button", name="担当者につなぐ").first.press("Enter")
    expect(thread).to_contain_text("受付番号")
    (case,) = shop.services.support.cases.inbox(Filter(state="all"), shop.now).cases
    shop.services.support.workflow.reply(case, "佐藤", "s@example.com", "確認しました。", shop.now)
    page.clock.fast_forward(9_000)
    expect(thread).to_contain_text("確認しました。")
    expect(page).to_have_url(re.compile("/ja/chat/."))


def test_the_page_has_nothing_that_moves_it_sideways(shop: Shop, open_page: Opener) -> None:
    page = open_page(f"{shop.url}/en/chat", 320, 640)
    page.get_by_label("Your message").fill("w" * 300)
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".chat-thread li")).to_have_count(2)
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
