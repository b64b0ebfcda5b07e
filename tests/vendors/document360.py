"""Document360's customer API v2.

Shapes: the OpenAPI document of apihub.document360.io/v2 (twardoch/d361api, swagger.json):
ProjectVersions, categories, articles, Articles/{id}/{lang}, settings, Language, Teams. The document
says nothing of 401 and 429; those answers are guesses in its envelope.
"""

from __future__ import annotations

import re
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import quote

from tests.vendors.addressing import (
    Targets,
    ascii_slug,
    link_writer,
    picture_writer,
    pictures_of,
    stamp,
    text_in,
    uuid,
)
from tests.vendors.content import EPOCH, Category, Entry, HelpCentre, Section, Text
from tests.vendors.html_writer import Dialect, write_html
from tests.vendors.markdown_writer import Flavour, write_markdown
from tests.vendors.server import Api, BaseUrl, Reply, Request, answer, serve_api

TOKEN = "d360-token-123"
VERSION = uuid("version", "v1")
DEFAULT = "ja"
DRAFT, PUBLISHED = 0, 3
MARKDOWN, WYSIWYG = 0, 1
BOXES = {"note": "infoBox", "tip": "successBox", "warning": "warningBox", "danger": "errorBox"}
Row = dict[str, Any]


def callout(kind: str, inner: str) -> str:
    return (
        f'<section class="{BOXES[kind]}"><div class="title"></div>'
        f'<div class="content"><p>{inner}</p></div></section>'
    )


def enveloped(data: Any, key: str = "data") -> Row:
    return {
        key: data,
        "extension_data": None,
        "success": True,
        "errors": [],
        "warnings": [],
        "information": [],
    }


def failure(status: int, code: str, text: str, headers: dict[str, str] | None = None) -> Reply:
    error = {"extension_data": None, "stack_trace": None, "description": text, "error_code": code}
    row = enveloped(None) | {"success": False, "errors": [error | {"custom_data": None}]}
    return answer(row, status, headers)


class Project:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base = centre, base
        self.entries = {uuid("article", entry.key): entry for entry in centre.entries}

    def slug(self, entry: Entry, lang: str) -> str:
        """Two articles of one title have different slugs."""
        return f"{ascii_slug(text_in(entry, lang).title) or 'article'}-{entry.position}"

    def path(self, key: str, lang: str) -> str:
        start = "/docs/" if lang == DEFAULT else f"/docs/{lang}/"
        return start + self.slug(self.centre.by_key[key], lang)

    def media_path(self, name: str) -> str:
        return f"/{uuid('project', 'p')}/Images/Documentation/{name}"

    def dialect(self, text: Text) -> Dialect:
        targets = Targets(
            article=self.path,
            section=lambda key, _lang: f"/docs/{key}",
            category=lambda key, _lang: f"/docs/{key}",
            missing=lambda name, _lang: f"/docs/{name}",
        )
        return Dialect(
            link=link_writer(self.base, text.lang, targets),
            picture=picture_writer(self.base, self.media_path),
            file=lambda name: self.base + quote(self.media_path(name)),
            pictures=pictures_of(text),
            callout=callout,
        )

    def content_type(self, entry: Entry) -> int:
        """Both editors are in use."""
        return MARKDOWN if entry.position % 2 else WYSIWYG

    def simple(self, entry: Entry, lang: str) -> Row:
        text = text_in(entry, lang)
        return {
            "id": uuid("article", entry.key),
            "title": text.title,
            "public_version": 0 if entry.draft else 2,
            "latest_version": 2,
            "language_code": lang,
            "hidden": entry.internal,
            "status": DRAFT if entry.draft else PUBLISHED,
            "order": entry.position,
            "slug": self.slug(entry, lang),
            "content_type": self.content_type(entry),
            "translation_option": 2 if entry.text(lang) else 1,
            "is_shared_article": False,
            "modified_at": stamp(text.updated),
        }

    def article(self, entry: Entry, lang: str) -> Row:
        """In a language it does not have: the original, marked as fallback content."""
        text = text_in(entry, lang)
        first, _, last = entry.author.partition(" ")
        markdown = self.content_type(entry) == MARKDOWN
        dialect = self.dialect(text)
        flavour = Flavour("document360", dialect)
        simple = self.simple(entry, lang)
        del simple["language_code"]
        return simple | {
            "content": write_markdown(text.blocks, flavour) if markdown else None,
            "html_content": None if markdown else write_html(text.blocks, dialect),
            "category_id": uuid("category", entry.section),
            "project_version_id": VERSION,
            "version_number": 2,
            "enable_rtl": False,
            "created_by": uuid("user", entry.mail),
            "authors": [
                {
                    "id": uuid("user", entry.mail),
                    "first_name": first,
                    "last_name": last,
                    "unique_user_name": entry.mail.partition("@")[0],
                    "email_id": entry.mail,
                    "is_enterprise_user": False,
                }
            ],
            "created_at": stamp(entry.created),
            "is_fall_back_content": entry.text(lang) is None,
            "description": "",
            "category_type": None,
            "url": self.base + self.path(entry.key, lang),
        }

    def settings(self, entry: Entry, lang: str) -> Row:
        return {
            "slug": self.slug(entry, lang),
            "seo_title": text_in(entry, lang).title,
            "description": "",
            "allow_comments": True,
            "show_table_of_contents": True,
            "featured_image_url": None,
            "tags": list(entry.labels),
            "status_indicator": 0,
            "exclude_from_search": False,
            "related_articles": [],
        }

    def category(self, group: Category | Section, lang: str, *, articles: bool) -> Row:
        section = isinstance(group, Section)
        entries = self.centre.in_section(group.key) if section and articles else []
        below = [] if section else self.centre.sections_of(group.key)
        parent = uuid("category", group.category) if isinstance(group, Section) else None
        return {
            "id": uuid("category", group.key),
            "name": group.title[lang],
            "description": group.description[lang] if isinstance(group, Category) else None,
            "project_version_id": VERSION,
            "order": self.centre.groups.index(group),
            "parent_category_id": parent,
            "hidden": isinstance(group, Section) and group.internal,
            "articles": [self.simple(entry, lang) for entry in entries],
            "child_categories": [self.category(one, lang, articles=articles) for one in below],
            "icon": None,
            "slug": group.key,
            "language_code": lang,
            "category_type": 0,
            "created_at": stamp(EPOCH),
            "modified_at": stamp(EPOCH),
            "status": None,
            "content_type": None,
        }

    def version(self) -> Row:
        languages = [
            {
                "id": uuid("language", lang),
                "name": name,
                "code": lang,
                "set_as_default": lang == DEFAULT,
                "hidden": False,
                "enable_rtl": False,
                "display_name": name,
            }
            for lang, name in (("ja", "Japanese"), ("en", "English"))
        ]
        return {
            "id": VERSION,
            "version_number": 1.0,
            "base_version_number": 0.0,
            "version_code_name": "v1",
            "is_main_version": True,
            "is_beta": False,
            "is_public": True,
            "is_deprecated": False,
            "created_at": stamp(EPOCH),
            "modified_at": stamp(EPOCH),
            "language_versions": languages,
            "slug": "v1",
            "order": 1,
            "version_type": 0,
        }

    def users(self) -> list[Row]:
        rows = []
        for mail, name in self.centre.authors.items():
            first, _, last = name.partition(" ")
            rows.append({"user_id": uuid("user", mail), "first_name": first, "last_name": last})
            rows[-1] |= {"email_id": mail, "portal_role": "Editor"}
        return rows


