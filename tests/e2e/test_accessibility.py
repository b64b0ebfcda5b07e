"""The customers' pages by the success criteria of WCAG 2.2 A and AA, in a real browser.

``make accessibility`` writes the results into the table of the accessibility statement.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from kb_app.support.model import NewCase
from tests.e2e.shop import Opener, Shop, open_shop

pytestmark = [pytest.mark.browser, pytest.mark.model]
criterion = pytest.mark.criterion
PAIRING = quote("TB-200のペアリング")
PAGES = {
    "home": "/{lang}/",
    "results": "/{lang}/search?q=返金",
    "nothing found": "/{lang}/search?q=量子コンピュータの株価",
    "section": "/{lang}/sections/returns",
    "article": f"/ja/articles/{PAIRING}",
    "contact": "/{lang}/contact",
    "chat": "/{lang}/chat",
    "privacy": "/{lang}/privacy",
    "accessibility": "/{lang}/accessibility",
    "case": "{case}",
}
# Both languages where words of other lengths can make a difference.
ALL = [(name, "ja") for name in PAGES] + [(name, "en") for name in ("home", "results", "contact")]
SCRIPTS = Path(__file__).resolve().parents[2] / "kb_app" / "static"
FOCUSABLE = "a[href], button:not([disabled]), input:not([type=hidden]), select, textarea, summary"
# What is drawn and can be reached: not what is folded, off screen or for programs alone.
REACHABLE = """(selector) => [...document.querySelectorAll(selector)].filter((one) => {
  const box = one.getBoundingClientRect();
  return one.checkVisibility({ visibilityProperty: true }) && box.width && box.height
    && one.tabIndex >= 0 && !(one.type === "radio" && !one.checked && one.name
    && document.querySelector(`input[name="${CSS.escape(one.name)}"]:checked`));
}).length"""


@pytest.fixture(scope="module")
def help_site(
    tmp_path_factory: pytest.TempPathFactory, built: Path, real_embedder: Any
) -> Iterator[Shop]:
    """One shop for all tests of this file: they change nothing."""
    with open_shop(built, tmp_path_factory.mktemp("help"), real_embedder) as shop:
        yield shop


@pytest.fixture(scope="module")
def case_page(help_site: Shop) -> str:
    """The address of a customer's case."""
    support = help_site.services.support
    case = support.workflow.open(NewCase("a11y", "question", "返金はいつですか"), help_site.now)
    token = support.links.make("case", case.case_id, help_site.now)
    return f"/ja/cases/{token}"


@pytest.fixture(params=ALL, ids=lambda each: f"{each[0]}-{each[1]}")
def each(request: pytest.FixtureRequest, case_page: str) -> str:
    """The address of each page in each language."""
    name, lang = request.param
    return PAGES[name].format(lang=lang, case=case_page)


def focused(page: Page) -> Any:
    """What has the focus: its place in the document, its name, and how it is drawn."""
    return page.evaluate("""() => {
      const one = document.activeElement;
      if (!one || one === document.body) return null;
      const label = one.closest("label") || (one.labels && one.labels[0]);
      // Of a radio that is not drawn, its label is what is seen.
      const shown = label && !one.checkVisibility({ opacityProperty: true }) ? label : one;
      const box = shown.getBoundingClientRect();
      const places = [one, label, one.parentElement].filter(Boolean).map((each) =>
        getComputedStyle(each));
      const hit = document.elementFromPoint(
        box.x + box.width / 2, box.y + Math.min(box.height / 2, 20));
      return { place: [...document.querySelectorAll("*")].indexOf(one), tag: one.tagName,
        html: one.outerHTML.slice(0, 90), tabindex: one.tabIndex,
        isDrawn: places.some((each) => each.boxShadow !== "none"
          || (each.outlineStyle !== "none" && parseFloat(each.outlineWidth) > 0)),
        isSeen: !hit || hit === one || one.contains(hit) || hit.contains(one)
          || (label && label.contains(hit)) };
    }""")


