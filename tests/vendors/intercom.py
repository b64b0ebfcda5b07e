"""Intercom's Articles and Help Center APIs, version 2.14.

Shapes: intercom/Intercom-OpenAPI, descriptions/2.14 (articles, internal_articles, collections,
help_centers, admins); developers.intercom.com "Rate Limiting" and "Pagination". Statistics are only
in the answer for one article, not in lists. 429 has X-RateLimit-Reset, no Retry-After.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from tests.vendors.addressing import (
    Targets,
    hex_id,
    link_writer,
    numbers,
    original_language,
    picture_writer,
    pictures_of,
    slug,
)
from tests.vendors.content import EPOCH, Category, Entry, HelpCentre, Section, Text
from tests.vendors.html_writer import Dialect, write_html
from tests.vendors.server import Api, BaseUrl, Reply, Request, answer, page_of, serve_api, url

TOKEN = "ic-token-123"
WORKSPACE = "kb1234"
ARTICLES_PER_PAGE, COLLECTIONS_PER_PAGE, MOST = 25, 20, 250
SIGNED = "?expires=1789573500&signature=06847e99&req=dSUv"
COLOURS = {
    "note": "#e3e7fa80; border-color: #334bfa33",
    "tip": "#d7efdc80; border-color: #1bb15733",
    "warning": "#feedaf80; border-color: #fbc91633",
    "danger": "#fed9db80; border-color: #fa2f3f33",
}
Row = dict[str, Any]


def callout(kind: str, inner: str) -> str:
    style = f"background-color: {COLOURS[kind]};"
    return (
        f'<div class="intercom-interblocks-callout" style="{style}">'
        f'<p class="no-margin">{inner}</p></div>'
    )


class Desk:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base = centre, base
        self.ids = numbers(centre, 6870000)
        self.keys = {number: key for key, number in self.ids.items()}

    def path(self, key: str, lang: str) -> str:
        lang = original_language(self.centre, key, lang)
        text = self.centre.by_key[key].text(lang)
        name = slug(text.title).lower() if text else ""
        return f"/help/{lang}/articles/{self.ids[key]}" + (f"-{name}" if name else "")

    def group_path(self, key: str, lang: str) -> str:
        return f"/help/{lang}/collections/{self.ids[key]}-{key}"

    def media_path(self, name: str) -> str:
        return f"/i/o/{WORKSPACE}/{sum(name.encode()) * 1009}/{hex_id('media', name)}/{name}"

    def body(self, text: Text) -> str:
        targets = Targets(
            article=self.path,
            section=self.group_path,
            category=self.group_path,
            missing=lambda name, lang: f"/help/{lang}/articles/999999-{name}",
        )
        dialect = Dialect(
            link=link_writer(self.base, text.lang, targets),
            picture=picture_writer(self.base, self.media_path, SIGNED),
            file=lambda name: self.base + quote(self.media_path(name)) + SIGNED,
            pictures=pictures_of(text),
            callout=callout,
        )
        html = write_html(text.blocks, dialect)
        html = html.replace("<p>", '<p class="no-margin">')
        return re.sub(
            r'<p class="no-margin">(<img [^>]+>)</p>',
            r'<div class="intercom-container">\1</div>',
            html,
        )

    def content(self, entry: Entry, text: Text) -> Row:
        return {
            "title": text.title,
            "description": "",
            "body": self.body(text),
            "author_id": self.ids[entry.mail],
            "state": "draft" if entry.draft else "published",
            "created_at": int(entry.created.timestamp()),
            "updated_at": int(text.updated.timestamp()),
            "url": self.base + quote(self.path(entry.key, text.lang)),
        }

    def article(self, entry: Entry, *, whole: bool) -> Row:
        """Lists leave the statistics out."""
        parent = self.ids[entry.section]
        row: Row = {
            "type": "article",
            "id": str(self.ids[entry.key]),
            "workspace_id": WORKSPACE,
            "parent_id": parent,
            "parent_type": "collection",
            "parent_ids": [parent],
            "default_locale": entry.original.lang,
            "translated_content": {
                "type": "article_translated_content",
                **{
                    text.lang: {"type": "article_content", **self.content(entry, text)}
                    for text in entry.texts
                },
            },
            "tags": {
                "type": "tag.list",
                "tags": [
                    {"type": "tag", "id": str(sum(name.encode())), "name": name}
                    for name in entry.labels
                ],
            },
            **self.content(entry, entry.original),
        }
        row["updated_at"] = int(entry.updated.timestamp())
        if whole:
            row["statistics"] = self.statistics(entry)
        return row

    def statistics(self, entry: Entry) -> Row:
        """Votes only as a number of reactions and percentages of it."""
        reactions = entry.up + entry.down
        return {
            "type": "article_statistics",
            "views": reactions * 12,
            "conversions": 1,
            "reactions": reactions,
            "happy_reaction_percentage": 100 * entry.up / reactions if reactions else 0,
            "neutral_reaction_percentage": 0,
            "sad_reaction_percentage": 100 * entry.down / reactions if reactions else 0,
        }

    def internal_article(self, entry: Entry) -> Row:
        """One language, no state, no address, no parents."""
        return {
            "type": "internal_article",
            "id": str(self.ids[entry.key]),
            "title": entry.original.title,
            "body": self.body(entry.original),
            "owner_id": self.ids[entry.mail],
            "author_id": self.ids[entry.mail],
            "created_at": int(entry.created.timestamp()),
            "updated_at": int(entry.updated.timestamp()),
            "locale": entry.original.lang,
        }

    def collection(self, group: Category | Section, order: int) -> Row:
        described = group.description if isinstance(group, Category) else {"ja": "", "en": ""}
        return {
            "id": str(self.ids[group.key]),
            "workspace_id": WORKSPACE,
            "name": group.title["ja"],
            "description": described["ja"] or None,
            "created_at": int(EPOCH.timestamp()),
            "updated_at": int(EPOCH.timestamp()),
            "url": self.base + self.group_path(group.key, "ja"),
            "icon": "book-bookmark",
            "order": order,
            "default_locale": "ja",
            "translated_content": {
                "type": "group_translated_content",
                **{
                    lang: {
                        "type": "group_content",
                        "name": group.title[lang],
                        "description": described[lang],
                    }
                    for lang in self.centre.languages
                },
            },
            "parent_id": str(self.ids[group.category]) if isinstance(group, Section) else None,
            "help_center_id": 79,
        }

    def collections(self) -> list[Row]:
        open_sections = [section for section in self.centre.sections if not section.internal]
        groups: list[Category | Section] = [*self.centre.categories, *open_sections]
        return [self.collection(group, i) for i, group in enumerate(groups)]

    def admins(self) -> list[Row]:
        return [
            {"type": "admin", "id": str(self.ids[mail]), "name": name, "email": mail}
            | {"away_mode_enabled": False, "has_inbox_seat": True, "team_ids": []}
            for mail, name in self.centre.authors.items()
        ]


def error(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> Reply:
    errors = [{"code": code, "message": message}]
    data = {"type": "error.list", "request_id": "000test", "errors": errors}
    return answer(data, status, headers)


class Views:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base, self.desk = centre, base, Desk(centre, base)
        newest = sorted(centre.entries, key=lambda entry: entry.updated, reverse=True)
        self.open = [entry for entry in newest if not entry.internal]
        self.internal = [entry for entry in newest if entry.internal]

    def listed(
        self, request: Request, items: Sequence[Any], build: Callable[[Any], Row], size: int
    ) -> Reply:
        """``pages.next`` is the address of the next page, or null."""
        size, page = request.number("per_page", size, MOST), request.number("page", 1)
        part, pages = page_of(items, page, size)
        following = url(self.base, request.path, per_page=size, page=page + 1)
        return answer(
            {
                "type": "list",
                "pages": {
                    "type": "pages",
                    "next": following if page < pages else None,
                    "page": page,
                    "per_page": size,
                    "total_pages": pages,
                },
                "total_count": len(items),
                "data": [build(item) for item in part],
            }
        )

    def articles(self, request: Request, _match: re.Match[str]) -> Reply:
        build = lambda one: self.desk.article(one, whole=False)  # noqa: E731
        return self.listed(request, self.open, build, ARTICLES_PER_PAGE)

    def article(self, _request: Request, match: re.Match[str]) -> Reply:
        entry = self.centre.by_key.get(self.desk.keys.get(int(match["id"]), ""))
        if not entry or entry.internal:
            return GONE
        return answer(self.desk.article(entry, whole=True))

    def internal_articles(self, request: Request, _match: re.Match[str]) -> Reply:
        return self.listed(request, self.internal, self.desk.internal_article, ARTICLES_PER_PAGE)

    def internal_article(self, _request: Request, match: re.Match[str]) -> Reply:
        entry = self.centre.by_key.get(self.desk.keys.get(int(match["id"]), ""))
        if not entry or not entry.internal:
            return GONE
        return answer(self.desk.internal_article(entry))

    def collections(self, request: Request, _match: re.Match[str]) -> Reply:
        rows = self.desk.collections()
        return self.listed(request, rows, lambda row: row, COLLECTIONS_PER_PAGE)

    def collection(self, _request: Request, match: re.Match[str]) -> Reply:
        found = [row for row in self.desk.collections() if row["id"] == match["id"]]
        return answer(found[0]) if found else GONE

    def help_centers(self, _request: Request, _match: re.Match[str]) -> Reply:
        row = {
            "id": "79",
            "workspace_id": WORKSPACE,
            "created_at": int(EPOCH.timestamp()),
            "updated_at": int(EPOCH.timestamp()),
            "identifier": "help",
            "website_turned_on": True,
            "display_name": "ヘルプ",
            "url": f"{self.base}/help",
            "custom_domain": None,
        }
        return answer({"type": "list", "data": [row]})

    def admins(self, _request: Request, _match: re.Match[str]) -> Reply:
        return answer({"type": "admin.list", "admins": self.desk.admins()})

    def admin(self, _request: Request, match: re.Match[str]) -> Reply:
        found = [row for row in self.desk.admins() if row["id"] == match["id"]]
        return answer(found[0]) if found else GONE


GONE = error(404, "not_found", "Resource Not Found")


def make_api(centre: HelpCentre, base: str) -> Api:
    views = Views(centre, base)
    desk = views.desk
    reset = str(int(time.time()) + 2)
    return Api(
        routes=[
            (r"/articles", views.articles),
            (r"/articles/(?P<id>\d+)", views.article),
            (r"/internal_articles", views.internal_articles),
            (r"/internal_articles/(?P<id>\d+)", views.internal_article),
            (r"/help_center/collections", views.collections),
            (r"/help_center/collections/(?P<id>\d+)", views.collection),
            (r"/help_center/help_centers", views.help_centers),
            (r"/admins", views.admins),
            (r"/admins/(?P<id>\d+)", views.admin),
        ],
        files={
            desk.media_path(one.name): one.bytes for entry in centre.entries for one in entry.media
        },
        allows=lambda request: request.bearer() == TOKEN,
        denied=error(401, "unauthorized", "Access Token Invalid"),
        throttled=error(
            429,
            "rate_limit_exceeded",
            "Exceeded rate limit of 167 in 10_seconds",
            {"X-RateLimit-Limit": "167", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset},
        ),
        not_found=GONE,
        addresses={
            f"{entry.key}/{text.lang}": base + quote(desk.path(entry.key, text.lang))
            for entry in views.open
            for text in entry.texts
        },
    )


def serve(
    centre: HelpCentre, *, cut_after: int | None = None, throttle_at: int | None = 3
) -> AbstractContextManager[BaseUrl]:
    """Bearer TOKEN. Internal entries are only in /internal_articles."""
    return serve_api(
        lambda base: make_api(centre, base), cut_after=cut_after, throttle_at=throttle_at
    )
