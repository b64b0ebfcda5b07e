"""Help on a page of another site, in a real browser: a question, its answer, a vote, a case."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect

from kb_app.support.case_store import Filter
from search.embedding.background import BackgroundEmbedder
from tests.e2e.shop import Opener, Shop, open_shop

pytestmark = [pytest.mark.browser, pytest.mark.model]
SCRIPT = Path(__file__).resolve().parents[2] / "kb_app" / "static" / "widget.js"
MOST_BYTES = 15 * 1024
# A page whose own style touches everything, and whose policy allows the help site alone.
HOSTILE = "* { display: block !important; color: red !important; font-size: 40px !important; }"


class OtherSite:
    """A server of pages at another origin; ``given`` are the attributes of the script."""

    def __init__(self) -> None:
        self.help, self.given, self.policy = "", 'data-lang="ja"', ""
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = (
                    "<!doctype html><html lang='ja'><meta charset='utf-8'><title>店</title>"
                    "<link rel='stylesheet' href='/style.css'><main><h1>お店のページ</h1>"
                    "<div id='help'></div><p><a href='#x'>リンク</a></p></main>"
                    f"<script src='{site.help}/widget.js' defer {site.given}></script></html>"
                )
                is_style = self.path == "/style.css"
                body = (HOSTILE if is_style else page).encode()
                self.send_response(200)
                kind = "text/css" if is_style else "text/html; charset=utf-8"
                self.send_header("Content-Type", kind)
                if site.policy:
                    self.send_header("Content-Security-Policy", site.policy)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # Another name of this machine: another site to a browser.
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def other() -> Iterator[OtherSite]:
    made = OtherSite()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def helping(
    other: OtherSite, tmp_path: Path, built: Path, real_embedder: BackgroundEmbedder
) -> Iterator[Shop]:
    with open_shop(built, tmp_path, real_embedder, api_origins=other.url) as shop:
        other.help = shop.url
        other.policy = (
            f"default-src 'none'; script-src {shop.url}; connect-src {shop.url}; "
            f"img-src {shop.url}; style-src 'self'"
        )
        yield shop


def ask(page: Page, words: str) -> None:
    page.get_by_label("ご質問").fill(words)
    page.get_by_role("button", name="検索", exact=True).click()


def test_the_script_is_small() -> None:
    assert len(gzip.compress(SCRIPT.read_bytes(), 9)) < MOST_BYTES


def test_a_question_is_answered_voted_on_and_followed_by_a_case(
    other: OtherSite, helping: Shop, open_page: Opener
) -> None:
    page = open_page(other.url)
    problems: list[str] = []
    page.on("console", lambda said: problems.append(said.text) if said.type == "error" else None)
    page.get_by_role("button", name="ヘルプ").click()
    expect(page.get_by_label("ご質問")).to_be_focused()
    ask(page, "ロボット掃除機 E-07")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("table")).to_contain_text("ダストボックス")
    article = dialog.get_by_role("link", name="記事を読む")
    assert str(article.get_attribute("href")).startswith(f"{helping.url}/ja/articles/")
    dialog.get_by_role("button", name="いいえ").click()
    expect(page.get_by_label("お問い合わせの内容")).to_have_value("ロボット掃除機 E-07")
    expect(dialog).to_contain_text("0120-000-123")
    page.get_by_label("お返事先のメールアドレス").fill("hanako@example.com")
    page.get_by_role("button", name="送信する").click()
    expect(dialog).to_contain_text("お問い合わせを受け付けました")
    (case,) = helping.services.support.cases.inbox(Filter(state="all"), helping.now).cases
    assert (case.channel, case.mail) == ("widget", "hanako@example.com")
    number = dialog.get_by_role("heading").inner_text()
    assert case.number in number
    helping.later(minutes=5)
    (query,) = helping.services.store.queries(0, 2**60)
    assert query.channel == "widget" and case.query_id == query.query_id and query.client_id
    names = [one.action_name for one in helping.services.store.actions(0, 2**60)]
    assert "vote_no" in names
    assert page.context.cookies() == []
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]
    assert problems == []


def test_a_vote_of_yes_and_articles_of_this_page_in_a_box(
    other: OtherSite, helping: Shop, open_page: Opener
) -> None:
    other.given = 'data-lang="ja" data-target="#help" data-articles="ja-return-item,none"'
    page = open_page(other.url, 390, 844)
    box = page.get_by_role("region", name="何かお困りですか")
    expect(box.get_by_role("heading", name="このページに関する記事")).to_be_visible()
    expect(box.get_by_role("listitem")).to_have_count(1)
    ask(page, "返品したい")
    box.get_by_role("button", name="はい").click()
    expect(box).to_contain_text("ありがとうございます")
    helping.heard("vote_yes")
    # The page's own style does not reach the box.
    assert page.get_by_label("ご質問").evaluate("e => getComputedStyle(e).fontSize") == "16px"


def test_what_we_do_not_have_is_said(other: OtherSite, helping: Shop, open_page: Opener) -> None:
    other.given = 'data-lang="en"'
    page = open_page(other.url, locale="en-US")
    page.get_by_role("button", name="Help").click()
    page.get_by_label("Your question").fill("do you sell bananas by the kilo")
    page.get_by_label("Your question").press("Enter")
    expect(page.get_by_role("status")).to_contain_text("We have no answer to this.")
    expect(page.get_by_role("button", name="Write to a person")).to_be_visible()


def test_keys_alone_open_ask_and_close(other: OtherSite, helping: Shop, open_page: Opener) -> None:
    page = open_page(other.url)
    launch = page.get_by_role("button", name="ヘルプ")
    launch.focus()
    page.keyboard.press("Enter")
    page.keyboard.type("返品したい")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_role("link", name="記事を読む")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(launch).to_be_focused()


def test_escape_closes_after_a_vote(other: OtherSite, helping: Shop, open_page: Opener) -> None:
    page = open_page(other.url)
    page.get_by_role("button", name="ヘルプ").click()
    ask(page, "返品したい")
    page.get_by_role("button", name="はい").click()
    expect(page.get_by_text("ありがとうございます。")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_a_slow_answer_to_an_earlier_question_is_not_shown(
    other: OtherSite, helping: Shop, open_page: Opener
) -> None:
    page = open_page(other.url)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(f"**/search?q={quote('領収書')}*", hold)
    page.get_by_role("button", name="ヘルプ").click()
    with page.expect_request("**/search?**"):
        ask(page, "領収書")
    ask(page, "返品したい")
    article = page.get_by_role("dialog").get_by_role("link", name="記事を読む")
    expect(article).to_be_visible()
    shown = article.get_attribute("href")
    with page.expect_response(f"**/search?q={quote('領収書')}*"):
        held[0].continue_()
    page.wait_for_timeout(200)
    assert article.get_attribute("href") == shown


def test_what_was_written_is_kept_and_a_page_of_an_error_is_no_answer(
    other: OtherSite, helping: Shop, open_page: Opener
) -> None:
    page = open_page(other.url)
    page.get_by_role("button", name="ヘルプ").click()
    page.get_by_role("button", name="担当者に相談する").click()
    page.get_by_label("お問い合わせの内容").fill("荷物が届きません")
    page.get_by_label("お返事先のメールアドレス").fill("hanako@example.com")
    page.get_by_role("button", name="戻る").click()
    page.get_by_role("button", name="担当者に相談する").click()
    expect(page.get_by_label("お問い合わせの内容")).to_have_value("荷物が届きません")
    broken = {"status": 502, "content_type": "text/html", "body": "<h1>Bad gateway</h1>"}
    page.route("**/api/v1/cases", lambda route: route.fulfill(**broken))
    page.get_by_role("button", name="送信する").click()
    expect(page.get_by_role("alert")).to_have_text(
        "うまくいきませんでした。もう一度お試しください。"
    )
    page.unroute_all()
    page.get_by_role("button", name="送信する").click()
    expect(page.get_by_role("dialog")).to_contain_text("お問い合わせを受け付けました")
    assert len(helping.services.support.cases.inbox(Filter(state="all"), helping.now).cases) == 1


def test_a_script_that_is_named_twice_makes_one_button_whose_keys_are_its_own(
    other: OtherSite, helping: Shop, open_page: Opener
) -> None:
    other.policy = ""
    page = open_page(other.url)
    page.add_script_tag(url=f"{helping.url}/widget.js")
    expect(page.get_by_role("button", name="ヘルプ")).to_have_count(1)
    page.evaluate("window.keys = 0; addEventListener('keydown', () => { window.keys += 1; })")
    page.get_by_role("button", name="ヘルプ").click()
    page.keyboard.type("help?")
    assert page.evaluate("window.keys") == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_can_be_read_by_everybody(
    other: OtherSite, helping: Shop, open_page: Opener, scheme: str
) -> None:
    other.policy = ""
    page = open_page(other.url, scheme=scheme)
    page.get_by_role("button", name="ヘルプ").click()
    ask(page, "返品したい")
    expect(page.get_by_role("link", name="記事を読む")).to_be_visible()
    found = Axe().run(page, context={"include": [["body > div"]]})
    assert [one["id"] for one in found.response["violations"]] == []


def test_a_site_that_is_not_named_gets_no_answer(
    other: OtherSite,
    tmp_path: Path,
    built: Path,
    real_embedder: BackgroundEmbedder,
    open_page: Opener,
) -> None:
    with open_shop(built, tmp_path, real_embedder, api_origins="https://shop.example") as shop:
        other.help = shop.url
        page = open_page(other.url)
        page.get_by_role("button", name="ヘルプ").click()
        ask(page, "返品したい")
        expect(page.get_by_role("status")).to_have_text(
            "うまくいきませんでした。もう一度お試しください。"
        )
        expect(page.get_by_role("dialog").get_by_role("link")).to_have_count(0)
        assert list(shop.services.support.cases.inbox(Filter(state="all"), shop.now).cases) == []
