"""All articles of an index with their translations and where they came from, for an export."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Any

from indexer.article_store import ArticleStore
from indexer.bundling.links import bundle_name
from indexer.editing.front_text import values_of
from indexer.editing.model import EditConflictError
from indexer.model import Article
from indexer.targets import file_in
from kb_app.localized import localized
from kb_app.transfer.targets.report import ExportReport

# Who may see an article that everybody may see.
PUBLIC = frozenset({"public"})


@dataclass(frozen=True)
class Origin:
    """What an import kept of an article: the vendor's key, page, times, author and votes."""

    vendor: str
    key: str = ""
    url: str = ""
    created: datetime | None = None
    updated: datetime | None = None
    author: str = ""
    up: int | None = None
    down: int | None = None


@dataclass(frozen=True)
class OutText:
    """An article in one language. ``files`` are names in the index with the files' own names."""

    article: Article
    origin: Origin
    is_draft: bool
    created: datetime
    updated: datetime
    files: Mapping[str, str] = field(default_factory=dict)

    @property
    def lang(self) -> str:
        """Its language."""
        return self.article.lang


@dataclass(frozen=True)
class OutArticle:
    """An article with its texts, the original first."""

    texts: tuple[OutText, ...]
    place: int

    @property
    def original(self) -> OutText:
        """The text that the others translate."""
        return self.texts[0]

    @property
    def id(self) -> str:
        """The id of the original."""
        return self.original.article.id

    @property
    def is_internal(self) -> bool:
        """Whether only staff may see it; one internal text is enough."""
        return any(text.article.audience != "public" for text in self.texts)

    @property
    def author(self) -> str:
        """Who wrote it; "" where nobody is named."""
        return self.original.origin.author or self.original.article.owner

    @property
    def updated(self) -> datetime:
        """When any of its texts changed last."""
        return max(text.updated for text in self.texts)

    @property
    def up(self) -> int:
        """How many found it helpful where it came from."""
        return self.original.origin.up or 0

    @property
    def down(self) -> int:
        """How many did not."""
        return self.original.origin.down or 0

    def text(self, lang: str) -> OutText | None:
        """Its text in a language."""
        return next((text for text in self.texts if text.lang == lang), None)


@dataclass(frozen=True)
class OutCategory:
    """What sections are in, with its titles by language."""

    key: str
    titles: Mapping[str, str]


@dataclass(frozen=True)
class OutSection:
    """A section with its titles and descriptions by language."""

    key: str
    category: str
    titles: Mapping[str, str]
    descriptions: Mapping[str, str]
    articles: tuple[OutArticle, ...]


@dataclass(frozen=True)
class Library:
    """Everything that an export writes. ``languages`` begin with the one of most originals."""

    vendor: str
    categories: tuple[OutCategory, ...]
    sections: tuple[OutSection, ...]
    languages: tuple[str, ...]
    now: datetime

    @property
    def articles(self) -> Iterator[OutArticle]:
        """All articles in the order of the sections."""
        return (article for section in self.sections for article in section.articles)

    @property
    def texts(self) -> Iterator[tuple[OutArticle, OutText]]:
        """All texts, each with its article."""
        return ((article, text) for article in self.articles for text in article.texts)

    @property
    def authors(self) -> list[str]:
        """Everybody who wrote something; "" for articles without an author."""
        return list(dict.fromkeys(article.author for article in self.articles))

    def sections_of(self, category: str) -> list[OutSection]:
        """The sections of a category."""
        return [one for one in self.sections if one.category == category]


def read_library(
    vendor: str, store: ArticleStore, folder: Path, now: datetime, report: ExportReport
) -> Library:
    """All articles; what an import kept of them is read from their files in ``folder``."""
    groups: dict[str, dict[str, Article]] = {}
    for article in store.articles():
        texts = groups.setdefault(article.group, {})
        key = article.group if article.lang not in texts else article.id
        groups.setdefault(key, {})[article.lang] = article
    articles = [
        _article(vendor, group, list(texts.values()), folder, now, report)
        for group, texts in groups.items()
        if texts
    ]
    articles.sort(key=_place)
    categories, sections = _sections(store, articles)
    counted = Counter(article.original.lang for article in articles)
    counted.update({text.lang: 0 for article in articles for text in article.texts})
    languages = tuple(sorted(counted, key=lambda lang: (-counted[lang], lang)))
    report.articles, report.texts = len(articles), sum(len(one.texts) for one in articles)
    report.sections = len(sections)
    return Library(vendor, categories, sections, languages or ("en",), now)


def _place(article: OutArticle) -> tuple[float, str, str]:
    order = article.original.article.order
    return (
        order if order is not None else float("inf"),
        article.original.article.title,
        article.id,
    )


