"""Exports to other tools and to a static site: nothing lost, nothing hidden shown."""

from __future__ import annotations

import csv
import io
import json
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from playwright.sync_api import Browser, Page, Playwright, expect

from indexer.article_store import ArticleStore
from indexer.reading.article import read_article_text
from kb_app.transfer.importer import Importer
from kb_app.transfer.model import TransferError
from kb_app.transfer.sources.zendesk import Zendesk
from kb_app.transfer.state import ImportState
from kb_app.transfer.targets.report import ExportReport
from kb_app.transfer.targets.static_index import terms
from kb_app.transfer.targets.static_site import export_static
from kb_app.transfer.targets.vendor_json import VENDORS, export
from search.index.bundle import Builds
from tests.support import NOW, build_folder, write_article
from tests.vendors import document360, freshdesk, helpscout, intercom, zendesk, zendesk_shapes
from tests.vendors.blocks import NEVER
from tests.vendors.comparison import squeezed
from tests.vendors.content import Entry, HelpCentre, help_centre

# The first of the made-up help centres with drafts, internal and promoted articles, and redirects.
SEED = 27
SITE = "https://help.example.com"
Row = dict[str, Any]


def open_store(data: Path) -> ArticleStore:
    return ArticleStore.open(Builds(data / "index").open_current())


class Imported:
    """A made-up help centre of Zendesk in an articles folder, indexed."""

    def __init__(self, folder: Path) -> None:
        self.centre: HelpCentre = help_centre(40, SEED)
        self.articles, data = folder / "articles", folder / "data"
        self.articles.mkdir()
        with zendesk.serve(self.centre, throttle_at=None) as base:
            self.base = str(base)
            source = Zendesk(base, f"{zendesk.MAIL}/token:{zendesk.TOKEN}", folder / "kept")
            Importer(self.articles, source, ImportState()).run(lambda *_: None)
        assert not build_folder(self.articles, data).errors
        self.store = open_store(data)

    def export(self, vendor: str, target: Path) -> ExportReport:
        return export(vendor, self.store, self.articles, target, site_url=SITE, now=NOW)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Imported:
    return Imported(tmp_path_factory.mktemp("imported"))


