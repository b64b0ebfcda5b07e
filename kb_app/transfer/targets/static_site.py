"""A static site of what everybody may read now: pages, pictures, redirects and a search.

All links are relative, and the search index is a script, so that the site also works from a folder.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from itertools import islice
from pathlib import Path
from urllib.parse import quote

from indexer.article_store import ArticleStore
from indexer.model import ArticleSummary
from kb_app.localized import localized
from kb_app.transfer.model import TransferError
from kb_app.transfer.targets.library import PUBLIC
from kb_app.transfer.targets.markdown_folder import is_possible
from kb_app.transfer.targets.new_folder import NewFolder, new_folder
from kb_app.transfer.targets.report import ExportReport
from kb_app.transfer.targets.static_body import static_body
from kb_app.transfer.targets.static_index import Entry, index_of
from kb_app.transfer.targets.static_pages import Card, Pages, SectionCard

MOST_REDIRECTS, MOST_IN_SITEMAP = 20_000, 50_000
MEDIA = "media"
_SITEMAP = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'
_XHTML = 'xmlns:xhtml="http://www.w3.org/1999/xhtml"'


def export_static(
    store: ArticleStore,
    target: Path,
    *,
    name: Mapping[str, str] | str,
    languages: Sequence[str],
    site_url: str,
    now: datetime | None = None,
) -> ExportReport:
    """Write the site into a new folder: public articles that are shown now, in these languages.

    Raises TransferError where ``target`` is there and not empty, or cannot be written; then
    nothing is left behind.
    """
    if not languages:
        raise TransferError("A static site needs at least one language.")
    report = ExportReport()
    with new_folder(target) as folder:
        names = {
            lang: name if isinstance(name, str) else localized(name, lang) for lang in languages
        }
        site = _Site(store, folder, report, names, site_url.rstrip("/"), now or datetime.now(UTC))
        site.write()
    return report


@dataclass
class _Site:
    """The articles of one site. ``shown`` holds all that may appear in any of its files."""

    store: ArticleStore
    folder: NewFolder
    report: ExportReport
    names: Mapping[str, str]
    url: str
    now: datetime
    shown: dict[str, ArticleSummary] = field(default_factory=dict)
    copied: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        visible = self.store.visible(self.now, PUBLIC)
        self.shown = {card.id: card for card in visible if card.lang in self.names}
        self.pages = Pages(self.names, self.url)
        others = sorted({card.lang for card in visible} - set(self.names))
        if others:
            self.report.say(f"Articles in {', '.join(others)} are not in the site.")
        if any(card.expire_at for card in self.shown.values()):
            self.report.say("Some articles end at a time: make the site again then.")

    def write(self) -> None:
        """Write all files."""
        for file in ("style.css", "search.js"):
            self.folder.write(file, self.pages.asset(file))
        self.folder.write("index.html", self.pages.start())
        for lang in self.names:
            self._write_language(lang)
        self._write_redirects()
        self._write_sitemap()
        self.report.articles = len({card.group for card in self.shown.values()})
        self.report.texts = len(self.shown)

    def address(self, card: ArticleSummary) -> str:
        """The file of an article's page below the root, as links have it."""
        return f"{quote(_page(card))}index.html"

    def _write_language(self, lang: str) -> None:
        cards = [card for card in self.shown.values() if card.lang == lang]
        sections = self._sections(lang, cards)
        others = {other: f"{other}/index.html" for other in self.names}
        self.folder.write(f"{lang}/index.html", self.pages.home(lang, others, sections))
        entries = []
        for section in sections:
            path = f"{lang}/sections/{section.key}/index.html"
            self.folder.write(path, self.pages.section(lang, others, section))
            for card in section.cards:
                entries.append(self._write_article(card.id, section))
        self.folder.write(f"{lang}/search-index.js", index_of(lang, entries))
        self.report.sections += len(sections)

    def _sections(self, lang: str, cards: Sequence[ArticleSummary]) -> list[SectionCard]:
        """The sections that have an article, in their order."""
        held: dict[str, list[ArticleSummary]] = {}
        for card in cards:
            held.setdefault(card.section, []).append(card)
        infos = self.store.sections
        made = []
        for key in sorted(held, key=lambda key: (infos[key].order if key in infos else 9e9, key)):
            info = infos.get(key)
            title = localized(info.title, lang) if info else ""
            ordered = sorted(held[key], key=_order)
            made.append(
                SectionCard(
                    key,
                    title or key.replace("-", " ").capitalize(),
                    localized(info.description, lang) if info else "",
                    f"{quote(f'{lang}/sections/{key}/')}index.html",
                    [self._card(card) for card in ordered],
                )
            )
        return made

    def _card(self, card: ArticleSummary) -> Card:
        return Card(card.id, card.title, card.summary, self.address(card))

    def _write_article(self, name: str, section: SectionCard) -> Entry:
        article = self.store.article(name)
        if article is None:
            raise TransferError(f"The index has no article {name}. Build it again.")
        root = "../../../"
        body = static_body(
            article.html,
            lambda other: root + self.address(self.shown[other]) if other in self.shown else "",
            lambda file: root + quote(f"{MEDIA}/{file}") if self._copy(file) else "",
        )
        cover = article.cover if article.cover and self._copy(article.cover) else ""
        page = self.pages.article(
            article,
            body=body,
            section=section,
            cover=root + quote(f"{MEDIA}/{cover}") if cover else "",
            translations={one.lang: _page(one) for one in self._translations(article)},
            related=[self._card(self.shown[x]) for x in article.related if x in self.shown],
        )
        self.folder.write(f"{_page(article)}index.html", page)
        return Entry(article, self.address(article))

    def _translations(self, card: ArticleSummary) -> list[ArticleSummary]:
        """The article and its translations, as far as they are in the site."""
        return [one for one in self.store.translations(card) if one.id in self.shown]

    def _copy(self, name: str) -> bool:
        """Whether a file is in the site; copies it the first time."""
        if name in self.copied:
            return True
        source = self.store.image(name)
        if source is None or not source.is_file():
            self.report.count("files are not in the index; build it again.")
            return False
        self.folder.copy(f"{MEDIA}/{name}", source)
        self.copied.add(name)
        self.report.files += 1
        return True

    # --- old addresses and the sitemap ---------------------------------------------------------

    def _old(self) -> Iterator[tuple[str, ArticleSummary]]:
        for card in self.shown.values():
            yield from ((f"{card.lang}/articles/{alias}", card) for alias in card.aliases)
            yield from ((address.strip("/"), card) for address in card.addresses)

    def _write_redirects(self) -> None:
        for old, card in self._old():
            path = f"{old}/index.html"
            full = self.report.redirects >= MOST_REDIRECTS
            if full or not is_possible(path) or not self.folder.is_free(path):
                self.report.count("old addresses have no redirect.")
                continue
            there = "../" * (old.count("/") + 1) + self.address(card)
            self.folder.write(path, self.pages.moved(card, there, quote(_page(card))))
            self.report.redirects += 1

    def _write_sitemap(self) -> None:
        entries = iter([*self._homes(), *map(self._in_sitemap, self.shown.values())])
        parts = list(iter(lambda: list(islice(entries, MOST_IN_SITEMAP)), []))
        if len(parts) == 1:
            self.folder.write("sitemap.xml", _xml("urlset", parts[0]))
            return
        names = [f"sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
        for name, part in zip(names, parts, strict=True):
            self.folder.write(name, _xml("urlset", part))
        listed = [f"<sitemap><loc>{escape(self.url)}/{name}</loc></sitemap>" for name in names]
        self.folder.write("sitemap.xml", _xml("sitemapindex", listed))

    def _homes(self) -> list[str]:
        return [f"<url><loc>{escape(f'{self.url}/{lang}/')}</loc></url>" for lang in self.names]

    def _in_sitemap(self, card: ArticleSummary) -> str:
        others = "".join(
            f'<xhtml:link rel="alternate" hreflang="{one.lang}" href="{self._absolute(one)}"/>'
            for one in self._translations(card)
        )
        changed = f"<lastmod>{card.updated.isoformat()}</lastmod>" if card.updated else ""
        return f"<url><loc>{self._absolute(card)}</loc>{changed}{others}</url>"

    def _absolute(self, card: ArticleSummary) -> str:
        return escape(f"{self.url}/{quote(_page(card))}")


def _page(card: ArticleSummary) -> str:
    """The folder of an article's page."""
    return f"{card.lang}/articles/{card.slug}/"


def _order(card: ArticleSummary) -> tuple[bool, float, str]:
    place = card.order if card.order is not None else float("inf")
    return (not card.featured, place, card.title)


def _xml(name: str, rows: Sequence[str]) -> bytes:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<{name} {_SITEMAP} {_XHTML}>"]
    return "\n".join([*lines, *rows, f"</{name}>", ""]).encode()
