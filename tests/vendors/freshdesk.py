"""Freshdesk's Solutions API, with the account's primary language Japanese.

Shapes: developers.freshdesk.com/api, "Solution Category", "Solution Folder", "Solution Article",
"Agents", "Pagination" and "Rate Limit". Every article has a version in the primary language, so an
entry that is only in English is that version, in English.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from tests.vendors.addressing import (
    Targets,
    link_writer,
    numbers,
    picture_writer,
    pictures_of,
    slug,
    stamp,
)
from tests.vendors.content import EPOCH, Category, Entry, HelpCentre, Section, Text
from tests.vendors.html_writer import Dialect, write_html
from tests.vendors.server import Api, BaseUrl, Reply, Request, answer, page_of, serve_api, url

TOKEN = "fd-key-123"
PRIMARY = "ja"
PER_PAGE, MOST = 30, 100
DRAFT, PUBLISHED = 1, 2
EVERYONE = 1
RESTRICTED = (3, 2, 4)
"""Agents, logged in users, selected companies: the internal sections take turns."""
SOLUTIONS = "/api/v2/solutions"
LANG = r"(?:/(?P<lang>[a-z]{2}))?"
Row = dict[str, Any]


class Desk:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base = centre, base
        self.ids = numbers(centre, 36000100000)
        self.keys = {number: key for key, number in self.ids.items()}
        internal = [section.key for section in centre.sections if section.internal]
        self.restricted = {key: RESTRICTED[i % 3] for i, key in enumerate(internal)}

    def version(self, entry: Entry, lang: str) -> Text | None:
        """The primary version is in the primary language where there is one, else the original."""
        if lang == PRIMARY:
            return entry.text(PRIMARY) or entry.original
        other = entry.text(lang)
        return other if other and entry.text(PRIMARY) else None

    def path(self, key: str, lang: str) -> str:
        entry = self.centre.by_key[key]
        text = self.version(entry, lang)
        name = slug(text.title) if text else ""
        return f"/{lang}/support/solutions/articles/{self.ids[key]}" + (f"-{name}" if name else "")

    def attachment_path(self, name: str) -> str:
        number = sum(name.encode()) * 1009
        return f"/data/helpdesk/attachments/production/{number}/original/{name}"

    def body(self, text: Text) -> str:
        targets = Targets(
            article=self.path,
            section=lambda key, lang: f"/{lang}/support/solutions/folders/{self.ids[key]}",
            category=lambda key, lang: f"/{lang}/support/solutions/{self.ids[key]}",
            missing=lambda name, lang: f"/{lang}/support/solutions/articles/99999-{name}",
        )
        dialect = Dialect(
            link=link_writer(self.base, text.lang, targets),
            picture=picture_writer(self.base, self.attachment_path, "?1609459200"),
            file=lambda name: self.base + quote(self.attachment_path(name)),
            pictures=pictures_of(text),
        )
        return write_html(text.blocks, dialect)

    def hierarchy(self, section: Section, lang: str) -> list[Row]:
        category = next(c for c in self.centre.categories if c.key == section.category)
        chain: list[tuple[str, Category | Section]] = [("category", category), ("folder", section)]
        return [
            {
                "level": level,
                "type": kind,
                "data": {"id": self.ids[one.key], "name": one.title[lang], "language": lang},
            }
            for level, (kind, one) in enumerate(chain)
        ]

    def article(self, entry: Entry, lang: str, *, whole: bool) -> Row | None:
        text = self.version(entry, lang)
        if not text:
            return None
        section = self.centre.sections_by_key[entry.section]
        body = self.body(text)
        primary = lang == PRIMARY
        row: Row = {
            "id": self.ids[entry.key],
            "type": 1,
            "category_id": self.ids[section.category],
            "folder_id": self.ids[section.key],
            "hierarchy": self.hierarchy(section, lang),
            "thumbs_up": entry.up if primary else entry.up // 3,
            "thumbs_down": entry.down if primary else entry.down // 3,
            "hits": (entry.up + entry.down) * 12,
            "tags": list(entry.labels),
            "seo_data": {"meta_title": text.title, "meta_keywords": ", ".join(entry.labels)},
            "agent_id": self.ids[entry.mail],
            "title": text.title,
            "description": body,
            "description_text": re.sub(r"<[^>]+>", " ", body),
            "status": DRAFT if entry.draft else PUBLISHED,
            "created_at": stamp(entry.created),
            "updated_at": stamp(text.updated),
        }
        if whole:
            row |= {"attachments": self.attachments(entry), "cloud_files": []}
        return row

    def attachments(self, entry: Entry) -> list[Row]:
        return [
            {
                "id": self.ids[entry.key] * 10 + i,
                "name": one.name,
                "content_type": "application/octet-stream",
                "size": len(one.bytes),
                "created_at": stamp(entry.created),
                "updated_at": stamp(entry.created),
                "attachment_url": self.base + quote(self.attachment_path(one.name)),
            }
            for i, one in enumerate(entry.files)
        ]

    def category(self, category: Category, lang: str) -> Row:
        return {
            "id": self.ids[category.key],
            "name": category.title[lang],
            "description": category.description[lang],
            "visible_in_portals": [1],
            "created_at": stamp(EPOCH),
            "updated_at": stamp(EPOCH),
        }

    def folder(self, section: Section, lang: str) -> Row:
        row: Row = {
            "id": self.ids[section.key],
            "name": section.title[lang],
            "description": None,
            "parent_folder_id": None,
            "hierarchy": self.hierarchy(section, lang),
            "articles_count": len(self.centre.in_section(section.key)),
            "sub_folders_count": 0,
            "visibility": self.restricted.get(section.key, EVERYONE),
            "created_at": stamp(EPOCH),
            "updated_at": stamp(EPOCH),
        }
        if row["visibility"] == 4:
            row["company_ids"] = [1]
        return row

    def agents(self) -> list[Row]:
        return [
            {
                "id": self.ids[mail],
                "available": True,
                "occasional": False,
                "type": "support_agent",
                "contact": {"active": True, "email": mail, "name": name, "language": "ja"},
            }
            for mail, name in self.centre.authors.items()
        ]


class Views:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base, self.desk = centre, base, Desk(centre, base)

    def listed(
        self, request: Request, items: Sequence[Any], build: Callable[[Any], Row | None]
    ) -> Reply:
        """A bare array; the Link header says where the next page is, when there is one."""
        size, page = request.number("per_page", PER_PAGE, MOST), request.number("page", 1)
        part, pages = page_of(items, page, size)
        headers = {"X-RateLimit-Total": "400", "X-RateLimit-Remaining": "399"}
        if page < pages:
            following = url(self.base, request.path, per_page=size, page=page + 1)
            headers["Link"] = f'<{following}>; rel="next"'
        return answer([build(item) for item in part], headers=headers)

    def categories(self, request: Request, match: re.Match[str]) -> Reply:
        lang = match["lang"] or PRIMARY
        return self.listed(
            request, self.centre.categories, lambda one: self.desk.category(one, lang)
        )

    def category(self, _request: Request, match: re.Match[str]) -> Reply:
        key = self.desk.keys.get(int(match["id"]))
        found = [one for one in self.centre.categories if one.key == key]
        return answer(self.desk.category(found[0], match["lang"] or PRIMARY)) if found else GONE

    def folders(self, request: Request, match: re.Match[str]) -> Reply:
        lang = match["lang"] or PRIMARY
        key = self.desk.keys.get(int(match["id"]), "")
        found = self.centre.sections_of(key)
        return self.listed(request, found, lambda one: self.desk.folder(one, lang))

    def folder(self, _request: Request, match: re.Match[str]) -> Reply:
        key = self.desk.keys.get(int(match["id"]), "")
        section = self.centre.sections_by_key.get(key)
        return answer(self.desk.folder(section, match["lang"] or PRIMARY)) if section else GONE

    def subfolders(self, request: Request, _match: re.Match[str]) -> Reply:
        return self.listed(request, [], lambda one: one)

    def articles(self, request: Request, match: re.Match[str]) -> Reply:
        lang = match["lang"] or PRIMARY
        found = self.centre.in_section(self.desk.keys.get(int(match["id"]), ""))
        found = [entry for entry in found if self.desk.version(entry, lang)]
        return self.listed(request, found, lambda one: self.desk.article(one, lang, whole=False))

    def article(self, _request: Request, match: re.Match[str]) -> Reply:
        key = self.desk.keys.get(int(match["id"]), "")
        entry = self.centre.by_key.get(key)
        row = entry and self.desk.article(entry, match["lang"] or PRIMARY, whole=True)
        return answer(row) if row else GONE

    def agents(self, request: Request, _match: re.Match[str]) -> Reply:
        return self.listed(request, self.desk.agents(), lambda one: one)

    def agent(self, _request: Request, match: re.Match[str]) -> Reply:
        found = [one for one in self.desk.agents() if one["id"] == int(match["id"])]
        return answer(found[0]) if found else GONE

    def settings(self, _request: Request, _match: re.Match[str]) -> Reply:
        return answer(
            {
                "primary_language": PRIMARY,
                "supported_languages": ["en"],
                "portal_languages": ["en"],
            }
        )


GONE = Reply(404)
"""Freshdesk answers 404 without a body."""


def make_api(centre: HelpCentre, base: str) -> Api:
    views = Views(centre, base)
    desk = views.desk
    number = r"(?P<id>\d+)"
    return Api(
        routes=[
            (rf"{SOLUTIONS}/categories{LANG}", views.categories),
            (rf"{SOLUTIONS}/categories/{number}{LANG}", views.category),
            (rf"{SOLUTIONS}/categories/{number}/folders{LANG}", views.folders),
            (rf"{SOLUTIONS}/folders/{number}{LANG}", views.folder),
            (rf"{SOLUTIONS}/folders/{number}/subfolders{LANG}", views.subfolders),
            (rf"{SOLUTIONS}/folders/{number}/articles{LANG}", views.articles),
            (rf"{SOLUTIONS}/articles/{number}{LANG}", views.article),
            (r"/api/v2/agents", views.agents),
            (rf"/api/v2/agents/{number}", views.agent),
            (r"/api/v2/settings/helpdesk", views.settings),
        ],
        files={
            desk.attachment_path(one.name): one.bytes
            for entry in centre.entries
            for one in entry.media
        },
        allows=lambda request: (request.basic() or ("",))[0] == TOKEN,
        denied=answer(
            {
                "code": "invalid_credentials",
                "message": "You have to be logged in to perform this action.",
            },
            401,
        ),
        throttled=answer(
            {"message": "You have exceeded the limit of requests per hour"},
            429,
            {"Retry-After": "1"},
        ),
        not_found=GONE,
        addresses={
            f"{entry.key}/{text.lang}": base + quote(desk.path(entry.key, lang))
            for entry in centre.entries
            for text in entry.texts
            for lang in [text.lang if entry.text(PRIMARY) else PRIMARY]
        },
    )


def serve(
    centre: HelpCentre, *, cut_after: int | None = None, throttle_at: int | None = 3
) -> AbstractContextManager[BaseUrl]:
    """Basic authentication: TOKEN as the user, anything as the password."""
    return serve_api(
        lambda base: make_api(centre, base), cut_after=cut_after, throttle_at=throttle_at
    )
