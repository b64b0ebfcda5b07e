"""The lists of Freshdesk's Solutions API (developers.freshdesk.com/api), in the primary language.

Translations are lists of their own, NAME.LANG.json, as ``/solutions/...[/LANG]`` gives them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from kb_app.transfer.targets.body import plain_text
from kb_app.transfer.targets.generated_ids import Numbers, stamp, word_slug
from kb_app.transfer.targets.library import (
    OutArticle,
    OutCategory,
    OutSection,
    OutText,
    title_in,
)
from kb_app.transfer.targets.vendor import NOBODY, Row, Vendor

DRAFT, PUBLISHED = 1, 2
EVERYONE, AGENTS = 1, 3


class Freshdesk(Vendor):
    """categories, folders, articles, agents and the languages of the account."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        keys = (one.original.origin.key for one in self.library.articles)
        taken = [int(key) for key in keys if _is_id(key)]
        self._numbers = Numbers(90_000_000_000, 9_999_999_999, taken)
        self.primary = self.library.languages[0]

    def write(self) -> None:
        """Write the lists of each language."""
        for lang in self.library.languages:
            ending = "" if lang == self.primary else f".{lang}"
            categories = [self._category(one, lang) for one in self.library.categories]
            folders = [
                self._folder_row(section, is_internal, lang)
                for section in self.library.sections
                for is_internal in self._kinds(section)
            ]
            self.json(f"categories{ending}.json", categories)
            self.json(f"folders{ending}.json", folders)
            self.json(f"articles{ending}.json", list(self._articles(lang)))
        self.json("agents.json", self._agents())
        self.json("settings.json", self._settings())
        self._say()

    def _say(self) -> None:
        self.say_what_is_lost("tags", "keywords", "order", "audience", "votes", "owner")
        if any(True for _ in self.redirects()):
            self.report.say("Freshdesk has no redirects: old addresses are not in the export.")
        if any(article.text(self.primary) is None for article in self.library.articles):
            self.report.say(
                f"Every article there has a version in the primary language ({self.primary}); one "
                "without it has its original in that place."
            )
        if any(one.is_internal for one in self.library.articles):
            self.report.say("Internal articles are in folders of their own, which agents see.")
        self.report.say("Votes are those of the original, in its primary version.")
        self.report.say("Pictures and files are named by their place in files/.")

    # --- ids and addresses ---------------------------------------------------------------------

    def number(self, article: OutArticle) -> int:
        """The id of an article: the one it had, else one made up."""
        key = article.original.origin.key
        return int(key) if _is_id(key) else self._numbers.of("article", article.id)

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of its page."""
        slug = word_slug(text.article.title)
        lang = text.lang if article.text(self.primary) else self.primary
        tail = f"-{slug}" if slug else ""
        return f"/{lang}/support/solutions/articles/{self.number(article)}{tail}"

    def _version(self, article: OutArticle, lang: str) -> OutText | None:
        """The text in a language; in the primary one the original where there is no other."""
        if lang == self.primary:
            return article.text(lang) or article.original
        text = article.text(lang)
        is_primary = text is article.original and article.text(self.primary) is None
        return None if is_primary else text

    def _kinds(self, section: OutSection) -> list[bool]:
        """Whether there is a folder for everyone, and one for agents."""
        kinds = {one.is_internal for one in section.articles}
        return sorted(kinds) or [False]

    def _folder_key(self, section: OutSection, is_internal: bool) -> str:
        return f"{section.key}/internal" if is_internal else section.key

    # --- rows ----------------------------------------------------------------------------------

    def _category(self, category: OutCategory, lang: str) -> Row:
        now = stamp(self.library.now)
        return {
            "id": self._numbers.of("category", category.key),
            "name": title_in(category.titles, lang, "General"),
            "description": "",
            "visible_in_portals": [],
            "created_at": now,
            "updated_at": now,
        }

    def _hierarchy(self, section: OutSection, is_internal: bool, lang: str) -> list[Row]:
        category = next(one for one in self.library.categories if one.key == section.category)
        folder = self._numbers.of("folder", self._folder_key(section, is_internal))
        chain = (
            ("category", self._numbers.of("category", category.key), category.titles),
            ("folder", folder, section.titles),
        )
        return [
            {
                "level": level,
                "type": kind,
                "data": {"id": number, "name": title_in(titles, lang, "General"), "language": lang},
            }
            for level, (kind, number, titles) in enumerate(chain)
        ]

    def _folder_row(self, section: OutSection, is_internal: bool, lang: str) -> Row:
        now = stamp(self.library.now)
        held = [one for one in section.articles if one.is_internal == is_internal]
        return {
            "id": self._numbers.of("folder", self._folder_key(section, is_internal)),
            "name": title_in(section.titles, lang),
            "description": title_in(section.descriptions, lang) or None,
            "parent_folder_id": None,
            "hierarchy": self._hierarchy(section, is_internal, lang),
            "articles_count": len(held),
            "sub_folders_count": 0,
            "visibility": AGENTS if is_internal else EVERYONE,
            "created_at": now,
            "updated_at": now,
        }

    def _articles(self, lang: str) -> Iterator[Row]:
        for section in self.library.sections:
            for article in section.articles:
                text = self._version(article, lang)
                if text is not None:
                    yield self._article(section, article, text, lang)

    def _article(self, section: OutSection, article: OutArticle, text: OutText, lang: str) -> Row:
        is_primary = lang == self.primary
        body = self.body(text)
        words = dict.fromkeys((*text.article.tags, *text.article.keywords))
        return {
            "id": self.number(article),
            "type": 1,
            "category_id": self._numbers.of("category", section.category),
            "folder_id": self._numbers.of("folder", self._folder_key(section, article.is_internal)),
            "hierarchy": self._hierarchy(section, article.is_internal, lang),
            "thumbs_up": article.up if is_primary else 0,
            "thumbs_down": article.down if is_primary else 0,
            "hits": 0,
            "tags": list(text.article.tags),
            "seo_data": {"meta_title": text.article.title, "meta_keywords": ", ".join(words)},
            "agent_id": self._numbers.of("person", article.author or NOBODY),
            "title": text.article.title,
            "description": body,
            "description_text": plain_text(body),
            "status": DRAFT if text.is_draft else PUBLISHED,
            "created_at": stamp(text.created),
            "updated_at": stamp(text.updated),
            "attachments": self._attachments(article, text),
            "cloud_files": [],
        }

    def _attachments(self, article: OutArticle, text: OutText) -> list[Row]:
        at = stamp(text.created)
        return [
            {
                "id": self._numbers.of("attachment", f"{article.id}/{file.path}"),
                "name": file.name,
                "content_type": file.type,
                "size": file.size,
                "created_at": at,
                "updated_at": at,
                "attachment_url": file.path,
            }
            for file in self.media.files_of_text(text)
            if not file.is_picture
        ]

    def _agents(self) -> list[Row]:
        return [
            {
                "id": self._numbers.of("person", author or NOBODY),
                "available": True,
                "occasional": False,
                "type": "support_agent",
                "contact": {
                    "active": True,
                    "email": author if "@" in author else None,
                    "name": author or NOBODY,
                    "language": self.primary,
                },
            }
            for author in self.library.authors
        ]

    def _settings(self) -> Row:
        others = list(self.library.languages[1:])
        return {
            "primary_language": self.primary,
            "supported_languages": others,
            "portal_languages": others,
        }


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 18
