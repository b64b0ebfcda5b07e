"""Zendesk Guide: the Help Center API (developer.zendesk.com, Help Center API reference)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from kb_app.transfer.http_api import MOST_PAGES, Api
from kb_app.transfer.model import ForeignArticle, ForeignFile, ForeignSection, ForeignText
from kb_app.transfer.sources.values import (
    Lost,
    Row,
    first_per_language,
    language,
    moment,
    number,
    row,
    rows,
    text,
    texts,
)

HC = "api/v2/help_center"
PAGE = 100


class Zendesk:
    """One help centre. ``token`` is MAIL/token:TOKEN, or an OAuth token."""

    name = "zendesk"

    def __init__(self, url: str, token: str, kept: Path) -> None:
        user, colon, secret = token.partition(":")
        auth = (user, secret) if colon else None
        headers = {} if colon else {"Authorization": f"Bearer {token}"}
        self._api = Api(url, kept, headers, auth)
        self._lost = Lost()

    def sections(self) -> Iterator[ForeignSection]:
        """All sections, named with their category where two have one name."""
        categories = {text(one.get("id")): one for one in self._rows("categories")}
        for one in self._rows("sections"):
            above = categories.get(text(one.get("category_id")), {})
            order = (number(above.get("position")) or 0) * 1000 + (number(one.get("position")) or 0)
            names = _titles(above)
            shown = {lang: _below(names.get(lang, ""), name) for lang, name in _titles(one).items()}
            descriptions = {language(one.get("locale")): text(one.get("description"))}
            yield ForeignSection(text(one.get("id")), shown, descriptions, order)

    def _rows(self, name: str) -> list[Row]:
        given = self._api.pages(f"{HC}/{name}.json", name, include="translations", per_page=PAGE)
        return [one for one in rows(list(given)) if one.get("id")]

    def articles(self) -> Iterator[ForeignArticle]:
        """All articles with their translations, votes, attachments and redirects."""
        redirects = self._redirects()
        authors: dict[str, str] = {}
        seen: set[str] = set()
        for answer in self._pages():
            for one in rows(answer.get("users")):
                authors[text(one.get("id"))] = text(one.get("email")) or text(one.get("name"))
            given = [one for one in rows(answer.get("articles")) if one.get("id")]
            new = [one for one in given if text(one["id"]) not in seen]
            yield from (self._article(one, authors, redirects) for one in new)
            seen.update(text(one["id"]) for one in new)
            if given and not new:  # a page that was there before: the list goes in a circle
                return

    def _pages(self) -> Iterator[Row]:
        path = f"{HC}/articles.json"
        query: dict[str, object] = {"include": "users,translations", "per_page": PAGE}
        asked: set[str] = set()
        while path and path not in asked and len(asked) < MOST_PAGES:
            asked.add(path)
            answer = row(self._api.json(path, **query))
            yield answer
            path, query = text(answer.get("next_page")), {}

    def _article(
        self, given: Row, authors: Mapping[str, str], redirects: Mapping[str, list[str]]
    ) -> ForeignArticle:
        key, source = text(given["id"]), language(given.get("source_locale"))
        found = rows(given.get("translations")) or [given]
        # Of two variants of the original's language, its own comes first.
        found = sorted(found, key=lambda one: one.get("locale") != given.get("source_locale"))
        made = sorted((_text(key, one) for one in found), key=lambda one: one.lang != source)
        votes, count = _votes(given.get("vote_sum")), _votes(given.get("vote_count"))
        return ForeignArticle(
            key=key,
            section=text(given.get("section_id")),
            texts=first_per_language(made, self._lost),
            author=authors.get(text(given.get("author_id")), ""),
            created=moment(given.get("created_at")),
            up=(count + votes) // 2,
            down=(count - votes) // 2,
            labels=texts(given.get("label_names")),
            is_internal=given.get("user_segment_id") is not None,
            is_promoted=bool(given.get("promoted")),
            order=number(given.get("position")) or 0.0,
            old_urls=tuple(redirects.get(key, ())),
            files=tuple(self._files(key)),
        )

    def _files(self, key: str) -> Iterator[ForeignFile]:
        """The files beside an article; pictures inside of it are found in its text."""
        path = f"{HC}/articles/{key}/attachments/block.json"
        for one in rows(list(self._api.pages(path, "article_attachments", per_page=PAGE))):
            if text(one.get("content_url")):
                yield ForeignFile(text(one.get("file_name")), text(one["content_url"]))

    def _redirects(self) -> Mapping[str, list[str]]:
        """Old addresses by the key of the article that they lead to."""
        found: dict[str, list[str]] = defaultdict(list)
        after: set[str] = set()
        query: dict[str, object] = {"page[size]": PAGE}
        while len(after) < MOST_PAGES:
            answer = row(self._api.json("api/v2/guide/redirect_rules", **query))
            for one in rows(answer.get("records")):
                target = text(one.get("redirect_to"))
                key = target.rpartition("/articles/")[2].partition("-")[0]
                if key.isdigit():
                    found[key].append(text(one.get("redirect_from")))
                else:
                    self._lost.add(f"redirect to no article: {text(one.get('redirect_from'))}")
            meta = row(answer.get("meta"))
            cursor = text(meta.get("after_cursor"))
            if not meta.get("has_more") or not cursor or cursor in after:
                return found
            after.add(cursor)
            query["page[after]"] = cursor
        return found

    def file(self, url: str, place: str) -> bytes | None:
        """A picture or file of the help centre or another host."""
        return self._api.file(url)

    def unmapped(self) -> Iterable[str]:
        """Redirects to pages that are no articles, and second variants of a language."""
        return self._lost


def _text(key: str, given: Row) -> ForeignText:
    return ForeignText(
        lang=language(given.get("locale")),
        title=text(given.get("title")),
        body=text(given.get("body")),
        url=text(given.get("html_url")),
        updated=moment(given.get("edited_at")) or moment(given.get("updated_at")),
        is_draft=bool(given.get("draft")),
        old_urls=(f"/hc/{text(given.get('locale'))}/articles/{key}",),
    )


def _titles(given: Row) -> dict[str, str]:
    found = rows(given.get("translations")) or [given]
    return {
        language(one.get("locale")): text(one.get("title")) or text(one.get("name"))
        for one in found
    }


def _below(category: str, title: str) -> str:
    return f"{category}: {title}" if category and category != title else title


def _votes(value: object) -> int:
    """A number of votes, or their sum, which may be below zero."""
    found = number(value)
    return round(found) if found is not None and abs(found) < 1e12 else 0
