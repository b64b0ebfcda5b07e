"""Zendesk Guide: the Help Center API (developer.zendesk.com, Help Center API reference)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from kb_app.transfer.http_api import Api
from kb_app.transfer.model import ForeignArticle, ForeignFile, ForeignSection, ForeignText

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
        self._notes: list[str] = []

    def sections(self) -> Iterator[ForeignSection]:
        """All sections, named with their category where two have one name."""
        categories = {
            row["id"]: row
            for row in self._api.pages(
                f"{HC}/categories.json", "categories", include="translations", per_page=PAGE
            )
        }
        rows = list(
            self._api.pages(
                f"{HC}/sections.json", "sections", include="translations", per_page=PAGE
            )
        )
        for row in rows:
            category = categories.get(row.get("category_id"), {})
            titles = _titles(row)
            above = _titles(category)
            order = float(category.get("position") or 0) * 1000 + float(row.get("position") or 0)
            shown = {lang: _below(above.get(lang, ""), title) for lang, title in titles.items()}
            descriptions = {_lang(row.get("locale")): str(row.get("description") or "")}
            yield ForeignSection(str(row["id"]), shown, descriptions, order)

    def articles(self) -> Iterator[ForeignArticle]:
        """All articles with their translations, votes, attachments and redirects."""
        redirects = self._redirects()
        authors: dict[int, str] = {}
        for answer in self._pages():
            authors |= {
                row["id"]: row.get("email") or row["name"] for row in answer.get("users", ())
            }
            for row in answer.get("articles", ()):
                yield self._article(row, authors, redirects)

    def _pages(self) -> Iterator[Mapping[str, Any]]:
        path: str | None = f"{HC}/articles.json"
        query: dict[str, object] = {"include": "users,translations", "per_page": PAGE}
        while path:
            answer = self._api.json(path, **query) or {}
            yield answer
            path, query = answer.get("next_page"), {}

    def _article(
        self, row: Mapping[str, Any], authors: Mapping[int, str], redirects: Mapping[str, list[str]]
    ) -> ForeignArticle:
        key, source = str(row["id"]), row.get("source_locale")
        rows = row.get("translations") or [row]
        texts = sorted((_text(key, one) for one in rows), key=lambda one: one.lang != _lang(source))
        votes, count = int(row.get("vote_sum") or 0), int(row.get("vote_count") or 0)
        return ForeignArticle(
            key=key,
            section=str(row.get("section_id") or ""),
            texts=tuple(texts),
            author=authors.get(row.get("author_id", 0), ""),
            created=_moment(row.get("created_at")),
            up=(count + votes) // 2,
            down=(count - votes) // 2,
            labels=tuple(row.get("label_names") or ()),
            is_internal=row.get("user_segment_id") is not None,
            is_promoted=bool(row.get("promoted")),
            order=float(row.get("position") or 0),
            old_urls=tuple(redirects.get(key, ())),
            files=tuple(self._files(key)),
        )

    def _files(self, key: str) -> Iterator[ForeignFile]:
        """The files beside an article; pictures inside of it are found in its text."""
        path = f"{HC}/articles/{key}/attachments/block.json"
        for row in self._api.pages(path, "article_attachments", per_page=PAGE):
            yield ForeignFile(str(row["file_name"]), str(row["content_url"]))

    def _redirects(self) -> Mapping[str, list[str]]:
        """Old addresses by the key of the article that they lead to."""
        found: dict[str, list[str]] = defaultdict(list)
        query: dict[str, object] = {"page[size]": PAGE}
        while True:
            answer = self._api.json("api/v2/guide/redirect_rules", **query)
            for row in (answer or {}).get("records", ()):
                target = str(row.get("redirect_to") or "")
                key = target.rpartition("/articles/")[2].partition("-")[0]
                if key.isdigit():
                    found[key].append(str(row["redirect_from"]))
                else:
                    self._notes.append(f"redirect to no article: {row.get('redirect_from')}")
            meta = (answer or {}).get("meta") or {}
            if not meta.get("has_more"):
                return found
            query["page[after]"] = meta["after_cursor"]

    def file(self, url: str, place: str) -> bytes | None:
        """A picture or file of the help centre or another host."""
        return self._api.file(url)

    def unmapped(self) -> Iterator[str]:
        """Redirects to pages that are no articles."""
        yield from self._notes


def _text(key: str, row: Mapping[str, Any]) -> ForeignText:
    return ForeignText(
        lang=_lang(row.get("locale")),
        title=str(row.get("title") or ""),
        body=str(row.get("body") or ""),
        url=str(row.get("html_url") or ""),
        updated=_moment(row.get("edited_at") or row.get("updated_at")),
        is_draft=bool(row.get("draft")),
        old_urls=(f"/hc/{row.get('locale')}/articles/{key}",),
    )


def _titles(row: Mapping[str, Any]) -> dict[str, str]:
    rows = row.get("translations") or [row]
    return {
        _lang(one.get("locale")): str(one.get("title") or one.get("name") or "") for one in rows
    }


def _below(category: str, title: str) -> str:
    return f"{category}: {title}" if category and category != title else title


def _lang(locale: Any) -> str:
    """The language of a locale: en for en-us."""
    return str(locale or "").lower().partition("-")[0] or "en"


def _moment(value: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00")) if value else None
    except ValueError:
        return None