@pytest.fixture(scope="module")
def exported(imported: Imported, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same help centre in the shape of every vendor."""
    folder = tmp_path_factory.mktemp("exported")
    for vendor in VENDORS:
        imported.export(vendor, folder / vendor)
    return folder


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def words(html: str) -> str:
    return squeezed(BeautifulSoup(html, "html.parser").get_text())


# --- Zendesk, there and back ---------------------------------------------------------------------


class Back:
    """What was exported to Zendesk, beside the desk that it came from."""

    def __init__(self, imported: Imported, folder: Path) -> None:
        self.desk = zendesk_shapes.Desk(imported.centre, imported.base)
        data = read(folder / "articles.json")
        self.articles = {row["id"]: row for row in data["articles"]}
        self.users = {row["id"]: row for row in data["users"]}
        self.sections = {row["id"]: row for row in read(folder / "sections.json")["sections"]}
        found = read(folder / "categories.json")["categories"]
        self.categories = {row["id"]: row for row in found}
        self.rules = read(folder / "redirect_rules.json")["records"]

    def row(self, entry: Entry) -> Row:
        return self.articles[self.desk.ids[entry.key]]


@pytest.fixture(scope="module")
def back(imported: Imported, exported: Path) -> Back:
    return Back(imported, exported / "zendesk")


def test_the_help_centre_has_everything_that_can_be_lost(imported: Imported) -> None:
    entries = imported.centre.entries
    assert all(any(getattr(one, what) for one in entries) for what in ("draft", "internal"))
    assert any(one.promoted for one in entries) and any(one.old_paths for one in entries)


def test_zendesk_has_every_article_again(imported: Imported, back: Back) -> None:
    assert set(back.articles) == {back.desk.ids[one.key] for one in imported.centre.entries}
    for entry in imported.centre.entries:
        before = back.desk.article(entry, None, {"include": "translations"})
        row = back.row(entry)
        assert row.keys() == before.keys()
        same = (
            *("id", "html_url", "draft", "promoted", "position", "vote_sum", "vote_count"),
            *("created_at", "updated_at", "edited_at", "source_locale", "locale"),
        )
        assert {key: row[key] for key in same} == {key: before[key] for key in same}
        assert (row["user_segment_id"] is not None) == entry.internal
        assert sorted(row["label_names"]) == sorted(entry.labels)
        assert back.users[row["author_id"]]["email"] == entry.mail


def test_zendesk_has_every_translation_again(imported: Imported, back: Back) -> None:
    for entry in imported.centre.entries:
        given = {row["locale"]: row for row in back.row(entry)["translations"]}
        assert set(given) == {zendesk_shapes.LOCALES[text.lang] for text in entry.texts}
        for text in entry.texts:
            row = given[zendesk_shapes.LOCALES[text.lang]]
            before = back.desk.article_translation(entry, text)
            assert row.keys() == before.keys()
            same = ("html_url", "draft", "created_at", "updated_at", "source_id", "source_type")
            assert {key: row[key] for key in same} == {key: before[key] for key in same}
            if text.title:
                assert row["title"] == " ".join(text.title.split())
            shown = words(row["body"])
            assert [one for one in text.visible if squeezed(one) not in shown] == []
            assert NEVER not in row["body"]


def test_zendesk_has_every_section_again(imported: Imported, back: Back) -> None:
    named = {
        (
            frozenset((one["locale"], one["title"]) for one in row["translations"]),
            frozenset(
                (one["locale"], one["title"])
                for one in back.categories[row["category_id"]]["translations"]
            ),
        ): number
        for number, row in back.sections.items()
    }
    centre = imported.centre
    above = {one.key: one for one in centre.categories}
    places = {}
    for section in centre.sections:
        titles = (section.title, above[section.category].title)
        key = tuple(
            frozenset((zendesk_shapes.LOCALES[lang], text) for lang, text in one.items())
            for one in titles
        )
        places[section.key] = named[key]  # type: ignore[index]
    for entry in centre.entries:
        assert back.row(entry)["section_id"] == places[entry.section]


def test_zendesk_has_every_redirect_again(imported: Imported, back: Back) -> None:
    rules = {row["redirect_from"]: row["redirect_to"] for row in back.rules}
    for row in back.desk.rules():
        assert rules[row["redirect_from"]] == urlsplit(row["redirect_to"]).path
    assert back.rules[0].keys() == back.desk.rules()[0].keys()
    # Our own addresses lead there too, and none of its own leads away.
    assert any(re.match("/(en|ja)/articles/", one) for one in rules)
    assert not any(one.startswith("/hc/") for one in rules)


def test_links_and_pictures_lead_on(imported: Imported, exported: Path, back: Back) -> None:
    pages = {
        unquote(one["html_url"]) for row in back.articles.values() for one in row["translations"]
    }
    linked = 0
    for row in back.articles.values():
        soup = BeautifulSoup(row["body"], "html.parser")
        assert not soup.select("[href^='kb:'], [src^='kb-image:'], [href^='kb-image:']")
        assert not soup.select(".admonition, .tabbed-set, .table-scroll, .highlight, input")
        for image in soup.find_all("img"):
            assert (exported / "zendesk" / unquote(str(image["src"]))).is_file()
        found = {unquote(str(one["href"])).partition("#")[0] for one in soup.find_all("a")}
        linked += len(found & pages)
    assert linked > 20
    held = {path.read_bytes() for path in (exported / "zendesk" / "files").iterdir()}
    assert {one.bytes for entry in imported.centre.entries for one in entry.media} <= held


def test_a_second_import_changes_no_text(
    imported: Imported, exported: Path, tmp_path: Path
) -> None:
    """What was exported as a table is imported, exported again, and is the same table."""
    from kb_app.transfer.sources.csv_file import CsvFile

    first = exported / "csv" / "articles.csv"
    folder = tmp_path / "articles"
    folder.mkdir()
    Importer(folder, CsvFile(first), ImportState()).run(lambda *_: None)
    build_folder(folder, tmp_path / "data")
    export("csv", open_store(tmp_path / "data"), folder, tmp_path / "again", site_url=SITE, now=NOW)
    before, after = table(first), table(tmp_path / "again" / "articles.csv")
    assert {one["title"].strip("'") for one in before} == {one["title"].strip("'") for one in after}
    texts = {(one["id"], one["language"]): words(one["body"]) for one in after}
    changed = [
        one["title"]
        for one in before
        if words(one["body"]) != texts.get((one["id"], one["language"]))
    ]
    assert changed == []


# --- the other shapes ----------------------------------------------------------------------------


def table(path: Path) -> list[dict[str, str]]:
    csv.field_size_limit(10_000_000)
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def keys_of(rows: Any) -> set[frozenset[str]]:
    return {frozenset(row) for row in rows}


def test_freshdesk(imported: Imported, exported: Path) -> None:
    folder, desk = exported / "freshdesk", freshdesk.Desk(imported.centre, imported.base)
    entry = imported.centre.entries[0]
    section = imported.centre.sections[0]
    rows = read(folder / "articles.json")
    assert keys_of(rows) == {frozenset(desk.article(entry, "ja", whole=True) or ())}
    folders = read(folder / "folders.json")
    assert keys_of(folders) == {frozenset(desk.folder(section, "ja"))}
    category = imported.centre.categories[0]
    assert keys_of(read(folder / "categories.json")) == {frozenset(desk.category(category, "ja"))}
    assert keys_of(read(folder / "agents.json")) == keys_of(desk.agents())
    assert len(rows) == 40
    english = read(folder / "articles.en.json")
    both = [one for one in imported.centre.entries if len(one.texts) == 2]
    assert len(english) == len(both)
    closed = {one["id"] for one in folders if one["visibility"] == 3}
    internal = [one for one in imported.centre.entries if one.internal]
    assert sum(row["folder_id"] in closed for row in rows) == len(internal)
    drafts = sum(row["status"] == 1 for row in rows)
    assert drafts == sum(one.draft for one in imported.centre.entries)
    assert sum(row["thumbs_up"] for row in rows) == sum(one.up for one in imported.centre.entries)


def test_intercom(imported: Imported, exported: Path) -> None:
    folder, desk = exported / "intercom", intercom.Desk(imported.centre, imported.base)
    opened, hidden = desk.article(imported.centre.entries[0], whole=True), None
    rows = read(folder / "articles.json")["data"]
    assert keys_of(rows) == {frozenset(opened)}
    for row in rows:
        contents = [one for name, one in row["translated_content"].items() if name != "type"]
        assert all(one["type"] == "article_content" for one in contents)
    internal = [one for one in imported.centre.entries if one.internal]
    hidden = desk.internal_article(internal[0])
    closed = read(folder / "internal_articles.json")["data"]
    assert keys_of(closed) == {frozenset(hidden)}
    assert len(closed) == sum(len(one.texts) for one in internal)
    assert len(rows) == 40 - len(internal)
    found = read(folder / "collections.json")["data"]
    assert keys_of(found) == keys_of(desk.collections())
    assert {row["parent_id"] for row in found} - {None} <= {row["id"] for row in found}
    assert keys_of(read(folder / "admins.json")["admins"]) == keys_of(desk.admins())


def test_helpscout(imported: Imported, exported: Path) -> None:
    folder, desk = exported / "helpscout", helpscout.Desk(imported.centre, imported.base)
    rows = read(folder / "articles.json")["articles"]["items"]
    assert keys_of(rows) == {frozenset(desk.article(imported.centre.entries[0]))}
    assert len(rows) == sum(len(one.texts) for one in imported.centre.entries)
    collections = read(folder / "collections.json")["collections"]["items"]
    assert keys_of(collections) == keys_of(desk.collections())
    categories = read(folder / "categories.json")["categories"]["items"]
    assert keys_of(categories) == keys_of(desk.categories(desk.collections()[0]["id"]))
    redirects = read(folder / "redirects.json")["redirects"]["items"]
    assert keys_of(redirects) == keys_of(desk.redirects())
    closed = {row["id"] for row in collections if row["visibility"] == "private"}
    internal = [one for one in imported.centre.entries if one.internal]
    hidden = [row for row in rows if row["collectionId"] in closed]
    assert len(hidden) == sum(len(one.texts) for one in internal)
    assert {row["documentId"] for row in redirects} <= {row["id"] for row in rows}


def test_document360(imported: Imported, exported: Path) -> None:
    folder, project = exported / "document360", document360.Project(imported.centre, imported.base)
    entry = imported.centre.entries[0]
    rows = read(folder / "articles.json")["data"]
    assert keys_of(rows) == {frozenset(project.article(entry, "ja"))}
    english = read(folder / "articles.en.json")["data"]
    assert len(rows) + len(english) == sum(len(one.texts) for one in imported.centre.entries)
    settings = read(folder / "article_settings.json")["data"]
    assert keys_of(settings) == {frozenset(project.settings(entry, "ja"))}
    top = read(folder / "categories.json")["data"]
    made = project.category(imported.centre.categories[0], "ja", articles=True)
    assert keys_of(top) == {frozenset(made)}
    below = [one for row in top for one in row["child_categories"]]
    assert sum(len(one["articles"]) for one in below) == len(rows)
    assert sum(row["hidden"] for one in below for row in one["articles"]) > 0


def test_a_table(imported: Imported, exported: Path) -> None:
    rows = table(exported / "csv" / "articles.csv")
    closed = table(exported / "csv" / "internal-articles.csv")
    assert len(rows) + len(closed) == sum(len(one.texts) for one in imported.centre.entries)
    assert len(closed) == sum(len(one.texts) for one in imported.centre.entries if one.internal)
    assert not any(cell.startswith(tuple("=+-@")) for row in rows for cell in row.values())
    assert all(row["created"].endswith("Z") and row["body"] is not None for row in rows)


def test_mkdocs(imported: Imported, exported: Path) -> None:
    folder = exported / "markdown"
    config = yaml.safe_load((folder / "mkdocs.yml").read_text("utf-8"))
    docs = folder / "docs"
    listed = [
        page
        for language in config["nav"]
        for held in language.values()
        for section in held
        if isinstance(section, dict)
        for pages in section.values()
        for one in pages
        for page in one.values()
    ]
    shown = [one for one in imported.centre.entries if not one.draft and not one.internal]
    assert len(listed) == len(set(listed)) == sum(len(one.texts) for one in shown)
    assert all((docs / page).is_file() for page in listed)
    hidden = [page for page in docs.rglob("*.md") if "internal" in page.parts]
    assert hidden and config["exclude_docs"] == "/internal/"
    drafts = [one for one in imported.centre.entries if one.draft]
    held = config["draft_docs"].split("\n")
    assert sum(one.endswith(".md") for one in held) == sum(len(one.texts) for one in drafts)
    maps = config["plugins"][1]["redirects"]["redirect_maps"]
    for entry in shown:
        for path in entry.old_paths:
            assert maps[f"{path.strip('/')}.md"] in listed
    for page in docs.rglob("*.md"):
        text = page.read_text("utf-8")
        for place in re.findall(r"!\[[^\]]*\]\(<?([^)>\s]+)>?\)", text):
            assert (page.parent / unquote(place)).is_file(), (page, place)
        for place in re.findall(r"\]\(([^)#:\s]+\.md)", text):
            assert (page.parent / unquote(place)).is_file(), (page, place)


def test_the_report_says_what_is_lost(imported: Imported, tmp_path: Path) -> None:
    report = imported.export("intercom", tmp_path / "out")
    assert (report.articles, report.texts) == (40, len(list(imported.store.summaries)))
    said = "\n".join(report.notes)
    assert "redirects" in said and "Internal articles" in said and "percentages" in said


# --- a site of our own, with what nobody may see -------------------------------------------------

HIDDEN = {
    "draft": {"status": "draft"},
    "archived": {"status": "archived"},
    "internal": {"audience": "internal"},
    "future": {"publish_at": "2027-01-01"},
    "expired": {"expire_at": "2026-01-01"},
}
SECRET = "Zanzibar"
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8ffff"
    "3f0005fe02fea7a2ad0f0000000049454e44ae426082"
)


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Articles of every kind, indexed; each hidden one is linked to, and has a picture."""
    folder = tmp_path_factory.mktemp("own")
    articles = folder / "articles"
    links = []
    for name, front in HIDDEN.items():
        write_article(
            articles,
            f"en/{SECRET.lower()}/{SECRET.lower()}-{name}.md",
            f"{SECRET} {name}",
            f"The {SECRET} text.\n\n![{SECRET}]({SECRET.lower()}-{name}.png)\n",
            questions=[f"What is {SECRET}?"],
            tags=[SECRET],
            aliases=[f"/old/{SECRET.lower()}-{name}", f"{SECRET.lower()}-alias-{name}"],
            **front,
        )
        (articles / f"en/{SECRET.lower()}/{SECRET.lower()}-{name}.png").write_bytes(
            PNG + name.encode()
        )
        links.append(f"[a page](../{SECRET.lower()}/{SECRET.lower()}-{name}.md)")
    write_article(
        articles,
        "en/orders/late-parcel.md",
        "My parcel is late",
        "Ask the carrier first.\n\n## Reporting a lost delivery\n\nWrite to us after ten days.\n\n"
        "| Zone | Days |\n| --- | --- |\n| Home | 2 |\n\n![A map](map.png)\n\n"
        "![Far away](https://pictures.example.net/a.png)\n\n"
        '<iframe src="https://films.example.net/x"></iframe>\n\n' + " and ".join(links),
        questions=["Where is my shipment?"],
        aliases=["/help/late", "lost-parcel", "/../../escape", "/en/index"],
        related=[f"en-{SECRET.lower()}-{SECRET.lower()}-internal"],
        updated="2026-05-01",
    )
    (articles / "en/orders/map.png").write_bytes(PNG)
    write_article(
        articles,
        "ja/orders/荷物が届かない.md",
        "荷物が届かない",
        "まず配送業者にお問い合わせください。領収書も確認してください。",
        translation_of="en-orders-late-parcel",
    )
    write_article(
        articles, "en/orders/cancel.md", "Cancel an order", "You have an hour to cancel. <b>&</b>"
    )
    write_article(articles, "ja/orders/receipt.md", "領収書の発行", "マイページで発行できます。")
    write_article(articles, "de/orders/paket.md", "Mein Paket", "Nur auf Deutsch.")
    (articles / "sections.yml").write_text(
        "orders:\n  title: {en: Orders, ja: ご注文}\n  order: 1\n"
        f"{SECRET.lower()}:\n  title: {{en: {SECRET} section, ja: {SECRET}の部}}\n  order: 2\n",
        "utf-8",
    )
    build_folder(articles, folder / "data")
    assert len(open_store(folder / "data").summaries) == len(HIDDEN) + 5
    return folder


@pytest.fixture(scope="module")
def site(own: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("static") / "new" / "site"
    report = export_static(
        open_store(own / "data"),
        target,
        name={"en": "Tsubame <Help>", "ja": "つばめヘルプ"},
        languages=("en", "ja"),
        site_url=f"{SITE}/",
        now=NOW,
    )
    assert (report.articles, report.texts, report.files) == (3, 4, 1)
    assert any("de" in note for note in report.notes)
    return target


def files_of(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_nothing_hidden_is_in_any_file(site: Path) -> None:
    secret = re.compile(f"{SECRET}|{SECRET.lower()}".encode(), re.IGNORECASE)
    for path in files_of(site):
        assert not secret.search(path.read_bytes()), path
        assert not secret.search(str(path.relative_to(site)).encode()), path
        assert b"Mein Paket" not in path.read_bytes()
    assert [one.read_bytes() for one in (site / "media").iterdir()] == [PNG]


def test_the_site_shows_hidden_articles_when_their_time_comes(own: Path, tmp_path: Path) -> None:
    store = open_store(own / "data")
    later = datetime(2027, 6, 1, tzinfo=UTC)
    export_static(store, tmp_path / "out", name="x", languages=["en"], site_url=SITE, now=later)
    shown = {one.parent.name for one in (tmp_path / "out/en/articles").rglob("index.html")}
    assert {one for one in shown if SECRET.lower() in one and "alias" not in one} == {
        f"{SECRET.lower()}-future"
    }


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    checked = 0
    for path in site.rglob("*.html"):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        assert soup.find("meta", attrs={"http-equiv": "Content-Security-Policy"})
        for element in soup.find_all(["a", "img", "link", "script"]):
            address = str(element.get("href") or element.get("src"))
            if element.get("rel") in (["canonical"], ["alternate"]):
                assert address.startswith(SITE)
                continue
            parts = urlsplit(address)
            if parts.scheme:
                assert element.name == "a"
                continue
            target = path.parent / unquote(parts.path) if parts.path else path
            assert target.is_file(), (path, address)
            checked += 1
        assert not soup.find(["iframe", "style"]) and not soup.select("[style], [onclick]")
    assert checked > 40


def test_pages_of_the_site(site: Path) -> None:
    page = (site / "en/articles/late-parcel/index.html").read_text("utf-8")
    assert "Tsubame &lt;Help&gt;" in page and 'href="https://films.example.net/x"' in page
    assert f'<link rel="canonical" href="{SITE}/en/articles/late-parcel/">' in page
    assert 'hreflang="ja"' in page and "2026-05-01" in page and "and a page" in page
    assert 'src="../../../media/' in page and '<img src="https' not in page
    home = (site / "ja/index.html").read_text("utf-8")
    assert "ご注文" in home and "領収書の発行" in home and "Cancel" not in home
    sitemap = (site / "sitemap.xml").read_text("utf-8")
    assert f"<loc>{SITE}/en/articles/late-parcel/</loc><lastmod>2026-05-01</lastmod>" in sitemap
    assert sitemap.count("<url>") == 4 + 2
    assert (site / "search.js").stat().st_size < 8 * 1024


def test_old_addresses_lead_on(site: Path) -> None:
    for old in ("help/late", "en/articles/lost-parcel"):
        page = BeautifulSoup((site / old / "index.html").read_text("utf-8"), "html.parser")
        canonical = page.find("link", rel="canonical")
        assert canonical and canonical["href"] == f"{SITE}/en/articles/late-parcel/"
        refresh = page.find("meta", attrs={"http-equiv": "refresh"})
        assert refresh
        there = str(refresh["content"]).partition("url=")[2]
        assert (site / old / there).resolve() == (site / "en/articles/late-parcel/index.html")
    assert "Tsubame" in (site / "en/index.html").read_text("utf-8")
    assert not list(site.parent.parent.rglob("escape*"))


def test_articles_that_are_hidden_are_no_published_ones_elsewhere(
    own: Path, tmp_path: Path
) -> None:
    store = open_store(own / "data")
    export("zendesk", store, own / "articles", tmp_path / "out", site_url=SITE, now=NOW)
    rows = {row["title"]: row for row in read(tmp_path / "out/articles.json")["articles"]}
    for name in ("draft", "archived", "future", "expired"):
        assert rows[f"{SECRET} {name}"]["draft"] is True
    assert rows[f"{SECRET} internal"]["user_segment_id"] is not None
    assert rows["My parcel is late"]["html_url"].startswith(f"{SITE}/hc/en-us/articles/9")
    again = tmp_path / "again"
    export("zendesk", store, own / "articles", again, site_url=SITE, now=NOW)
    assert (again / "articles.json").read_bytes() == (tmp_path / "out/articles.json").read_bytes()


# --- folders -------------------------------------------------------------------------------------


def write_both(own: Path, target: Path, kind: str) -> None:
    store = open_store(own / "data")
    if kind == "static":
        export_static(store, target, name="x", languages=["en"], site_url=SITE, now=NOW)
    else:
        export(kind, store, own / "articles", target, site_url=SITE, now=NOW)


@pytest.mark.parametrize("kind", ["static", "zendesk"])
def test_a_folder_that_is_not_empty_is_refused(own: Path, tmp_path: Path, kind: str) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    write_both(own, target, kind)
    before = sorted(target.rglob("*"))
    with pytest.raises(TransferError, match="not empty"):
        write_both(own, target, kind)
    assert sorted(target.rglob("*")) == before
    file = tmp_path / "file"
    file.write_text("kept")
    with pytest.raises(TransferError, match="not empty"):
        write_both(own, file, kind)
    assert file.read_text() == "kept"
    assert {one.name for one in tmp_path.iterdir()} == {"taken", "file"}


@contextmanager
def files_at_most(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("kind", ["static", *VENDORS])
def test_a_failing_disk_leaves_nothing_behind(own: Path, tmp_path: Path, kind: str) -> None:
    with files_at_most(600), pytest.raises(TransferError, match="cannot be written"):
        write_both(own, tmp_path / "above" / "out", kind)
    assert list(tmp_path.iterdir()) == []


def test_what_cuts_an_export_leaves_nothing_behind(own: Path, tmp_path: Path) -> None:
    class Cut(BaseException):
        pass

    class Store(ArticleStore):
        def image(self, name: str) -> Path | None:
            raise Cut

    store = Store(Builds(own / "data" / "index").open_current().path)
    with pytest.raises(Cut):
        export_static(store, tmp_path / "out", name="x", languages=["en"], site_url=SITE, now=NOW)
    assert list(tmp_path.iterdir()) == []


def test_unknown_tools_are_refused(own: Path, tmp_path: Path) -> None:
    with pytest.raises(TransferError, match="zendesk, freshdesk"):
        write_both(own, tmp_path / "out", "word")


# --- the search in a browser ---------------------------------------------------------------------


def test_terms() -> None:
    assert terms("The APIキー, 2-step!") == ["the", "api", "きー", "ー", "2", "step"]
    assert terms("ﾊﾟｽﾜｰﾄﾞ") == terms("パスワード") == terms("ぱすわーど")


def test_the_site_alone_styles_what_the_site_styles() -> None:
    root = Path(__file__).parents[3]
    classes: set[str] = set()
    for path in (root / "articles").rglob("*.md"):
        article, _ = read_article_text("en/a.md", path.read_text("utf-8"))
        found = re.findall(r'class="([^"]*)"', article.html if article else "")
        classes |= {name for names in found for name in names.split()}
    styled = (root / "kb_app/static/site.css").read_text("utf-8")
    alone = (root / "kb_app/transfer/targets/pages/style.css").read_text("utf-8")
    assert [one for one in sorted(classes) if f".{one}" in styled and f".{one}" not in alone] == []


@pytest.fixture(scope="module")
def browser(playwright: Playwright, chromium: str) -> Iterator[Browser]:
    opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
    yield opened
    opened.close()


@contextmanager
def page_in(browser: Browser, path: Path, **options: Any) -> Iterator[Page]:
    """A page of the folder, which must load without an error and from nowhere else."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, **options)
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"file://{quote(str(path))}")
    yield page
    context.close()
    assert errors == [] and [one for one in asked if not one.startswith("file://")] == []


SEARCHES = [
    ("en", "late parcel", "My parcel is late"),
    ("en", "shipm", "My parcel is late"),
    ("en", "LOST DELIVERY", "My parcel is late"),
    ("en", "cancelling", "Cancel an order"),
    ("en", "zeppelin", None),
    ("en", "cancel order", "Cancel an order"),
    ("ja", "荷物が届きません", "荷物が届かない"),
    ("ja", "領収書", "領収書の発行"),
    ("ja", "ﾏｲﾍﾟｰｼﾞ", "領収書の発行"),
    ("ja", "税金", None),
]


@pytest.mark.browser
@pytest.mark.parametrize(("lang", "query", "title"), SEARCHES)
def test_search_without_a_server(
    browser: Browser, site: Path, lang: str, query: str, title: str | None
) -> None:
    with page_in(browser, site / lang / "index.html") as page:
        box = page.get_by_role("searchbox")
        box.fill(query)
        told = page.get_by_role("status")
        if title is None:
            expect(told).to_have_text(re.compile("No article|ありません"))
            return
        expect(told).to_have_text(re.compile(r"^\d+"))
        first = page.locator(".search li a").first
        expect(first).to_have_text(title)
        box.press("Enter")
        expect(first).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(title)


@pytest.mark.browser
def test_the_search_by_keyboard(browser: Browser, site: Path) -> None:
    with page_in(browser, site / "ja/articles/receipt/index.html") as page:
        page.keyboard.press("Control+k")
        box = page.get_by_label("記事を検索").first
        expect(box).to_be_focused()
        page.keyboard.type("領収書")
        expect(page.get_by_role("status")).to_have_text("2件")
        links = page.locator(".search li a")
        page.keyboard.press("ArrowDown")
        expect(links.nth(0)).to_be_focused()
        page.keyboard.press("ArrowDown")
        expect(links.nth(1)).to_be_focused()
        page.keyboard.press("Escape")
        expect(box).to_be_focused()
        page.keyboard.press("Escape")
        expect(box).to_have_value("")
        expect(links).to_have_count(0)


@pytest.mark.browser
def test_the_site_without_javascript_on_a_phone(browser: Browser, site: Path) -> None:
    with page_in(browser, site / "index.html", java_script_enabled=False) as page:
        page.get_by_role("link", name="English").click()
        expect(page.get_by_role("searchbox")).to_have_count(0)
        expect(page.locator(".without")).to_be_visible()
        page.get_by_role("link", name="My parcel is late").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("My parcel is late")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        page.get_by_role("link", name="日本語").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("荷物が届かない")


@pytest.mark.browser
def test_an_old_address_leads_on_in_a_browser(browser: Browser, site: Path) -> None:
    with page_in(browser, site / "help/late/index.html") as page:
        expect(page.get_by_role("heading", level=1)).to_have_text("My parcel is late")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_site_is_accessible(browser: Browser, site: Path, scheme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    for name in (
        "en/index.html",
        "en/articles/late-parcel/index.html",
        "ja/sections/orders/index.html",
    ):
        context = browser.new_context(color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"file://{quote(str(site / name))}")
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        context.close()
