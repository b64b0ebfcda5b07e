"""The JSON objects of Zendesk Guide."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.vendors.addressing import (
    Targets,
    link_writer,
    numbers,
    original_language,
    picture_writer,
    pictures_of,
    slug,
    stamp,
)
from tests.vendors.content import EPOCH, Category, Entry, HelpCentre, Section, Text
from tests.vendors.html_writer import Dialect, write_html

LOCALES = {"ja": "ja", "en": "en-us"}
LANGS = {locale: lang for lang, locale in LOCALES.items()}
STAFF = 360000099001
BRAND = "360000000001"
Row = dict[str, Any]


class Desk:
    def __init__(self, centre: HelpCentre, base: str) -> None:
        self.centre, self.base = centre, base
        self.ids = numbers(centre, 360012000000)
        self.entries = {self.ids[entry.key]: entry for entry in centre.entries}

    def text(self, entry: Entry, locale: str) -> Text | None:
        return entry.text(LANGS[locale])

    def category_id(self, entry: Entry) -> int:
        return self.ids[self.centre.sections_by_key[entry.section].category]

    def path(self, key: str, lang: str) -> str:
        lang = original_language(self.centre, key, lang)
        text = self.centre.by_key[key].text(lang)
        name = slug(text.title) if text else ""
        tail = f"-{name}" if name else ""
        return f"/hc/{LOCALES[lang]}/articles/{self.ids[key]}{tail}"

    def group_path(self, kind: str, key: str, lang: str) -> str:
        return f"/hc/{LOCALES[lang]}/{kind}/{self.ids[key]}"

    def targets(self) -> Targets:
        return Targets(
            article=self.path,
            section=lambda key, lang: self.group_path("sections", key, lang),
            category=lambda key, lang: self.group_path("categories", key, lang),
            missing=lambda name, lang: f"/hc/{LOCALES[lang]}/articles/999999-{name}",
        )

    def attachment_id(self, entry: Entry, name: str) -> int:
        names = [one.name for one in entry.media]
        return self.ids[entry.key] * 100 + (names.index(name) if name in names else 99)

    def attachment_path(self, entry: Entry, name: str) -> str:
        return f"/hc/article_attachments/{self.attachment_id(entry, name)}/{name}"

    def body(self, entry: Entry, text: Text) -> str:
        dialect = Dialect(
            link=link_writer(self.base, text.lang, self.targets()),
            picture=picture_writer(self.base, lambda name: self.attachment_path(entry, name)),
            file=lambda name: self.base + quote(self.attachment_path(entry, name)),
            pictures=pictures_of(text),
        )
        return write_html(text.blocks, dialect)

    def article(self, entry: Entry, locale: str | None, query: dict[str, str]) -> Row:
        text = (self.text(entry, locale) if locale else None) or entry.original
        shown = LOCALES[text.lang]
        number = self.ids[entry.key]
        row: Row = {
            "id": number,
            "url": f"{self.base}/api/v2/help_center/{shown}/articles/{number}.json",
            "html_url": self.base + quote(self.path(entry.key, text.lang)),
            "author_id": self.ids[entry.mail],
            "comments_disabled": False,
            "draft": entry.draft,
            "promoted": entry.promoted,
            "position": entry.position,
            "vote_sum": entry.up - entry.down,
            "vote_count": entry.up + entry.down,
            "section_id": self.ids[entry.section],
            "created_at": stamp(entry.created),
            "updated_at": stamp(entry.updated),
            "name": text.title,
            "title": text.title,
            "source_locale": LOCALES[entry.original.lang],
            "locale": shown,
            "outdated": False,
            "outdated_locales": [],
            "edited_at": stamp(text.updated),
            "user_segment_id": STAFF if entry.internal else None,
            "user_segment_ids": [STAFF] if entry.internal else [],
            "permission_group_id": 360000077001,
            "content_tag_ids": [],
            "label_names": list(entry.labels),
            "body": self.body(entry, text),
        }
        if "translations" in query.get("include", "").split(","):
            row["translations"] = self.translations("articles", number)
        return row

    def one_translation(self, kind: str, number: int, text: Row) -> Row:
        return {
            "id": number * 10 + (1 if text["locale"] == "ja" else 2),
            "url": f"{self.base}/api/v2/help_center/{kind}/{number}/translations/"
            f"{text['locale']}.json",
            "source_id": number,
            "source_type": {"articles": "Article", "sections": "Section"}.get(kind, "Category"),
            "outdated": False,
            "hidden": False,
            **text,
        }

    def translations(self, kind: str, number: int) -> list[Row]:
        if kind == "articles":
            entry = self.entries.get(number)
            return [] if not entry else [self.article_translation(entry, t) for t in entry.texts]
        group = next((one for one in self.centre.groups if self.ids[one.key] == number), None)
        if not group:
            return []
        return [
            self.one_translation(
                kind,
                number,
                {
                    "locale": locale,
                    "title": group.title[lang],
                    "body": group.description[lang] if isinstance(group, Category) else "",
                    "html_url": self.base + self.group_path(kind, group.key, lang),
                    "draft": False,
                    "created_at": stamp(EPOCH),
                    "updated_at": stamp(EPOCH),
                },
            )
            for lang, locale in LOCALES.items()
        ]

    def article_translation(self, entry: Entry, text: Text) -> Row:
        return self.one_translation(
            "articles",
            self.ids[entry.key],
            {
                "locale": LOCALES[text.lang],
                "title": text.title,
                "body": self.body(entry, text),
                "html_url": self.base + quote(self.path(entry.key, text.lang)),
                "draft": entry.draft,
                "created_at": stamp(entry.created),
                "updated_at": stamp(text.updated),
                "updated_by_id": self.ids[entry.mail],
                "created_by_id": self.ids[entry.mail],
            },
        )

    def attachments(self, entry: Entry) -> list[Row]:
        shown = [(one.name, one.bytes, True) for one in entry.pictures]
        shown += [(one.name, one.bytes, False) for one in entry.files]
        return [
            {
                "id": self.attachment_id(entry, name),
                "article_id": self.ids[entry.key],
                "file_name": name,
                "content_url": self.base + quote(self.attachment_path(entry, name)),
                "content_type": "image/png" if inline else "application/octet-stream",
                "size": len(data),
                "inline": inline,
                "locale": LOCALES[entry.original.lang] if inline else None,
                "created_at": stamp(entry.created),
                "updated_at": stamp(entry.created),
            }
            for name, data, inline in shown
        ]

    def group(self, kind: str, key: str, title: dict[str, str], locale: str) -> Row:
        number = self.ids[key]
        return {
            "id": number,
            "url": f"{self.base}/api/v2/help_center/{locale}/{kind}/{number}.json",
            "html_url": self.base + self.group_path(kind, key, LANGS[locale]),
            "name": title[LANGS[locale]],
            "position": 0,
            "locale": locale,
            "source_locale": "ja",
            "outdated": False,
            "created_at": stamp(EPOCH),
            "updated_at": stamp(EPOCH),
        }

    def section(self, section: Section, locale: str, query: dict[str, str]) -> Row:
        row = self.group("sections", section.key, section.title, locale)
        row |= {"category_id": self.ids[section.category], "parent_section_id": None}
        row |= {"description": "", "theme_template": "section_page", "sorting": "manual"}
        row["position"] = self.centre.sections.index(section)
        if "translations" in query.get("include", ""):
            row["translations"] = self.translations("sections", row["id"])
        return row

    def category(self, category: Category, locale: str, query: dict[str, str]) -> Row:
        row = self.group("categories", category.key, category.title, locale)
        row["description"] = category.description[LANGS[locale]]
        row["position"] = self.centre.categories.index(category)
        if "translations" in query.get("include", ""):
            row["translations"] = self.translations("categories", row["id"])
        return row

    def users(self) -> list[Row]:
        return [
            {"id": self.ids[mail], "name": name, "email": mail, "role": "agent", "active": True}
            for mail, name in self.centre.authors.items()
        ]

    def sideloads(self, query: dict[str, str], articles: set[int]) -> Row:
        wanted = query.get("include", "").split(",")
        entries = [self.entries[number] for number in articles]
        loaded: Row = {}
        if "users" in wanted:
            authors = {self.ids[entry.mail] for entry in entries}
            loaded["users"] = [user for user in self.users() if user["id"] in authors]
        if "sections" in wanted:
            used = {entry.section for entry in entries}
            sections = [one for one in self.centre.sections if one.key in used]
            loaded["sections"] = [self.section(one, "ja", query) for one in sections]
        if "categories" in wanted:
            rows = [self.category(one, "ja", query) for one in self.centre.categories]
            loaded["categories"] = rows
        return loaded

    def segment(self) -> Row:
        return {
            "id": STAFF,
            "name": "社内",
            "user_type": "staff",
            "built_in": True,
            "tags": [],
            "group_ids": [],
            "organization_ids": [],
            "created_at": stamp(EPOCH),
            "updated_at": stamp(EPOCH),
        }

    def rules(self) -> list[Row]:
        """Redirects lead to the article without its slug, by path or by whole address."""
        rows: list[Row] = []
        for entry in self.centre.entries:
            target = f"/hc/{LOCALES[entry.original.lang]}/articles/{self.ids[entry.key]}"
            for path in entry.old_paths:
                rows.append(
                    {
                        "id": f"01GFXGBX7YZ9ASWTCVMA{len(rows):06}",
                        "brand_id": BRAND,
                        "redirect_from": path,
                        "redirect_to": self.base + target if len(rows) % 2 else target,
                        "redirect_status": "301",
                        "created_at": stamp(entry.created),
                        "updated_at": stamp(entry.created),
                    }
                )
        return rows

    def files(self) -> dict[str, bytes]:
        return {
            self.attachment_path(entry, one.name): one.bytes
            for entry in self.centre.entries
            for one in entry.media
        }

    def addresses(self) -> dict[str, str]:
        return {
            f"{entry.key}/{text.lang}": self.base + quote(self.path(entry.key, text.lang))
            for entry in self.centre.entries
            for text in entry.texts
        }
