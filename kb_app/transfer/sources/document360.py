"""Document360: its API v2 (apihub.document360.io). The other one is its export."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from kb_app.transfer.http_api import Api, RefusedError
from kb_app.transfer.model import ForeignArticle, ForeignSection, ForeignText, TransferError
from kb_app.transfer.sources.document360_export import Document360Export
from kb_app.transfer.sources.document360_text import FILE, anchors_of, in_html, in_markdown
from kb_app.transfer.sources.values import (
    Lost,
    Row,
    Signed,
    below,
    first_per_language,
    language,
    linked_files,
    moment,
    nested,
    number,
    origin,
    row,
    rows,
    text,
    texts,
)

__all__ = ["Document360", "Document360Export"]
MARKDOWN, PUBLISHED, PAGE_CATEGORY = 0, 3, 1
Chain = tuple[Row, ...]


class Document360:
    """One project, with all its workspaces. ``token`` is an API token that may read."""

    name = "document360"

    def __init__(self, url: str, token: str, kept: Path) -> None:
        self._api = Api(origin(url), kept, {"api_token": token})
        self._signed = Signed()
        self._lost = Lost()

    def sections(self) -> Iterator[ForeignSection]:
        """All categories, named with those above them."""
        order = 0
        for version in self._versions:
            names = {locale: self._names(version, locale) for locale in _locales(version)}
            first = "" if len(self._versions) == 1 else _name(version)
            for chain in self._chains(version):
                keys = [text(one.get("id")) for one in chain]
                titles = {
                    language(locale): below((first, *(known.get(one, "") for one in keys)))
                    for locale, known in names.items()
                    if known.get(keys[-1])
                }
                about = {next(iter(titles), "en"): text(chain[-1].get("description"))}
                yield ForeignSection(keys[-1], titles, about, order)
                order += 1

    def articles(self) -> Iterator[ForeignArticle]:
        """All articles, and pages of categories, with their translations and tags."""
        done: set[str] = set()
        for version in self._versions:
            for chain in self._chains(version):
                last = chain[-1]
                pages = [last] if last.get("category_type") == PAGE_CATEGORY else []
                for listed in (*pages, *rows(last.get("articles"))):
                    key = text(listed.get("id"))
                    if key and key not in done:
                        done.add(key)
                        yield from self._article(key, version, chain, is_page=listed is last)

    def file(self, url: str, place: str) -> bytes | None:
        """A picture or file of Document360 or another host."""
        return self._api.file(self._signed.whole(url))

    def unmapped(self) -> Iterator[str]:
        """What was there and has no place here."""
        yield from self._lost
        yield "votes: the API does not have them"
        yield "related articles: they are not imported"
        yield "titles for search engines: they are not imported"
        yield "addresses of categories without a page: only those of articles lead on"

    # --- lists ---------------------------------------------------------------------------------

    def _data(self, path: str, name: str = "data", **query: object) -> Any:
        """What an answer holds; None where the API refuses just this."""
        try:
            return row(self._api.json(f"v2/{path}", **query)).get(name)
        except RefusedError as error:
            if error.status == 401:
                raise
            self._lost.add("articles: the API refuses some of them, or their settings")
            return None

    @cached_property
    def _versions(self) -> list[Row]:
        """The workspaces that hold articles, the main one first."""
        found = rows(row(self._api.json("v2/ProjectVersions")).get("data"))
        if not found:
            raise TransferError(f"{self._api.base} names no workspace. Is it Document360's API?")
        kept = [one for one in found if one.get("version_type") in (0, None)]
        self._lost.add("API references: they are no articles, and left out", len(found) - len(kept))
        return sorted(kept, key=lambda one: not one.get("is_main_version"))

    def _chains(self, version: Row) -> Iterator[Chain]:
        path = f"ProjectVersions/{version.get('id')}/categories"
        query = {"excludeArticles": "false", "langCode": _locales(version)[0]}
        return nested(rows(self._data(path, **query)), "order", "child_categories")

    def _names(self, version: Row, locale: str) -> Mapping[str, str]:
        path = f"ProjectVersions/{version.get('id')}/categories"
        found = rows(self._data(path, excludeArticles="true", langCode=locale))
        chains = nested(found, "order", "child_categories")
        return {text(one[-1].get("id")): text(one[-1].get("name")) for one in chains}

    # --- articles ------------------------------------------------------------------------------

    def _article(
        self, key: str, version: Row, chain: Chain, *, is_page: bool
    ) -> Iterator[ForeignArticle]:
        found = {locale: self._version(key, locale, is_page) for locale in _locales(version)}
        own = {
            loc: one for loc, one in found.items() if one and not one.get("is_fall_back_content")
        }
        kept = own or {loc: one for loc, one in found.items() if one}
        if not kept:
            return
        first, original = next(iter(kept.items()))
        kind = "Categories" if is_page else "Articles"
        settings = row(self._data(f"{kind}/{key}/{first}/settings"))
        about = {first: text(settings.get("description"))}
        made = tuple(self._text(one, loc, version, about) for loc, one in kept.items())
        shown = (text(one.get("url")) for loc, one in found.items() if loc not in kept)
        yield ForeignArticle(
            key=key,
            section=text(chain[-1].get("id")),
            texts=first_per_language(made, self._lost),
            author=_author(original),
            created=moment(original.get("created_at")),
            labels=texts(settings.get("tags")),
            is_internal=any(one.get("hidden") for one in (*chain, original))
            or version.get("is_public") is False,
            order=-1 if is_page else number(original.get("order")),
            old_urls=tuple(filter(None, shown)),
            files=linked_files((one.body for one in made), FILE),
        )

    def _version(self, key: str, locale: str, is_page: bool) -> Row:
        """An article in a language, as it is published, with its snippets and variables."""
        path = f"Categories/{key}/content/{locale}" if is_page else f"Articles/{key}/{locale}"
        name = "category" if is_page else "data"
        return row(self._data(path, name, isForDisplay="true", isPublished="true"))

    def _text(self, one: Row, locale: str, version: Row, about: Mapping[str, str]) -> ForeignText:
        markdown, html = text(one.get("content")), text(one.get("html_content"))
        is_markdown = bool(markdown) and one.get("content_type") in (MARKDOWN, None)
        raw = markdown if is_markdown else html or text(one.get("block_content")) or markdown
        change = in_markdown if is_markdown else in_html
        body = self._signed.plain(change(raw, self._lost))
        slug, place = text(one.get("slug")), text(version.get("slug"))
        start = "" if locale == _locales(version)[0] else f"{locale}/"
        usual = f"/docs/{start}{slug}" if slug else ""
        return ForeignText(
            lang=language(locale),
            title=text(one.get("title")),
            body=body,
            url=text(one.get("url")) or usual,
            updated=moment(one.get("modified_at")),
            is_draft=one.get("status") not in (PUBLISHED, None) and not one.get("public_version"),
            is_markdown=is_markdown,
            summary=text(one.get("description")) or about.get(locale, ""),
            old_urls=(f"/{place}{usual}",) if place and usual else (),
            anchors=anchors_of(body) if is_markdown else None,
        )


def _locales(version: Row) -> list[str]:
    """The languages of a workspace, the one that texts are written in first."""
    found = [one for one in rows(version.get("language_versions")) if one.get("code")]
    ordered = sorted(found, key=lambda one: not one.get("set_as_default"))
    return [text(one.get("code")) for one in ordered] or ["en"]


def _name(version: Row) -> str:
    names = (version.get("version_code_name"), version.get("version_number"))
    return next(filter(None, map(text, names)), "")


def _author(one: Row) -> str:
    """Who began an article, else its first author."""
    authors = sorted(
        rows(one.get("authors")), key=lambda author: author.get("id") != one.get("created_by")
    )
    first = authors[0] if authors else {}
    name = f"{text(first.get('first_name'))} {text(first.get('last_name'))}"
    return text(first.get("email_id")) or name.strip()
