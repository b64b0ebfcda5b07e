"""The export of a Document360 project: a ZIP file or its folder, as JSON or as Markdown.

Each workspace has an index of its categories and articles. An article in JSON is a list of its
languages; in Markdown it has one, and begins with lines of its language, title and slug.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from kb_app.transfer.model import (
    MAX_BODY,
    MAX_FILE,
    ForeignArticle,
    ForeignSection,
    ForeignText,
    TransferError,
)
from kb_app.transfer.sources.document360_text import (
    FILE,
    anchors_of,
    in_html,
    in_markdown,
    with_head,
)
from kb_app.transfer.sources.export_files import ExportFiles
from kb_app.transfer.sources.values import (
    Lost,
    Row,
    below,
    first_per_language,
    language,
    linked_files,
    nested,
    number,
    row,
    rows,
    text,
    texts,
)

INDEX = "_categories_articles.json"
MARKDOWN = 0
MAX_INDEX = 64 * 1024 * 1024
_PAGE = re.compile(r"(https?://[^/\s\"'()<>]+)/(?:[\w.-]+/)?docs/(?:[a-z-]{2,6}/)?([\w.%-]+)")
Chain = tuple[Row, ...]


class Document360Export:
    """One export."""

    name = "document360"

    def __init__(self, folder: Path) -> None:
        self._files = ExportFiles(folder)
        self._lost = Lost()

    def sections(self) -> Iterator[ForeignSection]:
        """All categories, named with those above them."""
        order = 0
        for root, index in self._indexes.items():
            first = "" if len(self._indexes) == 1 else text(index.get("Workspace")) or root
            for chain in nested(rows(index.get("Categories")), "Order", "SubCategories"):
                names = [_titles(one, _default(index)) for one in chain]
                titles = {
                    lang: below((first, *(one.get(lang, "") for one in names)))
                    for lang in names[-1]
                }
                yield ForeignSection(text(chain[-1].get("Id")), titles, order=order)
                order += 1

    def articles(self) -> Iterator[ForeignArticle]:
        """All articles and pages of categories, in the languages that the export has."""
        for root, index in self._indexes.items():
            for chain in nested(rows(index.get("Categories")), "Order", "SubCategories"):
                page, last = chain[-1].get("Path"), chain[-1]
                if page:
                    yield from self._article(last, f"{root}categories/{page}", chain, index, -1)
                for one in rows(last.get("Articles")):
                    place = f"{root}articles/{one.get('Path')}"
                    yield from self._article(one, place, chain, index, number(one.get("Order")))

    def file(self, url: str, place: str) -> bytes | None:
        """A picture or file that the export holds, by the end of its address."""
        try:
            path = unquote(urlsplit(url).path)
        except ValueError:
            return None
        name = PurePosixPath(path).name
        inside = path.partition("/Images/Documentation/")[2] or name
        known = self._media.get(f"Media/Images/{inside}") or self._media.get(f"/{name}")
        return self._files.read(known, MAX_FILE) if known else None

    def unmapped(self) -> Iterator[str]:
        """What was there and has no place here, and what no export holds."""
        yield from self._lost
        yield "authors, dates, tags, drafts, hidden articles: the export does not say them"
        yield "addresses of categories without a page: only those of articles lead on"

    # --- files ---------------------------------------------------------------------------------

    @cached_property
    def _indexes(self) -> Mapping[str, Row]:
        """What each workspace holds, by its folder."""
        names = sorted(name for name in self._files.names if name.endswith(INDEX))
        found = {
            name.rpartition("/")[0] + "/" if "/" in name else "": row(self._json(name, MAX_INDEX))
            for name in names
        }
        if not found:
            raise TransferError(
                f"{self._files.path} holds no *{INDEX}. Is it Document360's export?"
            )
        return found

    @cached_property
    def _media(self) -> Mapping[str, str]:
        """Files of the export by the end of their path; a name that several have is left out."""
        names = [name for name in self._files.names if "Media/" in name]
        counts = Counter(PurePosixPath(name).name for name in names)
        known = {f"Media/{name.rpartition('Media/')[2]}": name for name in names}
        alone = {f"/{PurePosixPath(name).name}": name for name in names}
        return known | {end: name for end, name in alone.items() if counts[end[1:]] == 1}

    @cached_property
    def _host(self) -> str:
        """The help centre's address, which the export does not say: what its links lead to most."""
        places = [name for name in self._files.names if name.endswith((".md", ".json"))]
        known = {PurePosixPath(name).stem for name in places}
        counts: Counter[str] = Counter()
        for name in places[:2000]:
            body = (self._files.read(name, MAX_BODY) or b"").decode("utf-8", "replace")
            counts.update(host for host, slug in _PAGE.findall(body) if unquote(slug) in known)
        return counts.most_common(1)[0][0] if counts else ""

    def _json(self, name: str, most: int) -> Any:
        try:
            return orjson.loads((self._files.read(name, most) or b"").removeprefix(b"\xef\xbb\xbf"))
        except orjson.JSONDecodeError:
            self._lost.add("files that cannot be read: they are no JSON, or too large")
            return None

    # --- articles ------------------------------------------------------------------------------

    def _article(
        self, one: Row, place: str, chain: Chain, index: Row, order: float | None
    ) -> Iterator[ForeignArticle]:
        variants = self._variants(place)
        first = _default(index)
        variants.sort(key=lambda variant: language(variant.get("Code")) != language(first))
        made = tuple(self._text(variant, first, index) for variant in variants)
        slug, known = text(variants[0].get("Slug")) if variants else "", {one.lang for one in made}
        missing = (loc for loc in texts(index.get("Languages")) if language(loc) not in known)
        if made:
            yield ForeignArticle(
                key=text(one.get("Id")) or PurePosixPath(place).stem,
                section=text(chain[-1].get("Id")),
                texts=first_per_language(made, self._lost),
                order=order,
                old_urls=tuple(_page(locale, first, slug) for locale in missing if slug),
                files=linked_files((each.body for each in made), FILE),
            )

    def _variants(self, place: str) -> list[Row]:
        """An article in each of its languages."""
        if place.endswith(".json"):
            return rows(self._json(place, MAX_FILE))
        content = self._files.read(place, MAX_BODY) if place.endswith(".md") else None
        if content is None:
            self._lost.add("articles without a file: export as JSON or Markdown")
            return []
        body = content.decode("utf-8-sig", "replace").replace("\r\n", "\n")
        return [with_head(body, PurePosixPath(place).stem)]

    def _text(self, variant: Row, first: str, index: Row) -> ForeignText:
        is_markdown = variant.get("ContentType") == MARKDOWN
        change = in_markdown if is_markdown else in_html
        body = change(text(variant.get("Content")), self._lost)
        code, slug = text(variant.get("Code")) or first, text(variant.get("Slug"))
        page, place = _page(code, first, slug), text(index.get("Slug"))
        return ForeignText(
            lang=language(code),
            title=text(variant.get("Title")),
            body=body,
            url=f"{self._host}{page}" if slug else "",
            is_markdown=is_markdown,
            summary=text(variant.get("Description")),
            old_urls=(f"/{place}{page}",) if place and slug else (),
            anchors=anchors_of(body) if is_markdown else None,
        )


def _page(locale: str, first: str, slug: str) -> str:
    start = "" if language(locale) == language(first) else f"{locale}/"
    return f"/docs/{start}{slug}"


def _default(index: Row) -> str:
    return next(iter(texts(index.get("Languages"))), "en")


def _titles(one: Row, first: str) -> dict[str, str]:
    found = {language(first): text(one.get("Title"))}
    for given in rows(one.get("Languages")):
        found[language(given.get("Code"))] = text(given.get("Title"))
    return {lang: title for lang, title in found.items() if title}