class Views:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.project = centre, Project(centre, base)

    def versions(self, _request: Request, _match: re.Match[str]) -> Reply:
        return answer(enveloped([self.project.version()]))

    def languages(self, _request: Request, _match: re.Match[str]) -> Reply:
        rows = [
            {
                "language_id": row["id"],
                "language_code": row["code"],
                "language_name": row["name"],
                "is_set_as_default": row["set_as_default"],
                "country_flag_code": None,
            }
            for row in self.project.version()["language_versions"]
        ]
        return answer(enveloped(rows))

    def categories(self, request: Request, _match: re.Match[str]) -> Reply:
        lang = request.query.get("langCode", DEFAULT)
        whole = request.query.get("excludeArticles", "false").lower() != "true"
        rows = [self.project.category(one, lang, articles=whole) for one in self.centre.categories]
        return answer(enveloped(rows))

    def articles(self, request: Request, _match: re.Match[str]) -> Reply:
        lang = request.query.get("langCode", DEFAULT)
        rows = [
            self.project.simple(entry, lang)
            | {"url": self.project.base + self.project.path(entry.key, lang)}
            for entry in self.centre.entries
        ]
        return answer(enveloped(rows))

    def article(self, _request: Request, match: re.Match[str]) -> Reply:
        entry = self.project.entries.get(match["id"])
        if not entry:
            return UNKNOWN
        if match["settings"]:
            return answer(enveloped(self.project.settings(entry, match["lang"])))
        return answer(enveloped(self.project.article(entry, match["lang"])))

    def teams(self, request: Request, _match: re.Match[str]) -> Reply:
        skip, take = request.number("skip", 0), request.number("take", 20)
        return answer(enveloped(self.project.users()[skip : skip + take], "result"))


UNKNOWN = failure(400, "NotFound", "The article does not exist")


def make_api(centre: HelpCentre, base: str) -> Api:
    views = Views(centre, base)
    project = views.project
    some = r"[0-9a-f-]{36}"
    return Api(
        routes=[
            (r"/v2/ProjectVersions", views.versions),
            (rf"/v2/ProjectVersions/{some}/categories", views.categories),
            (rf"/v2/ProjectVersions/{some}/articles", views.articles),
            (
                rf"/v2/Articles/(?P<id>{some})/(?P<lang>ja|en)(?P<settings>/settings)?",
                views.article,
            ),
            (rf"/v2/Language/{some}", views.languages),
            (r"/v2/Teams", views.teams),
        ],
        files={
            project.media_path(one.name): one.bytes
            for entry in centre.entries
            for one in entry.media
        },
        allows=lambda request: request.headers.get("Api_Token") == TOKEN,
        denied=failure(401, "Unauthorized", "Invalid API token"),
        throttled=failure(429, "TooManyRequests", "Rate limit exceeded", {"Retry-After": "1"}),
        not_found=failure(404, "NotFound", "Not found"),
        addresses={
            f"{entry.key}/{text.lang}": base + project.path(entry.key, text.lang)
            for entry in centre.entries
            for text in entry.texts
        },
    )


def serve(
    centre: HelpCentre, *, cut_after: int | None = None, throttle_at: int | None = 3
) -> AbstractContextManager[BaseUrl]:
    """The header ``api_token: TOKEN``. Paths begin with /v2."""
    return serve_api(
        lambda base: make_api(centre, base), cut_after=cut_after, throttle_at=throttle_at
    )
