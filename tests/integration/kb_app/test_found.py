"""What search engines, feed readers, browsers and programs that read get from the site."""

import gzip
import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import brotli
import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from lxml import etree
from PIL import Image

from kb_app import create_app
from kb_app.services.container import Services
from kb_app.web.core.card_picture import font_file, wrapped
from kb_app.web.core.structured_data import article_data
from kb_app.web.site import discovery
from tests.integration.kb_app.deskwork import PASSWORD, sign_in

SITE = "https://help.example"
NS = {
    "s": "http://www.sitemaps.org/schemas/sitemap/0.9",
    "x": "http://www.w3.org/1999/xhtml",
    "a": "http://www.w3.org/2005/Atom",
    "o": "http://a9.com/-/spec/opensearch/1.1/",
}


@pytest.fixture
def app(own: Services) -> Flask:
    object.__setattr__(own.settings, "base_url", SITE)
    return create_app(own)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_HOST"] = "help.example"
    return client


@pytest.fixture
def article(own: Services) -> str:
    """The path of an article."""
    summaries = own.live.current().articles.summaries.values()  # type: ignore[union-attr]
    return next(f"/ja/articles/{card.slug}" for card in summaries if card.title == "返金の時期")


def xml(client: FlaskClient, path: str) -> ElementTree.Element:
    answer = client.get(path)
    assert answer.status_code == 200
    return ElementTree.fromstring(answer.data)  # noqa: S314, our own answer


def path_of(address: str) -> str:
    assert address.startswith(f"{SITE}/"), address
    return address.removeprefix(SITE)


def hidden(own: Services) -> list[str]:
    articles = own.live.current().articles  # type: ignore[union-attr]
    public = {card.id for card in articles.visible(own.clock(), frozenset({"public"}))}
    return [card.title for card in articles.summaries.values() if card.id not in public]


# --- by the schemas ---

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"


def wrong_by_schema(client: FlaskClient, path: str, schema: str) -> str:
    """What an answer has that its schema does not allow; "" for nothing."""
    tree = etree.fromstring(client.get(path).data)
    kind = etree.XMLSchema if schema.endswith(".xsd") else etree.RelaxNG
    judge = kind(etree.parse(SCHEMAS / schema))
    return "" if judge.validate(tree) else str(judge.error_log)


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/sitemap.xml", "sitemap.xsd"),
        ("/ja/feed.xml", "atom.rng"),
        ("/en/feed.xml", "atom.rng"),
        ("/ja/sections/returns/feed.xml", "atom.rng"),
        ("/ja/opensearch.xml", "opensearch.rng"),
    ],
)
def test_documents_keep_to_their_schemas(client: FlaskClient, path: str, schema: str) -> None:
    assert wrong_by_schema(client, path, schema) == ""


