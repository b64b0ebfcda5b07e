"""Help Scout Docs: its Docs API v1 (developer.helpscout.com/docs-api).

A site has one language, which the API does not name: it is told from the texts. What is in a
private collection or category, or on a site that is not public, is internal.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from kb_app.transfer.http_api import MOST_PAGES, Api
from kb_app.transfer.model import ForeignArticle, ForeignSection, ForeignText, TransferError
from kb_app.transfer.sources.values import (
    Lost,
    Row,
    below,
    linked_files,
    moment,
    number,
    origin,
    row,
    rows,
    text,
    texts,
)
from search.analysis.language import detect

PAGE = 100
LANGUAGES = ("ja", "en")
# How much of a text is read to tell its language.
TOLD_BY = 2000
_FILE = re.compile(r"/docs/assets/")
_PAGE_URL = re.compile(r"\A(?:https?://[^/]+)?(/article/\d+)(?:-|\Z)")
_TAGS = re.compile(r"<[^<>]*>")


@dataclass(frozen=True)
class _Place:
    """A category, or a collection for its articles without one."""

    key: str
    names: tuple[str, ...]
    about: str
    articles: tuple[str, ...]
    is_private: bool


class HelpScout:
    """All sites of one account. ``token`` is an API key of Docs."""

    name = "helpscout"

    def __init__(self, url: str, token: str, kept: Path) -> None:
        self._api = Api(origin(url), kept, auth=(token, "X"))
        self._lost = Lost()

    def sections(self) -> Iterator[ForeignSection]:
        """All categories, named with their collection."""
        for order, place in enumerate(self._places):
            lang = detect(" ".join((*place.names, place.about)), LANGUAGES)
            titles = {lang: below(place.names)}
            yield ForeignSection(place.key, titles, {lang: place.about}, order)

    def articles(self) -> Iterator[ForeignArticle]:
        """All articles with their keywords, files and redirects."""
        done: set[str] = set()
        public = {key for place in self._places if not place.is_private for key in place.articles}
        for place in self._places:
            for order, key in enumerate(place.articles):
                if key in done:
                    self._lost.add(
                        "categories: an article in several of them is imported into the first"
                    )
                    continue
                done.add(key)
                answer = row(self._api.json(f"v1/articles/{key}"))
                if one := row(answer.get("article")):
                    yield self._article(one, place, order, is_internal=key not in public)

    def file(self, url: str, place: str) -> bytes | None:
        """A picture or file of Help Scout or another host."""
        return self._api.file(url)

    def unmapped(self) -> Iterator[str]:
        """What was there and has no place here."""
        yield from self._lost
        yield "authors: Help Scout gives only a number of who wrote an article"
        yield "votes: the API does not have them"
        yield "related articles: they are not imported"
        yield "addresses of collections and categories: only those of articles lead on"
        yield "views: how often articles were read is not imported"

    # --- lists ---------------------------------------------------------------------------------

    def _rows(self, path: str, name: str, **query: object) -> Iterator[Row]:
        """The rows of all pages of a list; each page says how many there are."""
        for page in range(1, MOST_PAGES + 1):
            answer = row(row(self._api.optional(path, **query, page=page)).get(name))
            found = rows(answer.get("items"))
            yield from found
            if not found or page >= (number(answer.get("pages")) or 0):
                return

    @cached_property
    def _sites(self) -> list[Row]:
        return list(self._rows("v1/sites", "sites"))

    @cached_property
    def _places(self) -> list[_Place]:
        """All categories in order, and each collection that has articles without one."""
        if self._api.json("v1/collections", page=1) is None:
            raise TransferError(
                f"{self._api.base} has no collections. Is it Help Scout's Docs API?"
            )
        closed = {text(one.get("id")) for one in self._sites if one.get("hasPublicSite") is False}
        found: list[_Place] = []
        for one in _ordered(self._rows("v1/collections", "collections")):
            hidden = _is_private(one) or text(one.get("siteId")) in closed
            path = f"v1/collections/{one.get('id')}"
            inner = _ordered(self._rows(f"{path}/categories", "categories"))
            places = [self._place((one, category), "categories", hidden) for category in inner]
            rest = self._place((one,), "collections", hidden)
            known = {key for place in places for key in place.articles}
            loose = tuple(key for key in rest.articles if key not in known)
            found += places
            if loose:
                found.append(_Place(rest.key, rest.names, rest.about, loose, hidden))
        return found

    def _place(self, chain: tuple[Row, ...], kind: str, is_hidden: bool) -> _Place:
        last = chain[-1]
        listed = self._rows(
            f"v1/{kind}/{last.get('id')}/articles",
            "articles",
            status="all",
            sort="order",
            order="asc",
            pageSize=PAGE,
        )
        return _Place(
            key=text(last.get("id")),
            names=tuple(text(one.get("name")) for one in chain),
            about=text(last.get("description")),
            articles=tuple(filter(None, (text(one.get("id")) for one in listed))),
            is_private=is_hidden or any(_is_private(one) for one in chain),
        )

    @cached_property
    def _redirects(self) -> Mapping[str, list[str]]:
        """Old addresses by the article that they lead to."""
        urls: dict[str, list[str]] = defaultdict(list)
        for site in self._sites:
            for one in self._rows(f"v1/redirects/site/{site.get('id')}", "redirects"):
                path = text(one.get("urlMapping"))
                if one.get("type") == "article" and path:
                    urls[text(one.get("documentId"))].append(path)
                else:
                    self._lost.add("redirects: those that lead to no article are left out")
        return urls

    # --- articles ------------------------------------------------------------------------------

    def _article(self, one: Row, place: _Place, order: int, *, is_internal: bool) -> ForeignArticle:
        key, body, title = text(one.get("id")), text(one.get("text")), text(one.get("name"))
        if one.get("hasDraft"):
            self._lost.add("drafts: of a published article with newer changes, these stay behind")
        found = _PAGE_URL.match(text(one.get("publicUrl")))
        made = ForeignText(
            lang=detect(f"{title}\n{_TAGS.sub(' ', body[:TOLD_BY])}", LANGUAGES),
            title=title,
            body=body,
            url=text(one.get("publicUrl")),
            updated=moment(one.get("updatedAt")),
            is_draft=one.get("status") not in ("published", None),
            old_urls=(found[1],) if found else (),
        )
        return ForeignArticle(
            key=key,
            section=place.key,
            texts=(made,),
            created=moment(one.get("createdAt")),
            labels=texts(one.get("keywords")),
            is_internal=is_internal,
            order=order,
            old_urls=tuple(self._redirects.get(key, ())),
            files=linked_files((body,), _FILE),
        )


def _ordered(given: Iterator[Row]) -> list[Row]:
    return sorted(given, key=lambda one: number(one.get("order")) or 0)


def _is_private(one: Row) -> bool:
    return one.get("visibility") not in ("public", None)
