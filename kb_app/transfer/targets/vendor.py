"""What the exports for all vendors share: addresses, bodies, people and the writing of lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from indexer.article_store import ArticleStore
from indexer.reading.front_matter import address_of
from kb_app.transfer.targets.body import Dialect, foreign_html, plain_callout, plain_tabs
from kb_app.transfer.targets.library import Library, OutArticle, OutText
from kb_app.transfer.targets.media import Media
from kb_app.transfer.targets.new_folder import NewFolder
from kb_app.transfer.targets.report import ExportReport

Row = dict[str, Any]
NOBODY = "unknown"
# What front matter has that a shape may have no place for.
_LOST = {
    "summary": "a summary",
    "questions": "other wordings of their question",
    "answers": "an answer of their own to a question",
    "keywords": "keywords",
    "related": "related articles",
    "featured": "a place on the home page",
    "cover": "a cover picture",
    "tests": "test queries",
    "review_by": "a date of review",
    "order": "a place in their section",
    "tags": "tags",
    "audience": "an audience",
    "votes": "votes",
    "owner": "an author",
}


class Vendor:
    """One vendor's shape. A subclass says what addresses and boxes it has, and writes its lists."""

    def __init__(
        self,
        library: Library,
        store: ArticleStore,
        folder: NewFolder,
        report: ExportReport,
        site_url: str,
    ) -> None:
        self.library, self.report = library, report
        self._folder = folder
        self.site_url = site_url.rstrip("/")
        self.media = Media(store, folder, report)
        self.base = _origin_of(library) or self.site_url
        self._texts = {text.article.id: (one, text) for one, text in library.texts}
        self._bodies: dict[str, str] = {}

    def write(self) -> None:
        """Write everything into the folder."""
        raise NotImplementedError

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of the page of an article that the vendor has not seen yet."""
        raise NotImplementedError

    def callout(self, kind: str, inner: str) -> str:
        """A callout as the vendor's editor writes it."""
        return plain_callout(kind, inner)

    def address(self, article: OutArticle, text: OutText) -> str:
        """The page of an article: the one it had there, else one made up."""
        return text.origin.url or self.base + quote(self.path(article, text))

    def link(self, name: str, anchor: str) -> str:
        """The address of an article by our id; "" for one that is not in the export."""
        found = self._texts.get(name)
        return self.address(*found) + (f"#{quote(anchor)}" if anchor else "") if found else ""

    def body(self, text: OutText) -> str:
        """The HTML of a text in the vendor's dialect."""
        name = text.article.id
        if name not in self._bodies:
            self._bodies[name] = foreign_html(
                text.article.html,
                Dialect(
                    self.link,
                    lambda file: self.media.address(file, text.files),
                    self.callout,
                    plain_tabs,
                ),
            )
            if 'class="tabbed-set' in text.article.html:
                self.report.count("texts have tabs, which stand below each other.")
        return self._bodies[name]

    def json(self, name: str, value: object) -> None:
        """Write a list."""
        options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS
        self._folder.write(name, orjson.dumps(value, option=options))

    def related(self, text: OutText) -> Iterator[OutArticle]:
        """The articles that a writer named as related."""
        return (self._texts[name][0] for name in text.article.related if name in self._texts)

    def redirects(self) -> Iterator[tuple[str, OutArticle, OutText]]:
        """Old paths with the texts that they lead to, our own addresses among them."""
        seen = {address_of(self.address(*found)) for found in self._texts.values()}
        for article, text in self.library.texts:
            ours = [f"/{text.lang}/articles/{one}" for one in _slugs(text)]
            for old in (*text.article.addresses, *ours):
                if old not in seen:
                    seen.add(old)
                    yield old, article, text

    def say_what_is_lost(self, *kept: str) -> None:
        """Note the values of articles that have no place; ``kept`` names those that have one."""
        for _, text in self.library.texts:
            article = text.article
            given = {
                "summary": article.summary,
                "questions": article.questions,
                "answers": article.answers,
                "keywords": article.keywords,
                "related": article.related,
                "featured": article.featured,
                "cover": article.cover,
                "tests": article.tests,
                "review_by": article.review_by,
                "order": article.order is not None,
                "tags": article.tags,
                "audience": article.audience != "public",
                "votes": (text.origin.up or 0) + (text.origin.down or 0),
                "owner": article.owner,
            }
            for name, value in given.items():
                if value and name not in kept:
                    self.report.count(f"texts have {_LOST[name]}; there is no place for it.")


def _slugs(text: OutText) -> list[str]:
    return [text.article.slug, *text.article.aliases]


def _origin_of(library: Library) -> str:
    """The host that most articles were imported from; "" where none was."""
    found: dict[str, int] = {}
    for _, text in library.texts:
        parts = urlsplit(text.origin.url)
        if parts.scheme in ("http", "https") and parts.netloc:
            host = f"{parts.scheme}://{parts.netloc}"
            found[host] = found.get(host, 0) + 1
    return max(found, key=lambda host: found[host]) if found else ""