def test_a_list_of_sitemaps_keeps_to_its_schema(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(discovery, "MOST_ADDRESSES", 3)
    for path in ("/sitemap.xml", "/sitemap-1.xml"):
        assert wrong_by_schema(client, path, "sitemap.xsd") == ""


# --- sitemap ---


def test_the_sitemap_has_every_public_page_once_and_each_answers(client: FlaskClient) -> None:
    entries = xml(client, "/sitemap.xml").findall("s:url", NS)
    addresses = [entry.findtext("s:loc", "", NS) for entry in entries]
    assert len(addresses) == len(set(addresses)) > 5
    for address in addresses:
        assert client.get(path_of(address)).status_code == 200, address


def test_versions_in_the_sitemap_name_each_other(client: FlaskClient) -> None:
    versions = {}
    for entry in xml(client, "/sitemap.xml").findall("s:url", NS):
        links = {link.get("hreflang"): link.get("href") for link in entry.findall("x:link", NS)}
        versions[entry.findtext("s:loc", "", NS)] = links
    several = {address: links for address, links in versions.items() if links}
    assert several
    for address, links in several.items():
        assert address in links.values() and "x-default" in links
        for other in links.values():
            assert versions[other] == links


def test_a_large_sitemap_comes_in_parts(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = [e.findtext("s:loc", "", NS) for e in xml(client, "/sitemap.xml").findall("s:url", NS)]
    monkeypatch.setattr(discovery, "MOST_ADDRESSES", 3)
    parts = xml(client, "/sitemap.xml").findall("s:sitemap/s:loc", NS)
    listed = [
        entry.findtext("s:loc", "", NS)
        for part in parts
        for entry in xml(client, path_of(part.text or "")).findall("s:url", NS)
    ]
    assert listed == whole
    assert client.get(f"/sitemap-{len(parts) + 1}.xml").status_code == 404
    assert client.get("/sitemap-0.xml").status_code == 404


def test_robots_name_the_sitemap(client: FlaskClient) -> None:
    text = client.get("/robots.txt").text
    assert f"Sitemap: {SITE}/sitemap.xml" in text and "Disallow: /ja/search" in text


# --- feeds ---


@pytest.mark.parametrize("path", ["/ja/feed.xml", "/ja/sections/returns/feed.xml"])
def test_a_feed_has_what_atom_demands(client: FlaskClient, path: str) -> None:
    feed = xml(client, path)
    assert feed.tag == f"{{{NS['a']}}}feed"
    for part in (feed, *feed.findall("a:entry", NS)):
        for name in ("id", "title", "updated"):
            assert len(part.findall(f"a:{name}", NS)) == 1, name
        assert datetime.fromisoformat(part.findtext("a:updated", "", NS)).tzinfo
    assert feed.findtext("a:author/a:name", "", NS)
    assert feed.find("a:link[@rel='self']", NS).get("href") == SITE + path  # type: ignore[union-attr]
    entries = feed.findall("a:entry", NS)
    times = [entry.findtext("a:updated", "", NS) for entry in entries]
    assert entries and times == sorted(times, reverse=True)
    ids = [entry.findtext("a:id", "", NS) for entry in entries]
    assert len(ids) == len(set(ids))
    for entry in entries:
        link = entry.find("a:link[@rel='alternate']", NS)
        assert client.get(path_of(link.get("href"))).status_code == 200  # type: ignore


def test_a_section_without_articles_has_no_feed(client: FlaskClient) -> None:
    assert client.get("/ja/sections/none/feed.xml").status_code == 404
    assert client.get("/fr/feed.xml").status_code == 404


# --- the browser ---


def test_a_browser_learns_to_search_and_to_suggest(client: FlaskClient) -> None:
    told = xml(client, "/ja/opensearch.xml")
    assert 0 < len(told.findtext("o:ShortName", "", NS)) <= 16
    urls = {url.get("type"): url.get("template", "") for url in told.findall("o:Url", NS)}
    results = urls["text/html"].replace("{searchTerms}", "返金")
    assert client.get(path_of(results)).status_code == 200
    lines = urls["application/x-suggestions+json"].replace("{searchTerms}", "返金")
    query, texts, notes, addresses = client.get(path_of(lines)).get_json(force=True)
    assert query == "返金" and texts and len(texts) == len(notes) == len(addresses)


def test_the_manifest_names_icons_that_are_there(client: FlaskClient) -> None:
    manifest = client.get("/ja/manifest.webmanifest").get_json(force=True)
    for icon in manifest["icons"]:
        with Image.open(io.BytesIO(client.get(icon["src"]).data)) as picture:
            assert f"{picture.width}x{picture.height}" == icon["sizes"]
    assert client.get(manifest["start_url"]).status_code == 200


def test_security_txt_needs_a_contact(own: Services, client: FlaskClient) -> None:
    assert client.get("/.well-known/security.txt").status_code == 404
    object.__setattr__(own.settings, "security_contact", "security@example.com")
    text = client.get("/.well-known/security.txt").text
    assert "Contact: mailto:security@example.com\n" in text
    ends = datetime.fromisoformat(re.search(r"Expires: (\S+)", text)[1])  # type: ignore[index]
    assert 30 < (ends - own.clock()).days < 365


# --- the head of pages ---


def head(client: FlaskClient, path: str) -> str:
    return client.get(path).get_data(as_text=True).split("</head>")[0]


def test_an_article_tells_search_engines_what_it_is(client: FlaskClient, article: str) -> None:
    shown = head(client, article)
    given = re.search(r'<script type="application/ld\+json">(.*?)</script>', shown)
    assert given
    graph = {part["@type"]: part for part in json.loads(given[1])["@graph"]}
    assert graph["Article"]["headline"] == "返金の時期"
    assert graph["Article"]["dateModified"] == "2026-11-01"
    crumbs = graph["BreadcrumbList"]["itemListElement"]
    assert [crumb["position"] for crumb in crumbs] == [1, 2, 3]
    for crumb in crumbs:
        assert client.get(path_of(crumb["item"])).status_code == 200
    (question,) = graph["FAQPage"]["mainEntity"]
    assert "5営業日" in question["acceptedAnswer"]["text"]


def test_a_title_cannot_end_the_script(own: Services, app: Flask) -> None:
    articles = own.live.current().articles  # type: ignore[union-attr]
    article = articles.article(next(iter(articles.summaries)))
    assert article
    data = article_data(article, article, [("a", "https://x/</script>")], "</script>")
    with app.test_request_context(base_url=SITE):
        text = render_template_string("{{ data|tojson }}", data=data)
    assert "</script>" not in text and json.loads(text)


@pytest.mark.parametrize("path", ["/ja/", "/ja/sections/returns", ""])
def test_a_public_page_has_a_preview_and_one_address(
    client: FlaskClient, article: str, path: str
) -> None:
    shown = head(client, path or article)
    for name in ("og:title", "og:type", "og:url", "og:site_name"):
        assert shown.count(f'property="{name}"') == 1, name
    assert shown.count('rel="canonical"') == 1
    assert 'hreflang="x-default"' in shown
    assert 'type="application/atom+xml"' in shown


def test_the_picture_of_an_article_is_drawn(client: FlaskClient, article: str) -> None:
    if font_file() is None:
        pytest.skip("no Japanese font here")
    address = re.search(r'og:image" content="([^"]+)"', head(client, article))
    assert address
    with Image.open(io.BytesIO(client.get(path_of(address[1])).data)) as picture:
        assert picture.size == (1200, 630)
    assert client.get("/pictures/none.png").status_code == 404

    class Even:
        def getlength(self, text: str) -> float:
            return len(text)

    lines = wrapped("長い題名(かっこ)です。 Two words", Even(), 5)  # type: ignore[arg-type]
    assert all(len(line) <= 7 for line in lines)
    assert not any(line.endswith("(") or line[0] in "。)" for line in lines)


# --- programs that read ---


def test_an_article_is_markdown_at_its_address(client: FlaskClient, article: str) -> None:
    answer = client.get(f"{article}.md")
    assert answer.mimetype == "text/markdown"
    assert answer.text.startswith("# 返金の時期\n") and "返金は5営業日です。" in answer.text
    assert 'rel="alternate" type="text/markdown"' in head(client, article)
    assert client.get("/ja/articles/none.md").status_code == 404


def test_llms_files_list_what_is_public_and_say_how_to_reach_a_person(
    own: Services, client: FlaskClient
) -> None:
    text = client.get("/llms.txt").text
    addresses = re.findall(r"\]\((https://[^)]+\.md)\)", text)
    assert addresses and f"{SITE}/ja/contact" in text
    for address in addresses:
        assert client.get(path_of(address)).status_code == 200
    whole = client.get("/llms-full.txt").text
    assert whole.count("\n---\n") == len(addresses)
    for title in hidden(own):
        assert f"[{title}]" not in text and f"# {title}\n" not in whole


@pytest.mark.parametrize("role", ["lead", "writer"])
def test_who_may_read_more_gets_no_more_of_it_here(own: Services, app: Flask, role: str) -> None:
    object.__setattr__(own.settings, "base_url", "")
    client = sign_in(create_app(own), f"{role}@example.com", PASSWORD)[0]
    shown = "".join(
        client.get(path).get_data(as_text=True)
        for path in ("/sitemap.xml", "/ja/feed.xml", "/llms.txt", "/llms-full.txt")
    )
    assert not [title for title in hidden(own) if f">{title}<" in shown or f"[{title}]" in shown]


def test_what_expires_is_gone_from_what_is_kept(own: Services) -> None:
    page = own.settings.articles / "ja" / "returns" / "soon.md"
    ends = (own.clock() + timedelta(hours=1)).isoformat()
    page.write_text(f"---\nid: soon\ntitle: 期限\nexpire_at: {ends}\n---\n秘密になる", "utf-8")
    other = own.settings.articles / "ja" / "returns" / "refund.md"
    other.write_text(other.read_text("utf-8") + "\n[期限へ](soon.md)\n", "utf-8")
    own.indexing.publish_build(own.indexing.rebuild())
    moment = [own.clock()]
    object.__setattr__(own, "clock", lambda: moment[0])
    client = create_app(own).test_client()
    summaries = own.live.current().articles.summaries  # type: ignore[union-attr]
    address = f"/ja/articles/{summaries['ja-returns-refund'].slug}.md"
    whole = client.get("/llms-full.txt")
    assert "秘密になる" in whole.text and "[期限へ](" in client.get(address).text
    moment[0] += timedelta(hours=2)
    again = client.get("/llms-full.txt", headers={"If-None-Match": whole.headers["ETag"]})
    assert again.status_code == 200 and "秘密になる" not in again.text
    assert "[期限へ](" not in client.get(address).text


def test_a_form_with_a_secret_is_not_compressed(client: FlaskClient) -> None:
    for _ in range(2):
        answer = client.get("/account/sign-in?next=/desk/", headers={"Accept-Encoding": "br"})
        assert "csrf_token" in answer.text and "Content-Encoding" not in answer.headers


def test_llms_names_a_language_that_there_is(own: Services) -> None:
    object.__setattr__(own.settings, "languages", ("en",))
    client = create_app(own).test_client()
    text = client.get("/llms.txt").text
    assert "lang=en" in text and "lang=ja" not in text


# --- in few bytes, and not twice ---


def test_static_files_are_kept_for_a_year_under_their_own_address(client: FlaskClient) -> None:
    address = re.search(r'href="(/static/site\.css\?v=[0-9a-f]+)"', head(client, "/ja/"))
    assert address
    plain = client.get(address[1])
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert "Cookie" not in plain.headers.get("Vary", "")
    packed = client.get(address[1], headers={"Accept-Encoding": "gzip, br"})
    assert packed.headers["Content-Encoding"] == "br"
    assert brotli.decompress(packed.data) == plain.data
    zipped = client.get(address[1], headers={"Accept-Encoding": "gzip"})
    assert gzip.decompress(zipped.data) == plain.data
    assert packed.headers["ETag"] != zipped.headers["ETag"]
    again = client.get(address[1], headers={"If-None-Match": plain.headers["ETag"]})
    assert again.status_code == 304
    assert "immutable" not in client.get("/static/site.css?v=old").headers["Cache-Control"]
    assert client.get("/static/../settings.py").status_code == 404


def test_pages_are_compressed_and_not_sent_again(client: FlaskClient) -> None:
    client.get("/ja/")  # sets the cookie of the language
    plain = client.get("/ja/")
    packed = client.get("/ja/", headers={"Accept-Encoding": "br"})
    assert brotli.decompress(packed.data) == plain.data and len(packed.data) < len(plain.data) / 2
    for answer, coding in ((plain, "identity"), (packed, "br")):
        wanted = {"If-None-Match": answer.headers["ETag"], "Accept-Encoding": coding}
        assert client.get("/ja/", headers=wanted).status_code == 304


def test_a_page_that_gives_a_visitor_a_number_is_compressed_too(client: FlaskClient) -> None:
    person = "Mozilla/5.0 (Macintosh) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15"
    headers = {"Accept-Encoding": "br", "User-Agent": person}
    answer = client.get("/ja/search?q=返品したい", headers=headers)
    assert answer.headers.getlist("Set-Cookie") and answer.headers["Content-Encoding"] == "br"


def test_what_is_for_one_person_is_neither_compressed_nor_kept(own: Services) -> None:
    client = sign_in(create_app(own), "lead@example.com", PASSWORD)[0]
    answer = client.get("/desk/cases", headers={"Accept-Encoding": "br, gzip"})
    assert answer.status_code == 200
    assert "Content-Encoding" not in answer.headers and "ETag" not in answer.headers