def walked(page: Page, most: int = 250) -> list[Any]:
    """Everything that Tab reaches, from the top of the page until the focus leaves it."""
    found: list[Any] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        here = focused(page)
        if here is None or (found and here["place"] == found[0]["place"]):
            return found
        found.append(here)
    raise AssertionError(f"Tab does not come out of the page: {found[-1]}")


# --- by rules -------------------------------------------------------------------------------------


@criterion("1.1.1", "1.3.1", "1.3.5", "1.4.3", "2.4.2", "2.4.4", "3.1.1", "3.1.2", "4.1.2")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(help_site: Shop, open_page: Opener, each: str, scheme: str) -> None:
    page = open_page(f"{help_site.url}{each}", scheme=scheme)
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": tags}})
    said = [(rule["id"], rule["nodes"][0]["html"][:150]) for rule in found.response["violations"]]
    assert said == []


@criterion("1.1.1")
def test_every_picture_has_an_alternative_and_icons_are_silent(
    help_site: Shop, open_page: Opener, each: str
) -> None:
    page = open_page(f"{help_site.url}{each}")
    silent = page.evaluate("""() => [...document.querySelectorAll("img:not([alt]), svg")]
      .filter((one) => one.tagName === "IMG"
        || !(one.closest("[aria-hidden=true]") || one.getAttribute("role") === "img"))
      .map((one) => one.outerHTML.slice(0, 100))""")
    assert silent == []


@criterion("4.1.1")
def test_no_two_elements_have_the_same_id(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}")
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert sorted(ids) == sorted(set(ids))


@criterion("2.4.6", "1.3.1")
def test_headings_make_an_outline(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}")
    levels = page.evaluate(
        "[...document.querySelectorAll('h1,h2,h3,h4')].filter((one) => one.checkVisibility())"
        ".map((one) => [Number(one.tagName[1]), one.textContent.trim()])"
    )
    assert [level for level, _text in levels].count(1) == 1 and all(text for _l, text in levels)
    assert [pair for pair in pairwise(levels) if pair[1][0] > pair[0][0] + 1] == []


@criterion("3.1.2")
def test_words_of_another_language_say_so(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}")
    own = page.evaluate("document.documentElement.lang")
    switch = page.locator("header a[hreflang]")
    expect(switch.first).to_have_attribute("lang", "en" if own == "ja" else "ja")


@criterion("2.4.2")
def test_titles_tell_pages_apart(help_site: Shop, open_page: Opener, case_page: str) -> None:
    addresses = [PAGES[name].format(lang="ja", case=case_page) for name in PAGES]
    page = open_page(f"{help_site.url}/ja/")
    titles = []
    for address in addresses:
        page.goto(f"{help_site.url}{address}")
        titles.append(page.title())
    assert len(set(titles)) == len(titles) and all("つばめ" in title or title for title in titles)


# --- keys -----------------------------------------------------------------------------------------


@criterion("2.1.1", "2.1.2", "2.4.3", "1.3.2", "2.4.7", "2.4.11")
def test_tab_walks_the_page_in_its_order_and_shows_where_it_is(
    help_site: Shop, open_page: Opener, each: str
) -> None:
    page = open_page(f"{help_site.url}{each}", reduced_motion="reduce")
    wanted = page.evaluate(REACHABLE, FOCUSABLE)
    found = walked(page)
    places = [one["place"] for one in found]
    assert places == sorted(places), "the order of the focus is that of the document"
    assert len(found) >= wanted - 1, (wanted, [one["html"] for one in found])
    assert [one["html"] for one in found if one["tabindex"] > 0] == []
    assert [one["html"] for one in found if not one["isDrawn"]] == []
    assert [one["html"] for one in found if not one["isSeen"]] == []


