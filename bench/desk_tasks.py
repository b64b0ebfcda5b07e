"""The everyday tasks of the desk in a real browser: clicks, fields and seconds of each.

    make demo    # in another window; it prints the accounts and their password
    python -m bench.desk_tasks --url http://localhost:8000 --password PASSWORD

Seconds are those of the machine: nobody thinks or types in between. Needs Chromium and Playwright
(requirements-dev.txt). Cases and articles of the demo are changed.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page, sync_playwright

from bench.demo_desk import address

FLAGS = ["--no-sandbox", "--disable-gpu"]
CASES_OF_NOBODY = "/desk/cases?state=open&owner=-"


@dataclass
class Hands:
    """A person at a page; counts what is done."""

    page: Page
    clicks: int = 0
    fields: int = 0

    def click(self, selector: str) -> None:
        """Click the first element that fits, and wait for what follows."""
        self.page.locator(selector).first.click()
        self.page.wait_for_load_state()
        self.clicks += 1

    def fill(self, selector: str, text: str) -> None:
        """Fill a field."""
        self.page.locator(selector).first.fill(text)
        self.fields += 1

    def press(self, key: str) -> None:
        """Press a key; it counts as a click."""
        self.page.keyboard.press(key)
        self.page.wait_for_load_state()
        self.clicks += 1


def main() -> None:
    """Do each task once and print the table."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--url", default="http://localhost:8000")
    flags.add_argument("--password", required=True)
    flags.add_argument("--chromium", default="/usr/bin/chromium")
    given = flags.parse_args()
    print(f"{'task':44} {'clicks':>6} {'fields':>6} {'seconds':>8}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=given.chromium, args=FLAGS)
        for name, (role, start, task) in TASKS.items():
            page = browser.new_context(locale="en-GB").new_page()
            page.on("dialog", lambda dialog: dialog.accept())
            if start != "/account/sign-in":
                _sign_in(Hands(page), given.url, role, given.password)
            page.goto(given.url + start)
            hands, started = Hands(page), time.perf_counter()
            if start == "/account/sign-in":
                _sign_in(hands, given.url, role, given.password)
            else:
                task(hands)
            seconds = time.perf_counter() - started
            print(f"{name:44} {hands.clicks:6} {hands.fields:6} {seconds:8.2f}")
            page.context.close()
        browser.close()


def _sign_in(hands: Hands, url: str, role: str, password: str) -> None:
    hands.page.goto(f"{url}/account/sign-in")
    hands.fill("[name=mail]", address(role))
    hands.fill("[name=password]", password)
    hands.press("Enter")
    hands.page.wait_for_selector(".desk-nav")


def _rows(hands: Hands) -> None:
    hands.click(".tile-name a, ul.tiles a")
    hands.click("tbody a")


def _reply(hands: Hands) -> None:
    hands.click(".case-line h2 a")
    hands.fill("#text", "We look into it.")
    hands.click("button[value=reply]")
    hands.click("button:has-text('Send now')")
    hands.page.wait_for_selector("text=We look into it.")


def _assign(hands: Hands) -> None:
    hands.click(".case-line h2 a")
    hands.click("button[value=take]")


def _find_case(hands: Hands) -> None:
    hands.fill("[name=words]", "Jones")
    hands.press("Enter")
    hands.page.wait_for_selector(".case-line")


def _phone_case(hands: Hands) -> None:
    hands.click("a[href$='/cases/new']")
    hands.fill("[name=name]", "Mary Jones")
    hands.fill("[name=text]", "The lid of the kettle is loose.")
    hands.click("button[value=new]")
    hands.page.wait_for_selector("#reply")


def _from_gap(hands: Hands) -> None:
    hands.click("[data-gap] h2 a")
    hands.click("button[value=write]")
    hands.fill("#body", "There is no discount for students; points are collected as usual.")
    hands.click("button[value=publish]")


def _typo(hands: Hands) -> None:
    hands.click("a[href*='/desk/edit']")
    body = hands.page.locator("#body").input_value()
    hands.fill("#body", body + "\n\nThank you.\n")
    hands.click("button[value=save]")


def _new_article(hands: Hands) -> None:
    hands.click("a[href*='/desk/new']")
    hands.fill("[name=title]", "Can I buy single ribs of an umbrella?")
    hands.click("button[value=new]")
    hands.fill("#body", "A rib costs 300 yen.")
    hands.click("button[value=publish]")


def _approve(hands: Hands) -> None:
    hands.click("input[name=chosen]")
    hands.click("button[value=approve]")


def _period(hands: Hands) -> None:
    hands.click("a[href*='days=90']")


def _csv(hands: Hands) -> None:
    with hands.page.expect_download():
        hands.page.locator("a[href*='.csv'], a[href*='csv']").first.click()
    hands.clicks += 1


Task = tuple[str, str, Callable[[Hands], None]]
TASKS: dict[str, Task] = {
    "sign in: what is to be done": ("lead", "/account/sign-in", lambda _hands: None),
    "a figure, its rows, one problem step by step": ("lead", "/desk/", _rows),
    "an agent's first answer, from the inbox": ("agent", CASES_OF_NOBODY, _reply),
    "take a case": ("agent", CASES_OF_NOBODY, _assign),
    "find a customer's cases": ("agent", "/desk/cases?state=all", _find_case),
    "write down a call": ("agent", "/desk/cases", _phone_case),
    "from an unanswered question to an article": ("lead", "/desk/gaps", _from_gap),
    "mend a typo in a live article": ("writer", "/en/articles/return-item", _typo),
    "a new article, published": ("writer", "/desk/articles", _new_article),
    "approve a learned question": ("lead", "/desk/learned", _approve),
    "another period": ("lead", "/desk/reports", _period),
    "a table as CSV": ("lead", "/desk/reports", _csv),
}

if __name__ == "__main__":
    main()
