"""Duplicates and contradictions at the desk, links to other sites, shared values."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from kb_app.db.article_findings import ArticleFindings, ExternalLink, Finding
from kb_app.durations import DAY, HOUR
from kb_app.services.article_checks import ArticleChecks, external_links
from kb_app.services.container import Services
from kb_app.services.link_check import due, is_broken, looked_at, without_connection
from search.errors import EmbedderUnavailableError
from tests.integration.kb_app.deskwork import post, text_of
from tests.integration.kb_app.test_writing import rebuild, stored

FOUND = Finding(
    "contradiction", "ja-returns-refund", "ja-account-password", 0.8, "5営業日です。", "3日です。"
)
NOW_MS = 1_780_000_000_000


class _Site(BaseHTTPRequestHandler):
    """Another site: some of its pages are gone, moved, or refuse programs."""

    def _answer(self) -> None:
        status, headers = {
            "/gone": (410, {}),
            "/missing": (404, {}),
            "/moved": (301, {"Location": "/there"}),
            "/loop": (302, {"Location": "/loop"}),
            "/members": (403, {}),
            "/broken": (500, {}),
            "/no-head": (405 if self.command == "HEAD" else 200, {}),
        }.get(self.path, (200, {}))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def elsewhere() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def test_a_contradiction_is_shown_with_both_quotations_and_can_be_set_aside(
    own: Services, lead: FlaskClient
) -> None:
    own.article_checks.findings.replace([FOUND])
    page = text_of(lead, "/desk/checks")
    assert "5営業日です。" in page and "3日です。" in page and "パスワードを忘れたとき" in page
    assert 'href="/desk/checks">比べる' in text_of(lead, "/desk/")
    post(lead, "/desk/checks", key=FOUND.key, do="aside")
    assert (
        "/desk/checks" not in text_of(lead, "/desk/").split('class="to-do"')[-1].split("</ul>")[0]
    )
    own.article_checks.findings.replace([FOUND])  # the next comparison finds it again
    assert own.article_checks.findings.all()[0].set_aside_by == "lead@example.com"
    post(lead, "/desk/checks", key=FOUND.key, do="again")
    assert own.article_checks.findings.all()[0].set_aside_by == ""


def test_a_finding_that_is_mended_goes_and_one_with_other_words_is_new(own: Services) -> None:
    findings = ArticleFindings(own.store.engine)
    findings.replace([FOUND])
    findings.set_aside(FOUND.key, "lead@example.com")
    findings.replace([Finding(**vars(FOUND) | {"quote": "7営業日です。", "key": ""})])
    [one] = findings.all()
    assert (one.quote, one.set_aside_by) == ("7営業日です。", "")
    findings.replace([])
    assert findings.all() == [] and not findings.set_aside(FOUND.key, "x")


class _NotYet:
    """A model that is still loading."""

    calibrated, fingerprint = True, "x"

    def encode(self, texts: object, kind: str) -> object:
        raise EmbedderUnavailableError("warming")


def test_a_model_that_is_still_loading_does_not_end_what_was_set_aside(own: Services) -> None:
    checks = ArticleChecks(own.store.engine, own.live, _NotYet(), "off", own.clock)  # type: ignore[arg-type]
    checks.findings.replace([FOUND])
    checks.findings.set_aside(FOUND.key, "lead@example.com")
    monkey = pytest.MonkeyPatch()
    monkey.setattr("kb_app.services.article_checks.overlaps", lambda *_: _NotYet().encode((), "x"))
    assert checks.compare() == 0
    monkey.undo()
    assert [one.set_aside_by for one in checks.findings.all()] == ["lead@example.com"]


def test_pages_of_other_sites_are_told_apart(elsewhere: str) -> None:
    outcomes = {
        path: looked_at(ExternalLink(f"{elsewhere}{path}"), NOW_MS, private=True).outcome
        for path in ("/", "/gone", "/missing", "/moved", "/loop", "/members", "/broken", "/no-head")
    }
    assert outcomes == {
        "/": "ok",
        "/gone": "410",
        "/missing": "404",
        "/moved": "ok",
        "/loop": "too many redirects",
        "/members": "ok",
        "/broken": "500",
        "/no-head": "ok",
    }
    assert looked_at(ExternalLink("http://no-such-host.invalid/"), NOW_MS).outcome == "no such host"
    closed = looked_at(ExternalLink("http://127.0.0.1:9/"), NOW_MS, private=True)
    assert closed.outcome == "no connection"


def test_the_own_network_is_left_alone(elsewhere: str) -> None:
    assert looked_at(ExternalLink(f"{elsewhere}/missing"), NOW_MS).outcome == "ok"


def test_a_link_is_broken_at_once_where_the_page_is_gone_else_after_days() -> None:
    gone = ExternalLink("https://example.com/", failures=1, checked_at=NOW_MS, outcome="404")
    assert is_broken(gone)
    since = NOW_MS - 3 * DAY
    for failures, broken in ((1, False), (2, False), (3, True)):
        link = ExternalLink("u", (), NOW_MS, failures, since, "timeout")
        assert is_broken(link) == broken
    assert not is_broken(ExternalLink("u", (), NOW_MS, 9, NOW_MS - HOUR, "timeout"))


def test_each_link_is_looked_at_once_a_week_and_few_of_one_host_at_once() -> None:
    links = [ExternalLink(f"https://a.example/{n}") for n in range(30)]
    links += [ExternalLink("https://b.example/", checked_at=NOW_MS - 6 * DAY)]
    links += [ExternalLink("https://c.example/", checked_at=NOW_MS - DAY, failures=1)]
    chosen = due(links, NOW_MS)
    assert len(chosen) == 11 and chosen[-1].url == "https://c.example/"


def test_without_a_connection_of_our_own_nothing_is_said_of_others() -> None:
    silent = [ExternalLink(f"https://{host}.example/", outcome="timeout") for host in "ab"]
    assert without_connection(silent)
    assert not without_connection([*silent, ExternalLink("https://c.example/", outcome="500")])
    assert not without_connection([])


def test_a_broken_link_is_shown_with_the_articles_that_have_it(
    own: Services, lead: FlaskClient, elsewhere: str
) -> None:
    path = own.settings.articles / "ja/returns/refund.md"
    path.write_text(stored(own) + f"\n[規約]({elsewhere}/missing#a) [外]({elsewhere}/)\n", "utf-8")
    rebuild(own)
    snapshot = own.live.current()
    assert snapshot is not None
    assert external_links(snapshot.articles) == {
        f"{elsewhere}/missing": ["ja-returns-refund"],
        f"{elsewhere}/": ["ja-returns-refund"],
    }
    checks = ArticleChecks(own.store.engine, own.live, own.embedder, "all", own.clock)
    assert checks.check_links() == 2 and checks.check_links() == 0
    page = text_of(lead, "/desk/checks")
    assert f"{elsewhere}/missing" in page and "404" in page and "返金の時期" in page
    path.write_text(stored(own).replace("/missing", "/there"), "utf-8")
    rebuild(own)
    checks.check_links()
    assert "/missing" not in text_of(lead, "/desk/checks")


def test_off_asks_nobody(own: Services) -> None:
    assert (
        ArticleChecks(own.store.engine, own.live, own.embedder, "off", own.clock).check_links() == 0
    )


def value(lead: FlaskClient, **form: str) -> str:
    return post(lead, "/desk/values", **form)


def hidden_digest(page: str, name: str) -> str:
    form = page.partition(f'value="{name}"')[2].partition('name="digest" value="')[2]
    return form.partition('"')[0]


def test_a_value_is_made_used_changed_and_seen_where_it_is_used(
    own: Services, lead: FlaskClient
) -> None:
    value(lead, do="save", name="price.gift", **{"text-ja": "300円", "text-en": "300 yen"})
    path = own.settings.articles / "ja/returns/refund.md"
    path.write_text(stored(own) + "\n包装は{{ price.gift }}です。\n", encoding="utf-8")
    rebuild(own)
    assert "包装は300円です。" in text_of(lead, "/ja/articles/refund")
    page = text_of(lead, "/desk/values")
    assert "返金の時期" in page.partition("price.gift")[2]
    digest = hidden_digest(page, "price.gift")
    value(lead, do="save", name="price.gift", digest=digest, **{"text-any": "¥330"})
    rebuild(own)
    assert "包装は¥330です。" in text_of(lead, "/ja/articles/refund")


def refused(lead: FlaskClient, **form: str) -> str:
    from tests.integration.kb_app.deskwork import token_in

    token = token_in(text_of(lead, "/desk/values"))
    answer = lead.post("/desk/values", data={**form, "csrf_token": token})
    assert answer.status_code == 409
    return answer.get_data(as_text=True)


def test_what_is_no_value_is_refused_and_stays_in_the_form(
    own: Services, lead: FlaskClient
) -> None:
    page = refused(lead, do="save", name="a b", **{"text-ja": "百円"})
    assert 'value="百円"' in page and not (own.settings.articles / "values.yml").exists()
    value(lead, do="save", name="price.gift", **{"text-any": "1"})
    assert "already" in refused(lead, do="save", name="price.gift", **{"text-any": "2"})
    assert "value itself" in refused(lead, do="save", name="price.gift.x", **{"text-any": "2"})
    assert "<dt" not in refused(lead, do="save", name="b", **{"text-any": "x" * 600})


def test_a_name_of_a_group_is_not_a_value(own: Services, lead: FlaskClient) -> None:
    path = own.settings.articles / "values.yml"
    path.write_text("price:\n  # yen\n  gift: 1.50\n  sea: {ja: 海, en: sea}\n", "utf-8")
    before = path.read_text("utf-8")
    for form in (
        {"do": "save", "name": "price", "text-any": "5"},
        {"do": "remove", "name": "price"},
        {"do": "save", "name": "price.sea.express", "text-any": "5"},
        {"do": "save", "name": "b", "text-any": "5", "text-ja": "6"},
    ):
        refused(lead, **form)
    assert path.read_text("utf-8") == before and "1.50" in text_of(lead, "/desk/values")


def test_a_used_value_is_not_removed(own: Services, lead: FlaskClient) -> None:
    value(lead, do="save", name="fee", **{"text-any": "1"})
    path = own.settings.articles / "ja/returns/refund.md"
    path.write_text(stored(own) + "\n{{ fee }}\n", encoding="utf-8")
    rebuild(own)
    digest = hidden_digest(text_of(lead, "/desk/values"), "fee")
    refused(lead, do="remove", name="fee", digest=digest)
    path.write_text(stored(own).replace("{{ fee }}", ""), encoding="utf-8")
    rebuild(own)
    value(lead, do="remove", name="fee", digest=digest)
    assert "fee:" not in Path(own.settings.articles / "values.yml").read_text("utf-8")


def test_the_form_of_an_article_shows_names_and_not_their_values(
    own: Services, lead: FlaskClient
) -> None:
    value(lead, do="save", name="fee", **{"text-any": "330円"})
    path = own.settings.articles / "ja/returns/refund.md"
    path.write_text(stored(own).replace("返金の時期", "返金の時期と{{ fee }}"), encoding="utf-8")
    page = text_of(lead, "/desk/edit?name=ja/returns/refund.md")
    assert 'value="返金の時期と{{ fee }}"' in page and "返金の時期と330円" in page


def test_the_languages_page_counts_what_is_there_missing_and_shows_the_glossary(
    own: Services, lead: FlaskClient
) -> None:
    (own.settings.articles / "glossary.yml").write_text("- {ja: 返金, en: refund}\n", "utf-8")
    page = text_of(lead, "/desk/languages")
    assert "refund" in page and "未翻訳" in page and "show=untranslated" in page
    (own.settings.articles / "glossary.yml").write_text("- [", "utf-8")
    assert "glossary.yml" in text_of(lead, "/desk/languages")
