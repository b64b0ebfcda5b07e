"""Hostile texts in a real browser: none runs, with the site's Content-Security-Policy and without.

Without it the sanitiser and the escaping stand alone. Every page is also searched for what could
run later: event handlers, script addresses, foreign frames and scripts.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from kb_app import create_app
from kb_app.services.container import Services
from kb_app.support.case_store import Filter
from kb_app.support.notices import Notice
from search.embedding.background import DisabledEmbedder
from tests.support import NOW, build_folder, make_services, serving, write_article

PASSWORD = "correct horse battery"
AT = int(NOW.timestamp() * 1000)
JS = "alert(1)"
HANDLERS = (
    "onerror",
    "onload",
    "onmouseover",
    "onfocus",
    "onclick",
    "ontoggle",
    "onanimationstart",
)
SCHEMES = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    "java\nscript:alert(1)",
    "&#106;avascript:alert(1)",
    "&#x6A;avascript&colon;alert(1)",
    "\x01javascript:alert(1)",
    "vbscript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "data:image/svg+xml,<svg onload=alert(1)>",
    "//evil.example/x.js",
)
ELEMENTS = (
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<script\x00>alert(1)</script>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><animate onbegin=alert(1) attributeName=x dur=1s>",
    "<svg><a xlink:href='javascript:alert(1)'><text y=20>x</text></a></svg>",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src=x onerror=alert(1)>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<iframe src=javascript:alert(1)></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=javascript:alert(1)></object>",
    "<embed src=javascript:alert(1)>",
    "<form action=javascript:alert(1)><button>x</button></form>",
    "<button formaction=javascript:alert(1)>x</button>",
    "<input autofocus onfocus=alert(1)>",
    "<select autofocus onfocus=alert(1)>",
    "<textarea autofocus onfocus=alert(1)>",
    "<details open ontoggle=alert(1)><summary>x</summary></details>",
    "<video><source onerror=alert(1)></video>",
    "<audio src=x onerror=alert(1)>",
    "<body onload=alert(1)>",
    "<marquee onstart=alert(1)>x</marquee>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href=//evil.example/>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<style>@import '//evil.example/x.css';</style>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<template><img src=x onerror=alert(1)></template>",
    "<img src=x:x onerror=alert(1)//",
    "<img src='x' title='\"><script>alert(1)</script>'>",
    '"><script>alert(1)</script>',
    "'><img src=x onerror=alert(1)>",
    "</title><script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "{{ 7*7 }}{% raw %}<script>alert(1)</script>",
    "${alert(1)}",
    "<p style='background:url(javascript:alert(1))'>x</p>",
    "<div id=main><div id=writer-panel data-url=//evil.example></div></div>",
    "<a href='kb:x\"onclick=alert(1)'>x</a>",
)
PAYLOADS = [
    *ELEMENTS,
    *(f"<img src=x {handler}={JS}>" for handler in HANDLERS),
    *(f"<p tabindex=0 {handler}={JS}>x</p>" for handler in HANDLERS),
    *(f'<a href="{scheme}">x</a>' for scheme in SCHEMES),
    *(f'<img src="{scheme}">' for scheme in SCHEMES),
]
MARKDOWN = [
    *(f"[x]({scheme})" for scheme in SCHEMES),
    *(f"[x](<{scheme}>)" for scheme in SCHEMES),
    *(f"![x]({scheme})" for scheme in SCHEMES),
    *(f"[x][{number}]\n\n[{number}]: {scheme}" for number, scheme in enumerate(SCHEMES)),
    *(f"<{scheme}>" for scheme in SCHEMES),
    '[x](javascript:alert(1) "t")',
    "text\n{: onclick=alert(1) }",
    "## heading {: onmouseover=alert(1) style=x }",
    "![a](x.png){: onerror=alert(1) }",
    "```html\n<script>alert(1)</script>\n```",
    "`<script>alert(1)</script>`",
    '!!! note "<script>alert(1)</script>"\n    x',
    '=== "<img src=x onerror=alert(1)>"\n    x',
    "[^1]\n\n[^1]: <script>alert(1)</script>",
    "*[HTML]: <script>alert(1)</script>\n\nHTML",
    "| a |\n|---|\n| <script>alert(1)</script> |",
    "- [x] <img src=x onerror=alert(1)>",
    "term\n:   <script>alert(1)</script>",
]
SVG = (
    "<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'><script>alert(1)</script>"
    "<foreignObject><img xmlns='http://www.w3.org/1999/xhtml' src='x' onerror='alert(1)'/>"
    "</foreignObject></svg>"
)
# What must not be in a page, whether or not it has run yet.
FIND_LIVE = """() => [...document.querySelectorAll('*')].flatMap(element => [
  ...[...element.attributes].filter(a => a.name.startsWith('on') || (
      ['href', 'src', 'action', 'formaction', 'xlink:href', 'data'].includes(a.name)
      && /^[\\u0000-\\u0020]*(javascript|vbscript|data:text)/i.test(
           a.value.replace(/[\\t\\n\\r]/g, ''))))
    .map(a => `${element.tagName} ${a.name}=${a.value}`),
  ...(['IFRAME', 'OBJECT', 'EMBED', 'BASE', 'FOREIGNOBJECT'].includes(element.tagName.toUpperCase())
    ? [element.outerHTML] : []),
  ...(element.tagName.toUpperCase() === 'SCRIPT' && !element.src.startsWith(location.origin)
    && element.type !== 'application/ld+json'  // data, which no browser runs
    ? [element.outerHTML.slice(0, 200)] : []),
])"""


def test_there_are_enough_payloads() -> None:
    contexts = 10
    assert len(PAYLOADS) + len(MARKDOWN) > 120
    assert len(PAYLOADS) * contexts > 300


@dataclass
class Hostile:
    """A site full of hostile texts, and where they are shown."""

    services: Services
    url: str
    pages: list[str] = field(default_factory=list)
    desk: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    folder = tmp_path_factory.mktemp("xss")
    articles = folder / "articles"
    pages = _write_articles(articles)
    build_folder(articles, folder / "var", DisabledEmbedder())
    services = make_services(
        articles, folder / "var", DisabledEmbedder(), writer_panel="local", smallest_group=1
    )
    for role in ("admin", "writer"):
        services.users.add(f"{role}@example.com", role, "<img src=x onerror=alert(1)>", PASSWORD)
    with serving(create_app(services)) as url:
        made = Hostile(services, url, pages)
        _fill(made)
        yield made
    services.close()


def _write_articles(articles: Path) -> list[str]:
    """Articles with the payloads in their bodies, titles and other fields; their pages."""
    pages = []
    for number, body in enumerate(["\n\n".join(PAYLOADS), "\n\n".join(MARKDOWN), *MARKDOWN[:12]]):
        write_article(articles, f"en/a/body{number}.md", f"Body {number}", body)
        pages.append(f"/en/articles/body{number}")
    for number, payload in enumerate(PAYLOADS):
        shown = payload.replace("\x00", "").replace("\x01", "")
        fields: dict[str, Any] = {
            "summary": shown,
            "tags": [shown],
            "questions": [f"{shown} how"],
            "keywords": [shown],
            "featured": number < 5,
            "updated": "2026-11-01",
        }
        name = f"en/a/title{number}.md"
        write_article(articles, name, f"{shown} zebra {number}", "zebra text", **fields)
        pages += [f"/en/articles/title{number}"] if number % 2 else []
    write_article(articles, "en/a/picture.md", "Picture", "![i](i.svg)")
    (articles / "en/a/i.svg").write_text(SVG, encoding="utf-8")
    section = "a: {title: {en: '<img src=x onerror=alert(1)>'}, description: {en: '<script>'}}"
    (articles / "sections.yml").write_text(section, encoding="utf-8")
    return [*pages, "/en/", "/en/sections/a"]


def _fill(made: Hostile) -> None:
    """Put the payloads into everything that visitors, customers and mails can write."""
    visitor = create_app(made.services).test_client()
    for number, payload in enumerate(PAYLOADS):
        visitor.get(f"/en/search?q={quote(payload)}")
        made.pages += [f"/en/search?q={quote(payload)}"] if number % 3 == 0 else []
    joined = "\n".join(PAYLOADS)[:4_900]
    form = {"kind": "question", "message": joined, "name": PAYLOADS[1][:80], "do": "anyway"}
    for number in range(0, len(PAYLOADS), 6):
        file = (io.BytesIO(b"text"), f"{PAYLOADS[number][:60]}.txt")
        data: dict[str, Any] = {**form, "message": PAYLOADS[number], "files": file}
        visitor.post("/en/contact", data=data, content_type="multipart/form-data").close()
    for payload in ("".join(PAYLOADS[:30]), joined):
        mail = EmailMessage()
        mail["From"], mail["Subject"] = '"<script>alert(1)</script>" <x@example.com>', "<b>x</b>"
        mail.set_content("plain")
        mail.add_alternative(payload.replace("\x00", ""), subtype="html")
        made.services.support.mail_intake.take(mail.as_bytes(), AT)
    text = {"en": joined[:2_000]}
    made.services.support.notices.add(Notice("n", {"en": joined[:200]}, text, AT, None, by="x"))
    made.services.events.flush()
    made.services.analytics.update_episodes()
    made.services.analytics.update_gaps()
    now = int(made.services.clock().timestamp() * 1000)
    cases = made.services.support.cases.inbox(Filter(state="all"), now).cases
    made.desk += [f"/desk/cases/{case.number}" for case in cases]
    gaps = made.services.analytics.gaps().gaps(now)
    made.desk += [f"/desk/gaps/{gap.gap_id}" for gap in gaps[:10]]
    made.desk += ["/desk/", "/desk/gaps", "/desk/cases", "/desk/notices", "/desk/users"]
    made.desk += ["/desk/audit", "/desk/inventory", "/desk/learned", "/desk/articles"]
    made.desk += ["/desk/edit?name=en/a/body0.md", "/desk/rows?outcome=unanswered", "/account/"]


@pytest.fixture(params=[False, True], ids=["with the policy", "without the policy"])
def context(request: pytest.FixtureRequest, browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(bypass_csp=request.param, locale="en-US")
    yield made
    made.close()


def sign_in(page: Page, hostile: Hostile, role: str, path: str) -> None:
    page.goto(f"{hostile.url}/account/sign-in?next={path}")
    page.fill("[name=mail]", f"{role}@example.com")
    page.fill("[name=password]", PASSWORD)
    page.click("main button")


def look_at(page: Page, url: str) -> list[str]:
    """What ran or could run on a page."""
    ran: list[str] = []

    def dismissed(dialog: Any) -> None:
        ran.append(f"{url} ran: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", dismissed)
    page.goto(url)
    found = [f"{url} holds {live}" for live in page.evaluate(FIND_LIVE)]
    # Handlers that wait for a person.
    page.evaluate(
        "() => document.querySelectorAll('main *').forEach(e => ['mouseover', 'focus', 'toggle']"
        ".forEach(name => e.dispatchEvent(new Event(name, {bubbles: true}))))"
    )
    page.remove_listener("dialog", dismissed)
    return [*ran, *found]


def test_nothing_runs_on_pages_for_visitors(hostile: Hostile, context: BrowserContext) -> None:
    page = context.new_page()
    assert [bad for path in hostile.pages for bad in look_at(page, hostile.url + path)] == []


def test_nothing_runs_at_the_desk(hostile: Hostile, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, hostile, "admin", "/desk/")
    page.wait_for_url("**/desk/")
    assert [bad for path in hostile.desk for bad in look_at(page, hostile.url + path)] == []


def test_nothing_runs_in_a_preview(hostile: Hostile, context: BrowserContext) -> None:
    page = context.new_page()
    sign_in(page, hostile, "writer", "/desk/edit?name=en/a/body1.md")
    ran: list[str] = []
    page.on("dialog", lambda dialog: (ran.append(dialog.message), dialog.dismiss()))
    page.click("button[value=preview]")
    page.wait_for_selector(".preview")
    assert ran == [] and page.evaluate(FIND_LIVE) == []


def test_a_picture_with_a_script_is_only_a_picture(
    hostile: Hostile, context: BrowserContext
) -> None:
    page = context.new_page()
    page.goto(f"{hostile.url}/en/articles/picture")
    source = page.get_attribute("img[src*='/media/']", "src")
    assert look_at(page, f"{hostile.url}/en/articles/picture") == []
    # Opened by itself it has a policy of its own, and no origin.
    answer = page.request.get(f"{hostile.url}{source}")
    policy = answer.headers["content-security-policy"]
    assert "sandbox" in policy and "default-src 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
