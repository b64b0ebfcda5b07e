"""The pages of the site as a visitor sees them."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from kb_app import create_app
from kb_app.db import schema
from kb_app.services.container import Services
from kb_app.support.notices import Notice
from search.embedding.background import DisabledEmbedder
from search.model import Results
from tests.support import make_services


def page(site: FlaskClient, url: str, status: int = 200) -> str:
    response = site.get(url)
    assert response.status_code == status, (url, response.status_code)
    return response.get_data(as_text=True)


@pytest.mark.parametrize(
    ("browser", "lang"), [("ja,en;q=0.5", "ja"), ("en-GB", "en"), ("fr", "ja"), ("", "ja")]
)
def test_the_language_is_chosen_from_the_browser(
    site: FlaskClient, browser: str, lang: str
) -> None:
    assert site.get("/", headers={"Accept-Language": browser}).location == f"/{lang}/"


def test_a_chosen_language_persists(site: FlaskClient) -> None:
    site.get("/en/", headers={"Accept-Language": "ja"})
    assert site.get("/", headers={"Accept-Language": "ja"}).location == "/en/"


def test_home_offers_topics_featured_and_recent_articles(site: FlaskClient) -> None:
    html = page(site, "/ja/")
    assert (
        "返品" in html
        and "返金の時期" in html
        and 'role="search"' in html
        and "help@example.com" in html
    )
    assert "Account" in page(site, "/en/")


def test_results_mark_words_and_offer_filters(site: FlaskClient) -> None:
    html = page(site, "/ja/search?q=返金 パスワード")
    assert "<mark>返金</mark>" in html and "section=" in html and "noindex" in html


@pytest.mark.parametrize("query", ["パスワード", "返金とパスワード", "宇宙", "kettle pots"])
def test_results_show_as_many_articles_as_they_count(by_words: FlaskClient, query: str) -> None:
    html = page(by_words, f"/ja/search?q={query}")
    found = by_words.get(f"/api/v1/search?q={query}&lang=ja").get_json()
    assert len(found["hits"]) == found["total"]
    shown = html.count('class="hit"')
    assert shown == found["total"] - ('class="answer"' in html)
    counted = re.search(r'results-count">[^<\d]*(\d+)', html)
    assert counted is None or int(counted[1]) == shown
    # The first article is quoted above and not shown again.
    slugs = re.findall(r"/articles/([^?\"#]+)\?from", html)
    assert len(slugs) == len(set(slugs))


def test_results_in_another_language_are_labelled(site: FlaskClient) -> None:
    html = page(site, "/ja/search?q=descale+kettle")
    assert 'lang="en"' in html and ("English の記事" in html or "Englishの記事だけ" in html)


@pytest.fixture(scope="module")
def by_words(articles: Path, data: Path) -> FlaskClient:
    """A site without a model: verdicts of the hash embedder are meaningless."""
    return create_app(make_services(articles, data, DisabledEmbedder())).test_client()


def test_a_known_answer_is_quoted_with_its_article(by_words: FlaskClient) -> None:
    html = page(by_words, "/ja/search?q=お金はいつ戻りますか")
    box = html[
        html.index('class="answer"') : html.index("</section>", html.index('class="answer"'))
    ]
    assert (
        "<blockquote" in box and "5営業日" in box and "返金の時期" in box and "/ja/articles/" in box
    )


def test_a_quoted_answer_in_another_language_is_labelled(by_words: FlaskClient) -> None:
    html = page(by_words, "/ja/search?q=descale+kettle+citric+acid")
    assert (
        'class="answer"' in html
        and "English"
        in html[
            html.index('class="answer"') : html.index("</section>", html.index('class="answer"'))
        ]
    )


def test_without_an_answer_the_page_says_so_and_offers_a_person(site: FlaskClient) -> None:
    html = page(site, "/en/search?q=zzxxqq+wwvv")
    assert (
        "We do not seem to have an answer" in html
        and "Talk to a person" in html
        and 'class="answer"' not in html
    )


@pytest.mark.parametrize("query", ["", "%20", "%E3%80%80", "%00"])
def test_an_empty_search_asks_for_a_question(site: FlaskClient, query: str) -> None:
    assert "知りたいことを" in page(site, f"/ja/search?q={query}")


@pytest.mark.parametrize("query", ["%3F%3F%3F", "%F0%9F%98%80"])
def test_punctuation_only_queries_are_explained(site: FlaskClient, query: str) -> None:
    assert "検索できる言葉がありません" in page(site, f"/ja/search?q={query}")


@pytest.mark.parametrize(
    "query",
    [
        "%ED%A0%80",
        "a" * 10_000,
        "返金" * 2_000,
        "%FF",
        "q[]=1&q=返金",
        "返金&page=x",
        "返金&page=-1",
        "返金&section=%00",
    ],
)
def test_unusual_queries_are_no_errors(site: FlaskClient, query: str) -> None:
    assert site.get(f"/ja/search?q={query}").status_code == 200


def test_a_page_beyond_the_last_is_reported(site: FlaskClient) -> None:
    assert "99" in page(site, "/ja/search?q=返金&page=99", 404)


def test_an_unknown_filter_gives_no_results_and_a_way_out(site: FlaskClient) -> None:
    assert "remove filter" in page(site, "/en/search?q=password&section=nowhere")


def test_an_article_page_is_complete(site: FlaskClient) -> None:
    html = page(site, "/ja/articles/refund")
    assert (
        "<h1>返金の時期</h1>" in html
        and "2026年11月1日" in html
        and 'aria-label="現在の位置"' in html
    )
    assert (
        'href="/ja/articles/%E3%83%91%E3%82%B9%E3%83%AF%E3%83%BC%E3%83%89%E3%82%92%E5%BF%98%E3%82%8C%E3%81%9F#next"'
        in html
    )
    assert "/media/" in html and 'rel="canonical" href="/ja/articles/refund"' in html


def test_a_japanese_slug_is_a_stable_address(site: FlaskClient) -> None:
    html = page(site, "/ja/articles/パスワードを忘れた")
    assert 'hreflang="en" href="/en/articles/password"' in html and "English" in html


def test_a_long_article_starts_with_a_table_of_contents(site: FlaskClient) -> None:
    assert 'href="#step-0"' in page(site, "/en/articles/kettle")


def test_an_article_in_another_language_says_so(site: FlaskClient) -> None:
    assert "日本語版がありません" in page(site, "/ja/articles/kettle")


def test_the_slug_of_a_translation_redirects_to_the_reader_language(site: FlaskClient) -> None:
    assert site.get("/ja/articles/password").status_code == 302


def test_an_old_address_is_redirected(site: FlaskClient) -> None:
    response = site.get("/ja/articles/henkin")
    assert (response.status_code, response.location) == (301, "/ja/articles/refund")


@pytest.mark.parametrize(
    "url",
    [
        "/ja/articles/none",
        "/ja/sections/none",
        "/xx/",
        "/xx/search?q=a",
        "/none/none/none",
        "/media/none.png",
        "/media/../manifest.json",
    ],
)
def test_not_found_pages_offer_a_search(site: FlaskClient, url: str) -> None:
    assert 'role="search"' in page(site, url, 404)


@pytest.mark.parametrize(
    "url",
    [
        "/ja/",
        "/ja/search?q=返金",
        "/ja/articles/refund",
        "/api/v1/search?q=a",
        "/static/site.css",
        "/none",
    ],
)
def test_every_response_has_security_headers(site: FlaskClient, url: str) -> None:
    headers = site.get(url, buffered=True).headers
    assert (
        "unsafe" not in headers["Content-Security-Policy"]
        and headers["X-Content-Type-Options"] == "nosniff"
    )


@pytest.mark.parametrize(
    "url", ["/ja/", "/en/search?q=password", "/ja/articles/refund", "/ja/sections/returns", "/none"]
)
def test_no_page_needs_inline_code(site: FlaskClient, url: str) -> None:
    html = site.get(url).get_data(as_text=True)
    assert (
        " style=" not in html
        and "<style" not in html
        and " onclick=" not in html
        and "<script>" not in html
    )


def test_visitor_input_is_escaped(site: FlaskClient) -> None:
    html = page(site, "/ja/search?q=%3Cscript%3Ealert(1)%3C/script%3E%22%3E返金")
    assert "<script>alert" not in html and 'value="&lt;script&gt;' in html


def test_without_the_model_pages_say_so(articles: Path, data: Path) -> None:
    site = create_app(make_services(articles, data, DisabledEmbedder())).test_client()
    assert "意味による検索は停止中" in page(site, "/ja/search?q=返金")


def test_before_the_first_build_the_site_says_so(articles: Path, tmp_path: Path) -> None:
    site = create_app(make_services(articles, tmp_path)).test_client()
    assert "準備をしています" in page(site, "/ja/", 503)
    assert site.get("/readyz").status_code == 503 and site.get("/healthz").status_code == 200


def test_a_site_under_a_path_prefix(articles: Path, data: Path) -> None:
    site = create_app(
        make_services(articles, data, base_url="https://example.com/help")
    ).test_client()
    assert 'href="/help/ja/"' in page(site, "/help/ja/") and 'href="/help/ja/"' in page(
        site, "/ja/"
    )
    assert 'href="https://example.com/help/ja/articles/refund"' in page(
        site, "/help/ja/articles/refund"
    )
    assert site.get("/help/").location == "/help/ja/"


def test_proxy_headers_count_only_behind_a_proxy(articles: Path, data: Path) -> None:
    forwarded = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}
    bare = create_app(make_services(articles, data)).test_client()
    assert "evil.example" not in bare.get("/ja/", headers=forwarded).get_data(as_text=True)
    behind = create_app(
        make_services(articles, data, proxies=1, base_url="https://kb.example")
    ).test_client()
    response = behind.get(
        "/ja/", headers={"X-Forwarded-Proto": "https", "X-Forwarded-Host": "kb.example"}
    )
    assert (
        "https://kb.example/ja/" in response.get_data(as_text=True)
        and "Strict-Transport-Security" in response.headers
    )


@pytest.mark.parametrize(
    "arguments",
    ["endpoint=1", "_external=1&_scheme=https", "_anchor=x", "_method=FOO", "slug=other", "ui=en"],
)
@pytest.mark.parametrize("url", ["/ja/", "/ja/search", "/ja/articles/refund", "/ja/articles/none"])
def test_url_parameters_do_not_affect_links(site: FlaskClient, url: str, arguments: str) -> None:
    response = site.get(f"{url}?q=返金&{arguments}")
    html = response.get_data(as_text=True)
    assert response.status_code == (404 if url.endswith("none") else 200)
    assert "https://localhost" not in html and "#x" not in html and "articles/other" not in html


def test_only_the_configured_host_is_served(articles: Path, data: Path) -> None:
    site = create_app(
        make_services(articles, data, base_url="https://help.example.com")
    ).test_client()
    assert site.get("/ja", headers={"Host": "evil.example"}).status_code == 400
    assert site.get("/ja/", headers={"Host": "help.example.com"}).status_code == 200
    assert site.get("/healthz", headers={"Host": "localhost"}).status_code == 200


def test_well_known_files_are_not_taken_for_languages(site: FlaskClient) -> None:
    assert site.get("/favicon.ico").location.startswith("/static/icon.svg")
    assert site.get("/humans.txt").status_code == 404
    assert "GET" in site.post("/en/").headers["Allow"]


def test_too_many_searches_are_rate_limited(articles: Path, data: Path) -> None:
    site = create_app(make_services(articles, data, rate_limit="2 per minute")).test_client()
    codes = [site.get("/ja/search?q=返金").status_code for _ in range(3)]
    assert codes == [200, 200, 429] and site.get("/ja/").status_code == 200


def test_name_logo_and_colour_are_configurable(articles: Path, data: Path, tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>", encoding="utf-8")
    site = create_app(
        make_services(articles, data, logo=logo, colour="#ff8800", site_name_ja="手伝い")
    ).test_client()
    assert (
        "手伝い" in page(site, "/ja/")
        and "Test Help" in page(site, "/en/")
        and 'src="/logo"' in page(site, "/ja/")
    )
    assert site.get("/logo", buffered=True).status_code == 200 and "--accent:" in page(
        site, "/theme.css"
    )


def test_below_a_path_prefix_addresses_and_cookies_stay_below_it(
    articles: Path, data: Path
) -> None:
    services = make_services(articles, data, base_url="https://example.com/help")
    site = create_app(services).test_client()
    away = site.get("/help/desk/cases", base_url="https://example.com").location
    assert away == "/help/account/sign-in?next=/help/desk/cases"
    html = site.get("/help/account/sign-in", base_url="https://example.com").get_data(as_text=True)
    assert "to=/help/account/sign-in" in html or "to=%2Fhelp%2Faccount%2Fsign-in" in html
    answer = site.get("/help/ja/search?q=返金", base_url="https://example.com")
    cookies = answer.headers.getlist("Set-Cookie")
    assert cookies and all("Path=/help/" in cookie for cookie in cookies)


def test_a_quote_is_given_as_blocks_to_machines(by_words: FlaskClient) -> None:
    found = by_words.get("/api/v1/search?q=お金はいつ戻りますか&lang=ja").get_json()
    answer = found["answer"]
    assert (
        answer["article_id"] == found["hits"][0]["article_id"] and answer["title"] == "返金の時期"
    )
    assert answer["url"].startswith("/ja/articles/") and "5営業日" in answer["text"]
    for block in answer["blocks"]:
        assert block["html"].startswith("<") and block["markdown"] and block["text"]
        assert block["kind"] in ("paragraph", "list", "steps", "table", "definition")


def test_a_page_says_that_only_the_topic_is_known(
    site: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def partly(results: Results, _offset: int) -> Results:
        return replace(results, verdict="partly", topic="TB-200", focus="防水 <b>", answer=None)

    monkeypatch.setattr("kb_app.web.core.search.shown", partly)
    for lang, words, button in (
        ("ja", "「TB-200」の記事はありますが、「防水 &lt;b&gt;」", "担当者に相談する"),
        (
            "en",
            "articles on “TB-200”, but found nothing in them on “防水 &lt;b&gt;”",
            "Talk to a person",
        ),
    ):
        html = page(site, f"/{lang}/search?q=返金")
        assert words in html and button in html and 'class="answer"' not in html
        assert f"/{lang}/contact?from=" in html


# --- home: what is read most, and known problems ---


def count_views(own: Services, **views: int) -> None:
    day = own.clock().date().isoformat()
    with own.store.engine.begin() as connection:
        for name, value in views.items():
            row = {"article_id": name.replace("_", "-"), "measure": "views", "value": value}
            connection.execute(insert(schema.daily_articles).values(day=day, **row))


def test_home_names_what_is_read_most_only_where_it_is(
    own: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kb_app.web.site.pages.FEATURED", 2)

    def home() -> str:
        return create_app(own).test_client().get("/ja/").get_data(as_text=True)

    before = home()
    assert "よく読まれている記事" not in before and "おすすめの記事" in before
    count_views(own, ja_account_password=3, en_account_password=4, en_faults_kettle=6)
    shown = home().split("よく読まれている記事")[1].split("</section>")[0]
    # Views of a translation count for the article, in the reader's language.
    assert shown.index("パスワードを忘れたとき") < shown.index("Descale a kettle")
    count_views(own, ja_desk_approve=900)
    assert "返金の承認" not in home()


def test_known_problems_stand_on_home_and_on_articles_of_their_section(own: Services) -> None:
    at = int(own.clock().timestamp() * 1000)
    everywhere = Notice("a", {"ja": "サイトが遅い"}, {}, at, None, by="x")
    returns = Notice("b", {"ja": "返品が遅れます"}, {}, at, None, sections=("returns",), by="x")
    for notice in (everywhere, returns):
        own.support.notices.add(notice)
    client = create_app(own).test_client()
    summaries = own.live.current().articles.summaries  # type: ignore[union-attr]
    home = client.get("/ja/").get_data(as_text=True)
    assert "サイトが遅い" in home and "返品が遅れます" in home
    refund = f"/ja/articles/{summaries['ja-returns-refund'].slug}"
    password = f"/ja/articles/{summaries['ja-account-password'].slug}"
    assert "返品が遅れます" in client.get(refund).get_data(as_text=True)
    assert "返品が遅れます" not in client.get(password).get_data(as_text=True)


# --- furigana -------------------------------------------------------------------------------------


def test_furigana_are_set_when_asked_for_and_kept_for_the_next_article(services: Services) -> None:
    client = create_app(services).test_client()
    slugs = [
        services.live.current().articles.summaries[name].slug  # type: ignore[union-attr]
        for name in ("ja-returns-refund", "ja-account-password")
    ]
    assert "<ruby>" not in client.get(f"/ja/articles/{slugs[0]}").text
    page = client.get(f"/ja/articles/{slugs[0]}?furigana=on")
    assert "<ruby>返金<rp>(</rp><rt>へんきん</rt>" in page.text and "ふりがなを外す" in page.text
    assert "HttpOnly" in page.headers["Set-Cookie"] and "SameSite=Lax" in page.headers["Set-Cookie"]
    assert "<ruby>" in client.get(f"/ja/articles/{slugs[1]}").text
    client.get(f"/ja/articles/{slugs[1]}?furigana=off")
    assert "<ruby>" not in client.get(f"/ja/articles/{slugs[1]}").text


def test_an_article_in_english_has_no_furigana(services: Services) -> None:
    client = create_app(services).test_client()
    summaries = services.live.current().articles.summaries  # type: ignore[union-attr]
    slug = next(
        card.slug for card in summaries.values() if card.lang == "en" and card.audience == "public"
    )
    page = client.get(f"/en/articles/{slug}?furigana=on")
    assert "furigana" not in page.text.replace("?furigana=on", "")
