"""Help Scout's Docs API v1, with one site.

Shapes: developer.helpscout.com/docs-api (Overview; Collections, Categories, Articles, Redirects;
objects Collection, Category, ArticleRef, Article, Redirect, Site). Lists of articles have no text.
A site has one language: only the original of an entry is there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from tests.vendors.addressing import (
    Targets,
    ascii_slug,
    hex_id,
    link_writer,
    numbers,
    picture_writer,
    pictures_of,
    stamp,
)
from tests.vendors.content import EPOCH, Category, Entry, HelpCentre, Section, Text
from tests.vendors.html_writer import Dialect, write_html
from tests.vendors.server import Api, BaseUrl, Reply, Request, answer, page_of, serve_api

TOKEN = "hs-key-123"
SITE = hex_id("site", "site")
PER_PAGE, MOST = 50, 100
COLOURS = {"note": "blue", "tip": "green", "warning": "yellow", "danger": "red"}
Row = dict[str, Any]


def callout(kind: str, inner: str) -> str:
    return f'<section class="callout-{COLOURS[kind]}">\n<p>{inner}</p>\n</section>'


class Desk:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base = centre, base
        self.numbers = {key: number // 17 for key, number in numbers(centre, 17).items()}

    def path(self, key: str, _lang: str = "") -> str:
        name = ascii_slug(self.centre.by_key[key].original.title)
        return f"/article/{self.numbers[key]}" + (f"-{name}" if name else "")

    def media_path(self, entry: Entry, name: str) -> str:
        article = hex_id("article", entry.key)
        file = hex_id("file", name, 12)
        return f"/docs/assets/{SITE}/images/{article}/file-{file}{name[name.rfind('.') :]}"

    def body(self, entry: Entry, text: Text) -> str:
        targets = Targets(
            article=self.path,
            section=lambda key, _lang: f"/category/{self.numbers[key]}-{key}",
            category=lambda key, _lang: f"/collection/{self.numbers[key]}-{key}",
            missing=lambda name, _lang: f"/article/99999-{name}",
        )
        dialect = Dialect(
            link=link_writer(self.base, text.lang, targets),
            picture=picture_writer(self.base, lambda name: self.media_path(entry, name)),
            file=lambda name: self.base + quote(self.media_path(entry, name)),
            pictures=pictures_of(text),
            callout=callout,
        )
        return write_html(text.blocks, dialect)

    def changed(self, created: str, updated: str, author: str) -> Row:
        number = self.numbers[author]
        return {
            "createdBy": number,
            "updatedBy": number,
            "createdAt": created,
            "updatedAt": updated,
        }

    def article_ref(self, entry: Entry) -> Row:
        section = self.centre.sections_by_key[entry.section]
        return {
            "id": hex_id("article", entry.key),
            "number": self.numbers[entry.key],
            "collectionId": hex_id("collection", section.category),
            "slug": ascii_slug(entry.original.title),
            "status": "notpublished" if entry.draft else "published",
            "hasDraft": False,
            "name": entry.original.title,
            "publicUrl": self.base + self.path(entry.key),
            "popularity": 4.3,
            "viewCount": (entry.up + entry.down) * 12,
            **self.changed(stamp(entry.created), stamp(entry.original.updated), entry.mail),
            "lastPublishedAt": None if entry.draft else stamp(entry.original.updated),
        }

    def article(self, entry: Entry) -> Row:
        return self.article_ref(entry) | {
            "text": self.body(entry, entry.original),
            "categories": [hex_id("category", entry.section)],
            "related": [],
            "keywords": list(entry.labels),
        }

    def group(self, kind: str, group: Category | Section, entries: Sequence[Entry]) -> Row:
        published = [entry for entry in entries if not entry.draft]
        order = self.centre.groups.index(group)
        return {
            "id": hex_id(kind, group.key),
            "number": self.numbers[group.key],
            "slug": group.key,
            "visibility": "private" if getattr(group, "internal", False) else "public",
            "order": order,
            "name": group.title["ja"],
            "description": group.description["ja"] if isinstance(group, Category) else None,
            "articleCount": len(entries),
            "publishedArticleCount": len(published),
            "publicUrl": f"{self.base}/{kind}/{self.numbers[group.key]}-{group.key}",
            **self.changed(stamp(EPOCH), stamp(EPOCH), next(iter(self.centre.authors))),
        }

    def in_category(self, key: str) -> list[Entry]:
        return [entry for one in self.centre.sections_of(key) for entry in self.of(one.key)]

    def of(self, section: str) -> list[Entry]:
        return self.centre.in_section(section)

    def collections(self) -> list[Row]:
        return [
            self.group("collection", one, self.in_category(one.key)) | {"siteId": SITE}
            for one in self.centre.categories
        ]

    def categories(self, collection: str) -> list[Row]:
        found = [
            section
            for section in self.centre.sections
            if hex_id("collection", section.category) == collection
        ]
        return [
            self.group("category", one, self.of(one.key))
            | {"collectionId": collection, "defaultSort": "custom"}
            for one in found
        ]

    def redirects(self) -> list[Row]:
        rows: list[Row] = []
        for entry in self.centre.entries:
            for path in entry.old_paths:
                row = {
                    "id": hex_id("redirect", path),
                    "siteId": SITE,
                    "urlMapping": path,
                    "documentId": hex_id("article", entry.key),
                    "type": "article",
                    "redirect": self.base + self.path(entry.key),
                    "anchor": None,
                    "createdBy": self.numbers[entry.mail],
                    "modifiedBy": self.numbers[entry.mail],
                    "createdAt": stamp(entry.created),
                    "modifiedAt": stamp(entry.created),
                }
                rows.append(row)
        return rows

    def site(self) -> Row:
        return {
            "id": SITE,
            "status": "active",
            "subDomain": "kb",
            "cname": None,
            "hasPublicSite": True,
            "companyName": "Example",
            "title": "ヘルプ",
        }


class Views:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.desk = centre, Desk(centre, base)
        self.entries = {hex_id("article", entry.key): entry for entry in centre.entries}
        self.by_number = {str(self.desk.numbers[one.key]): one for one in centre.entries}

    def listed(
        self, request: Request, name: str, rows: Sequence[Row], size: int = PER_PAGE
    ) -> Reply:
        page = request.number("page", 1)
        part, pages = page_of(rows, page, size)
        data = {"page": page, "pages": pages, "count": len(rows), "items": part}
        return answer({name: data}, headers={"Correlation-Id": "000-test"})

    def sites(self, request: Request, _match: re.Match[str]) -> Reply:
        return self.listed(request, "sites", [self.desk.site()])

    def collections(self, request: Request, _match: re.Match[str]) -> Reply:
        rows = self.desk.collections()
        if wanted := request.query.get("visibility", "all").removeprefix("all"):
            rows = [row for row in rows if row["visibility"] == wanted]
        return self.listed(request, "collections", rows)

    def collection(self, _request: Request, match: re.Match[str]) -> Reply:
        found = [row for row in self.desk.collections() if row["id"] == match["id"]]
        return answer({"collection": found[0]}) if found else GONE

    def categories(self, request: Request, match: re.Match[str]) -> Reply:
        return self.listed(request, "categories", self.desk.categories(match["id"]))

    def category(self, _request: Request, match: re.Match[str]) -> Reply:
        rows = [row for one in self.desk.collections() for row in self.desk.categories(one["id"])]
        found = [row for row in rows if row["id"] == match["id"]]
        return answer({"category": found[0]}) if found else GONE

    def articles(self, request: Request, match: re.Match[str]) -> Reply:
        kind, number = match["kind"], match["id"]
        found: list[Entry] = []
        for section in self.centre.sections:
            ids = (hex_id("collection", section.category), hex_id("category", section.key))
            if ids[kind == "categories"] == number:
                found += self.desk.of(section.key)
        rows = [self.desk.article_ref(entry) for entry in found]
        if wanted := request.query.get("status", "all").removeprefix("all"):
            rows = [row for row in rows if row["status"] == wanted]
        size = request.number("pageSize", PER_PAGE, MOST)
        return self.listed(request, "articles", rows, size)

    def article(self, _request: Request, match: re.Match[str]) -> Reply:
        entry = self.entries.get(match["id"]) or self.by_number.get(match["id"])
        return answer({"article": self.desk.article(entry)}) if entry else GONE

    def redirects(self, request: Request, match: re.Match[str]) -> Reply:
        rows = self.desk.redirects() if match["site"] == SITE else []
        return self.listed(request, "redirects", rows)

    def redirect(self, _request: Request, match: re.Match[str]) -> Reply:
        found = [row for row in self.desk.redirects() if row["id"] == match["id"]]
        return answer({"redirect": found[0]}) if found else GONE

    def routes(self) -> Any:
        some = r"(?P<id>[0-9a-f]+)"
        return [
            (r"/v1/sites", self.sites),
            (r"/v1/collections", self.collections),
            (rf"/v1/collections/{some}", self.collection),
            (rf"/v1/collections/{some}/categories", self.categories),
            (rf"/v1/categories/{some}", self.category),
            (rf"/v1/(?P<kind>collections|categories)/{some}/articles", self.articles),
            (rf"/v1/articles/{some}", self.article),
            (r"/v1/redirects/site/(?P<site>[0-9a-f]+)", self.redirects),
            (rf"/v1/redirects/{some}", self.redirect),
        ]


GONE = answer({"code": 404, "error": "Not found"}, 404)


def make_api(centre: HelpCentre, base: str) -> Api:
    views = Views(centre, base)
    return Api(
        routes=views.routes(),
        files={
            views.desk.media_path(entry, one.name): one.bytes
            for entry in centre.entries
            for one in entry.media
        },
        allows=lambda request: (request.basic() or ("",))[0] == TOKEN,
        denied=answer({"code": 401, "error": "Invalid API key"}, 401),
        throttled=answer(
            {"code": 429, "error": "Throttle limit reached"}, 429, {"Retry-After": "1"}
        ),
        not_found=GONE,
        addresses={
            f"{entry.key}/{entry.original.lang}": base + views.desk.path(entry.key)
            for entry in centre.entries
        },
    )


def serve(
    centre: HelpCentre, *, cut_after: int | None = None, throttle_at: int | None = 3
) -> AbstractContextManager[BaseUrl]:
    """Basic authentication: TOKEN as the user, anything as the password. Paths begin with /v1."""
    return serve_api(
        lambda base: make_api(centre, base), cut_after=cut_after, throttle_at=throttle_at
    )