def _article(
    vendor: str,
    group: str,
    texts: list[Article],
    folder: Path,
    now: datetime,
    report: ExportReport,
) -> OutArticle:
    texts.sort(key=lambda one: (one.id != group, one.lang))
    made = tuple(_text(vendor, one, folder, now, report) for one in texts)
    order = texts[0].order
    if len({one.section for one in texts}) > 1:
        report.count("articles have translations in other sections; they are in the original's.")
    if len({one.audience for one in texts}) > 1:
        report.count("articles are internal because one of their translations is.")
    return OutArticle(made, int(order) if order is not None else 0)


def _text(
    vendor: str, article: Article, folder: Path, now: datetime, report: ExportReport
) -> OutText:
    origin = _origin(vendor, article, folder)
    updated = origin.updated
    if updated is None or (article.updated and updated.date() != article.updated):
        updated = _at(article.updated) or article.publish_at or now
    created = origin.created or article.publish_at or updated
    if origin.created is None:
        report.count("texts have no time of creation; that of their last change is used.")
    names = _file_names(article, folder)
    return OutText(article, origin, _is_hidden(article, now, report), created, updated, names)


def _is_hidden(article: Article, now: datetime, report: ExportReport) -> bool:
    """Whether it is a draft, or would be shown elsewhere when it is not shown here."""
    if article.status == "archived":
        report.count("archived articles are drafts in the export.")
    elif article.status == "published" and not article.visible(now, frozenset({article.audience})):
        report.count("articles that are not shown yet, or no longer, are drafts in the export.")
    elif article.status == "published" and article.expire_at:
        report.count("articles end at a time that is not in the export.")
    return article.status != "published" or not article.visible(now, frozenset({article.audience}))


def _origin(vendor: str, article: Article, folder: Path) -> Origin:
    """What an import from this vendor kept; of others the times, author and votes only."""
    try:
        text = (folder / article.path).read_text(encoding="utf-8-sig")
        given = values_of(article.path, text).get("imported")
    except (OSError, UnicodeDecodeError, EditConflictError):
        given = None
    if not isinstance(given, Mapping):
        return Origin("")
    said = str(given.get("from") or "")
    same = said == vendor
    return Origin(
        said,
        str(given.get("key") or "") if same else "",
        str(given.get("url") or "") if same else "",
        _moment(given.get("created")),
        _moment(given.get("updated")),
        str(given.get("author") or ""),
        _whole(given.get("up")),
        _whole(given.get("down")),
    )


def _file_names(article: Article, folder: Path) -> dict[str, str]:
    """The own names of the files of an article, by their names in the index."""
    names: dict[str, str] = {}
    for link in article.links:
        path = file_in(folder, link.target)
        try:
            if path is not None:
                names.setdefault(bundle_name(path), path.name)
        except OSError:
            continue
    return names


# --- sections ------------------------------------------------------------------------------------


def _sections(
    store: ArticleStore, articles: Iterable[OutArticle]
) -> tuple[tuple[OutCategory, ...], tuple[OutSection, ...]]:
    """Sections in their order. "Category: Section", as an import names them, is parted again."""
    held: dict[str, list[OutArticle]] = {key: [] for key in store.sections}
    for article in articles:
        held.setdefault(article.original.article.section, []).append(article)
    categories: dict[str, OutCategory] = {}
    made = []
    for key in sorted(held, key=lambda key: (_order(store, key), key)):
        known = store.sections.get(key)
        titles = dict(known.title) if known else {}
        titles = titles or {"en": key.replace("-", " ").capitalize()}
        above, own = parted(titles)
        name = "/".join(above[lang] for lang in sorted(above))
        categories.setdefault(name, OutCategory(name, above))
        descriptions = dict(known.description) if known else {}
        made.append(OutSection(key, name, own, descriptions, tuple(held[key])))
    return tuple(categories.values()), tuple(made)


def _order(store: ArticleStore, key: str) -> float:
    return store.sections[key].order if key in store.sections else float("inf")


def parted(titles: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The titles of category and section of "Category: Section"; without one no category."""
    parts = {lang: title.partition(": ") for lang, title in titles.items()}
    if all(above.strip() and own.strip() for above, _, own in parts.values()):
        return (
            {lang: above for lang, (above, _, _own) in parts.items()},
            {lang: own for lang, (_above, _, own) in parts.items()},
        )
    return {}, dict(titles)


def title_in(titles: Mapping[str, str], lang: str, other: str = "") -> str:
    """A title in a language, else in any; ``other`` where there is none."""
    return localized(titles, lang) or other


# --- values --------------------------------------------------------------------------------------


def _moment(value: Any) -> datetime | None:
    if not value:
        return None
    try:
        found = datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _at(day: date | None) -> datetime | None:
    return datetime.combine(day, time(), UTC) if day else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