@criterion("2.4.1")
def test_the_first_key_leads_past_the_header(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    here = focused(page)
    assert here is None or page.evaluate("!document.activeElement.closest('header')")


@criterion("2.1.4")
def test_no_letter_alone_does_anything(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}")
    before = page.url
    for key in "abcdefghijklmnopqrstuvwxyz0123456789/?.,;-":
        page.keyboard.press(key)
    assert page.url == before and focused(page) is None


@criterion("2.1.1")
def test_control_and_k_leads_to_the_search(help_site: Shop, open_page: Opener) -> None:
    page = open_page(f"{help_site.url}/ja/contact")
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox").first).to_be_focused()


@criterion("3.2.1", "3.2.2")
def test_focus_and_input_change_nothing_by_themselves(
    help_site: Shop, open_page: Opener, each: str
) -> None:
    page = open_page(f"{help_site.url}{each}")
    before = page.url
    for box in page.locator("select").all():
        box.select_option(index=min(1, box.locator("option").count() - 1))
    for radio in page.locator("input[type=radio]:visible, input[type=checkbox]:visible").all():
        radio.focus()
        page.keyboard.press("Space")
    assert page.url == before and len(page.context.pages) == 1


# --- sizes and colours ----------------------------------------------------------------------------


@criterion("1.4.10", "1.3.4")
@pytest.mark.parametrize("size", [(320, 640), (640, 320)], ids=["upright", "lying"])
def test_nothing_moves_sideways_on_a_small_screen(
    help_site: Shop, open_page: Opener, each: str, size: tuple[int, int]
) -> None:
    page = open_page(f"{help_site.url}{each}", *size)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


CLIPPED = """() => [...document.querySelectorAll("main *, header *, footer *")].filter((one) => {
  const style = getComputedStyle(one);
  return one.checkVisibility() && one.children.length === 0 && one.textContent.trim()
    && !one.closest(".visually-hidden, pre, .table-scroll, .skip, select, option")
    && style.overflow !== "visible" && style.overflow !== "auto"
    && (one.scrollWidth > one.clientWidth + 2 || one.scrollHeight > one.clientHeight + 2);
}).map((one) => one.outerHTML.slice(0, 100))"""


@criterion("1.4.4")
def test_text_of_double_size_is_whole(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}", bypass_csp=True)
    page.add_style_tag(content="html { font-size: 200% !important }")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280
    assert page.evaluate(CLIPPED) == []


@criterion("1.4.12")
def test_text_with_more_space_is_whole(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}", 390, 844, bypass_csp=True)
    page.add_style_tag(
        content="* { line-height: 1.5 !important; letter-spacing: .12em !important;"
        " word-spacing: .16em !important } p { margin-bottom: 2em !important }"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate(CLIPPED) == []


@criterion("2.5.8")
def test_what_is_tapped_is_large_enough(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}", 390, 844)
    small = page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].filter((one) => {
          const box = (one.closest("label") || one).getBoundingClientRect();
          const isInText = one.tagName === "A" && getComputedStyle(one).display === "inline"
            && one.parentElement.textContent.trim() !== one.textContent.trim();
          const isShown = one.checkVisibility({ visibilityProperty: true, opacityProperty: true });
          return isShown && box.width > 1 && !isInText && (box.width < 24 || box.height < 24)
            && !one.closest(".visually-hidden, .skip, li");
        }).map((one) => one.outerHTML.slice(0, 100))""",
        FOCUSABLE,
    )
    assert small == []


@criterion("1.4.1")
def test_links_in_text_are_more_than_a_colour(
    help_site: Shop, open_page: Opener, each: str
) -> None:
    page = open_page(f"{help_site.url}{each}")
    plain = page.evaluate("""() => [...document.querySelectorAll("main p a[href], .prose a[href]")]
      .filter((one) => one.checkVisibility() && !one.querySelector("img, svg")
        && one.parentElement.textContent.trim() !== one.textContent.trim()
        && !one.matches(".button, .heading-link")
        && !getComputedStyle(one).textDecorationLine.includes("underline"))
      .map((one) => one.outerHTML.slice(0, 100))""")
    assert plain == []


def luminance(colour: str) -> float:
    """The relative luminance of a colour such as rgb(1, 2, 3) (WCAG 2.2, "relative luminance")."""
    parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@criterion("1.4.11")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_edges_of_fields_and_buttons_are_seen(
    help_site: Shop, open_page: Opener, scheme: str
) -> None:
    page = open_page(f"{help_site.url}/ja/contact", scheme=scheme)
    drawn = page.evaluate("""() => {
      const behind = (one) => { for (let at = one.parentElement; at; at = at.parentElement) {
        const colour = getComputedStyle(at).backgroundColor;
        if (!colour.endsWith(", 0)")) return colour; } return "rgb(255, 255, 255)"; };
      const fields = "main input:not([type=hidden]), main select, main textarea, main .button";
      return [...document.querySelectorAll(fields)].filter((one) => one.checkVisibility()
          && !["radio", "checkbox"].includes(one.type) && !one.closest(".visually-hidden"))
        .map((one) => { const style = getComputedStyle(one), html = one.outerHTML.slice(0, 60);
          return [html, behind(one), style.borderTopColor, style.backgroundColor]; }); }""")
    assert drawn
    for html, behind, border, ground in drawn:
        ratios = [
            (max(a, b) + 0.05) / (min(a, b) + 0.05)
            for a, b in ((luminance(behind), luminance(edge)) for edge in (border, ground))
        ]
        assert max(ratios) >= 3, (html, behind, border, ground)


@criterion("1.4.1", "1.4.11")
def test_with_forced_colours_buttons_and_fields_have_edges(
    help_site: Shop, open_page: Opener, each: str
) -> None:
    page = open_page(f"{help_site.url}{each}", forced_colors="active")
    # The search is one box with an edge around both.
    bare = page.evaluate("""() => {
      const fields = ".button, input:not([type=hidden]), textarea, select";
      return [...document.querySelectorAll(fields)].filter((one) =>
          one.checkVisibility({ opacityProperty: true })
          && !one.closest(".visually-hidden, .search")
          && getComputedStyle(one).borderTopStyle === "none"
          && !["radio", "checkbox"].includes(one.type))
        .map((one) => one.outerHTML.slice(0, 90)); }""")
    assert bare == []


# --- names, languages, the same everywhere --------------------------------------------------------


@criterion("2.5.3", "4.1.2")
def test_names_hold_the_words_that_are_seen(help_site: Shop, open_page: Opener, each: str) -> None:
    page = open_page(f"{help_site.url}{each}")
    other = page.evaluate("""() => [...document.querySelectorAll("a[aria-label], button")]
      .filter((one) => one.checkVisibility() && /[\\p{L}]{2,}/u.test(one.innerText)
        && one.ariaLabel && !one.ariaLabel.includes(one.innerText.trim()))
      .map((one) => one.outerHTML.slice(0, 120))""")
    assert other == []


@criterion("3.2.3", "3.2.4", "3.2.6", "2.4.5")
def test_navigation_search_and_help_stand_in_the_same_order(
    help_site: Shop, open_page: Opener, case_page: str
) -> None:
    page, orders = open_page(f"{help_site.url}/ja/"), set()
    for name in ("home", "results", "section", "article", "privacy", "accessibility"):
        page.goto(f"{help_site.url}{PAGES[name].format(lang='ja', case=case_page)}")
        header = page.evaluate(
            "[...document.querySelectorAll('header a, header input, header button')]"
            ".filter((one) => one.checkVisibility())"
            ".map((one) => one.innerText || one.name || one.type)"
        )
        ways = page.evaluate(
            "[...document.querySelectorAll('footer .contact a')].map((one) => one.innerText)"
        )
        orders.add((tuple(word for word in header if word), tuple(ways)))
    searches = {order for order in orders if order[1]}
    assert len({ways for _header, ways in searches}) == 1
    assert len({header[:1] + header[-1:] for header, _ways in orders}) <= 2


@criterion("3.3.1", "3.3.2", "3.3.3", "4.1.3")
def test_a_form_says_what_is_wrong_and_where(help_site: Shop, open_page: Opener) -> None:
    page = open_page(f"{help_site.url}/ja/contact")
    page.evaluate("document.querySelector('form[data-contact]').noValidate = true")
    page.fill("#mail", "hanako")
    page.locator("main button.button").click()
    expect(page.get_by_role("alert").first).to_be_visible()
    mail = page.locator("#mail")
    expect(mail).to_have_attribute("aria-invalid", "true")
    said = page.locator(f"#{mail.get_attribute('aria-describedby')}")
    expect(said).to_contain_text("name@example.com")
    expect(mail).to_have_value("hanako")
    unnamed = page.evaluate(
        "[...document.querySelectorAll('main input, main select, main textarea')].filter((one) =>"
        " one.type !== 'hidden' && !one.labels.length && !one.ariaLabel)"
        ".map((one) => one.outerHTML)"
    )
    assert unnamed == []


@criterion("1.3.5")
def test_fields_about_the_customer_say_what_they_are(help_site: Shop, open_page: Opener) -> None:
    page = open_page(f"{help_site.url}/ja/contact")
    expect(page.locator("#name")).to_have_attribute("autocomplete", "name")
    expect(page.locator("#mail")).to_have_attribute("autocomplete", "email")


@criterion("3.3.7")
def test_what_was_written_need_not_be_written_again(help_site: Shop, open_page: Opener) -> None:
    page = open_page(f"{help_site.url}/ja/contact")
    page.fill("#message", "返品の送料はいくらですか")
    page.fill("#mail", "hanako@example.com")
    page.locator("main button.button").click()
    expect(page.locator("input[name=mail]").first).to_have_value("hanako@example.com")


@criterion("3.3.8")
def test_passwords_can_be_pasted_and_filled_in(help_site: Shop, open_page: Opener) -> None:
    page = open_page(f"{help_site.url}/account/sign-in")
    secret = page.locator("input[type=password]")
    expect(secret).to_have_attribute("autocomplete", "current-password")
    secret.evaluate("one => { one.focus(); document.execCommand('insertText', false, 'pasted'); }")
    expect(secret).to_have_value("pasted")


@criterion("4.1.3")
def test_what_happens_is_said_without_moving_the_focus(
    help_site: Shop, open_page: Opener, case_page: str
) -> None:
    page = open_page(f"{help_site.url}{case_page}?sent=1")
    expect(page.get_by_role("status").filter(has_text="受け付けました")).to_be_visible()
    page.goto(f"{help_site.url}/ja/chat")
    expect(page.locator("[aria-live=polite]").first).to_be_visible()


@criterion("1.4.13", "2.2.2", "2.5.1", "2.5.2", "2.5.4", "2.5.7")
def test_scripts_need_no_gesture_motion_drag_or_hover(help_site: Shop) -> None:
    gestures = (
        "touchstart|touchmove|devicemotion|deviceorientation|dragstart|pointerdown|mouseenter"
    )
    for name in ("site.js", "widget.js"):
        script = (SCRIPTS / name).read_text("utf-8")
        assert re.findall(rf'addEventListener\("(?:{gestures})"', script) == []
    style = (SCRIPTS / "site.css").read_text("utf-8")
    # What a pointer alone would bring up cannot be reached otherwise.
    assert re.findall(r":hover[^{]*\{[^}]*display:", style) == []
    assert "prefers-reduced-motion" in style


# --- by a screen reader ---------------------------------------------------------------------------


@criterion("1.3.1", "4.1.2", "2.4.6")
def test_a_screen_reader_walks_an_article(help_site: Shop, browser: Browser) -> None:
    page = browser.new_page(locale="ja-JP")
    page.goto(f"{help_site.url}/ja/articles/{PAIRING}")
    tree = page.locator("body").aria_snapshot()
    page.close()
    places = [tree.find(f"- {part}:") for part in ("banner", "main", "contentinfo")]
    assert -1 not in places and places == sorted(places)
    assert 'button "手順1を終えた"' in tree and "- img" in tree
