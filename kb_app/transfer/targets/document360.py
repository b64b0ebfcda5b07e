"""The lists of Document360's customer API v2 (apihub.document360.io), one for each language."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from kb_app.transfer.targets.generated_ids import stamp, uuid_of
from kb_app.transfer.targets.library import (
    OutArticle,
    OutCategory,
    OutSection,
    OutText,
    title_in,
)
from kb_app.transfer.targets.vendor import NOBODY, Row, Vendor

DRAFT, PUBLISHED = 0, 3
WYSIWYG = 1
NOT_TRANSLATED, TRANSLATED = 1, 2
_BOXES = {"note": "infoBox", "tip": "successBox", "warning": "warningBox", "danger": "errorBox"}
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VERSION = uuid_of("version", "v1")


class Document360(Vendor):
    """project_versions, categories, articles, their settings, and the team."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.primary = self.library.languages[0]

    def write(self) -> None:
        """Write the lists; those of other languages end in LANG.json."""
        self.json("project_versions.json", _answer([self._version()]))
        for lang in self.library.languages:
            ending = "" if lang == self.primary else f".{lang}"
            articles = [
                (self._article(section, article, text), self._settings(article, text))
                for section in self.library.sections
                for article in section.articles
                if (text := article.text(lang)) is not None
            ]
            self.json(f"categories{ending}.json", _answer(self._categories(lang)))
            self.json(f"articles{ending}.json", _answer([row for row, _ in articles]))
            self.json(f"article_settings{ending}.json", _answer([row for _, row in articles]))
        self.json("teams.json", _answer(self._users(), "result"))
        self._say()

    def _say(self) -> None:
        self.say_what_is_lost("summary", "tags", "order", "owner", "related", "audience")
        if any(True for _ in self.redirects()):
            self.report.say("Document360's lists have no redirects: old addresses are lost.")
        if any(one.is_internal for one in self.library.articles):
            self.report.say(
                "Internal articles are hidden there: they are not listed, but whoever has the "
                "address can read them. Give their categories to readers who sign in."
            )
        self.report.say("Bodies are HTML of the WYSIWYG editor.")
        self.report.say("Pictures and files are named by their place in files/.")

    # --- ids and addresses ---------------------------------------------------------------------

    def _id(self, article: OutArticle) -> str:
        key = article.original.origin.key
        return key if _UUID.fullmatch(key) else uuid_of("article", article.id)

    def _slug(self, text: OutText) -> str:
        """The last part of its address."""
        given = unquote(urlsplit(text.origin.url).path).rstrip("/").rpartition("/")[2]
        return given or text.article.slug

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of its page."""
        start = "/docs/" if text.lang == self.primary else f"/docs/{text.lang}/"
        return start + text.article.slug

    def callout(self, kind: str, inner: str) -> str:
        """A callout as Document360's editor writes it."""
        return (
            f'<section class="{_BOXES[kind]}"><div class="title"></div>'
            f'<div class="content">{inner}</div></section>'
        )

    # --- rows ----------------------------------------------------------------------------------

    def _simple(self, article: OutArticle, text: OutText) -> Row:
        return {
            "id": self._id(article),
            "title": text.article.title,
            "public_version": 0 if text.is_draft else 1,
            "latest_version": 1,
            "language_code": text.lang,
            "hidden": article.is_internal,
            "status": DRAFT if text.is_draft else PUBLISHED,
            "order": article.place,
            "slug": self._slug(text),
            "content_type": WYSIWYG,
            "translation_option": TRANSLATED if len(article.texts) > 1 else NOT_TRANSLATED,
            "is_shared_article": False,
            "modified_at": stamp(text.updated),
        }

    def _article(self, section: OutSection, article: OutArticle, text: OutText) -> Row:
        author = text.origin.author or text.article.owner or article.author
        row = self._simple(article, text)
        del row["language_code"]
        return row | {
            "content": None,
            "html_content": self.body(text),
            "category_id": uuid_of("section", section.key),
            "project_version_id": VERSION,
            "version_number": 1,
            "enable_rtl": False,
            "created_by": uuid_of("user", author or NOBODY),
            "authors": [self._author(author)] if author else [],
            "created_at": stamp(text.created),
            "is_fall_back_content": False,
            "description": text.article.summary,
            "category_type": None,
            "url": self.address(article, text),
        }

    def _author(self, author: str) -> Row:
        return {
            "id": uuid_of("user", author),
            "first_name": author.partition("@")[0],
            "last_name": "",
            "unique_user_name": author.partition("@")[0],
            "email_id": author if "@" in author else None,
            "is_enterprise_user": False,
        }

    def _settings(self, article: OutArticle, text: OutText) -> Row:
        return {
            "slug": self._slug(text),
            "seo_title": text.article.title,
            "description": text.article.summary,
            "allow_comments": True,
            "show_table_of_contents": True,
            "featured_image_url": self.media.address(text.article.cover, text.files) or None
            if text.article.cover
            else None,
            "tags": list(text.article.tags),
            "status_indicator": 0,
            "exclude_from_search": False,
            "related_articles": [
                {
                    "id": self._id(other),
                    "title": (shown := other.text(text.lang) or other.original).article.title,
                    "hidden": other.is_internal,
                    "slug": self._slug(shown),
                }
                for other in self.related(text)
            ],
        }

    def _categories(self, lang: str) -> list[Row]:
        """Categories with their sections below; sections that have none stand at the top."""
        rows = []
        for category in self.library.categories:
            below = [self._section(one, lang) for one in self.library.sections_of(category.key)]
            rows += [self._category(category, below, lang)] if category.titles else below
        return rows

    def _category(self, category: OutCategory, below: list[Row], lang: str) -> Row:
        number = uuid_of("category", category.key)
        for row in below:
            row["parent_category_id"] = number
        return self._group(number, title_in(category.titles, lang), lang) | {
            "child_categories": below,
            "order": self.library.categories.index(category),
        }

    def _section(self, section: OutSection, lang: str) -> Row:
        found = [(one, text) for one in section.articles if (text := one.text(lang)) is not None]
        return self._group(
            uuid_of("section", section.key), title_in(section.titles, lang), lang
        ) | {
            "description": title_in(section.descriptions, lang) or None,
            "hidden": bool(section.articles) and all(one.is_internal for one in section.articles),
            "articles": [self._simple(one, text) for one, text in found],
            "order": self.library.sections.index(section),
            "slug": section.key,
        }

    def _group(self, number: str, title: str, lang: str) -> Row:
        now = stamp(self.library.now)
        return {
            "id": number,
            "name": title,
            "description": None,
            "project_version_id": VERSION,
            "order": 0,
            "parent_category_id": None,
            "hidden": False,
            "articles": [],
            "child_categories": [],
            "icon": None,
            "slug": number[:8],
            "language_code": lang,
            "category_type": 0,
            "created_at": now,
            "modified_at": now,
            "status": None,
            "content_type": None,
        }

    def _version(self) -> Row:
        now = stamp(self.library.now)
        languages = [
            {
                "id": uuid_of("language", lang),
                "name": lang,
                "code": lang,
                "set_as_default": lang == self.primary,
                "hidden": False,
                "enable_rtl": False,
                "display_name": lang,
            }
            for lang in self.library.languages
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
            "created_at": now,
            "modified_at": now,
            "language_versions": languages,
            "slug": "v1",
            "order": 1,
            "version_type": 0,
        }

    def _users(self) -> list[Row]:
        return [
            {
                "user_id": uuid_of("user", author),
                "first_name": author.partition("@")[0],
                "last_name": "",
                "email_id": author if "@" in author else None,
                "portal_role": "Editor",
            }
            for author in self.library.authors
            if author
        ]


def _answer(data: object, key: str = "data") -> Row:
    """The envelope that every answer has."""
    return {
        key: data,
        "extension_data": None,
        "success": True,
        "errors": [],
        "warnings": [],
        "information": [],
    }
