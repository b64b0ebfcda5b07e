"""The lists of Zendesk Guide's Help Center API (developer.zendesk.com)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from kb_app.transfer.targets.generated_ids import Numbers, digest, stamp, word_slug
from kb_app.transfer.targets.library import (
    OutArticle,
    OutCategory,
    OutSection,
    OutText,
    title_in,
)
from kb_app.transfer.targets.vendor import NOBODY, Row, Vendor

API = "api/v2/help_center"
# Where locales differ from languages, and nothing imported says otherwise.
_LOCALES = {"en": "en-us", "zh": "zh-cn"}
_LOCALE_IN_PATH = re.compile(r"/hc/([a-z]{2,3}(?:-[a-z0-9]{2,4})?)/", re.IGNORECASE)
_OWN_PATH = re.compile(r"\A/hc/[^/]++/articles/(\d++)")


class Zendesk(Vendor):
    """categories, sections, articles, attachments, redirect rules and the segment of staff."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        keys = (one.original.origin.key for one in self.library.articles)
        taken = [int(key) for key in keys if _is_id(key)]
        self._numbers = Numbers(900_000_000_000, 99_999_999_999, taken)
        found = {
            text.lang: match[1].lower()
            for _, text in self.library.texts
            if (match := _LOCALE_IN_PATH.search(text.origin.url))
        }
        self._locales = {lang: lang for lang in self.library.languages} | _LOCALES | found

    def write(self) -> None:
        """Write the lists; bodies name pictures by their place in files/."""
        library = self.library
        categories = [self._category(at, one) for at, one in enumerate(library.categories)]
        sections = [self._section(at, one) for at, one in enumerate(library.sections)]
        articles = [
            self._article(section, one) for section in library.sections for one in section.articles
        ]
        rules = self._rules()
        self.json("categories.json", _page("categories", categories))
        self.json("sections.json", _page("sections", sections))
        self.json("articles.json", _page("articles", articles) | {"users": self._users()})
        self.json("article_attachments.json", _page("article_attachments", self._attachments()))
        self.json("user_segments.json", _page("user_segments", [self._staff()]))
        meta = {"has_more": False, "after_cursor": None, "before_cursor": None}
        self.json("redirect_rules.json", {"meta": meta, "records": rules})
        self.report.redirects = len(rules)
        self._say()

    def _say(self) -> None:
        self.say_what_is_lost("featured", "order", "tags", "keywords", "audience", "votes", "owner")
        if any(one.article.keywords for _, one in self.library.texts):
            self.report.say("Keywords are labels, behind the tags.")
        if any(one.is_internal for one in self.library.articles):
            self.report.say(
                "Internal articles are for the segment in user_segments.json: staff only."
            )
        if self.report.files:
            self.report.say(
                "Pictures and files are named by their place in files/: upload them as attachments "
                "first, and put the new addresses into the bodies."
            )

    # --- ids and addresses ---------------------------------------------------------------------

    def number(self, article: OutArticle) -> int:
        """The id of an article: the one it had, else one made up."""
        key = article.original.origin.key
        return int(key) if _is_id(key) else self._numbers.of("article", article.id)

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of its page."""
        slug = word_slug(text.article.title)
        tail = f"-{slug}" if slug else ""
        return f"/hc/{self._locales[text.lang]}/articles/{self.number(article)}{tail}"

    def _person(self, author: str) -> int:
        return self._numbers.of("person", author or NOBODY)

    # --- rows ----------------------------------------------------------------------------------

    def _group(self, kind: str, number: int, titles: Mapping[str, str], at: int) -> Row:
        lang = self.library.languages[0]
        locale, now = self._locales[lang], stamp(self.library.now)
        return {
            "id": number,
            "url": f"{self.base}/{API}/{locale}/{kind}/{number}.json",
            "html_url": f"{self.base}/hc/{locale}/{kind}/{number}",
            "name": title_in(titles, lang),
            "position": at,
            "locale": locale,
            "source_locale": locale,
            "outdated": False,
            "created_at": now,
            "updated_at": now,
        }

    def _group_translations(
        self, kind: str, number: int, titles: Mapping[str, str], said: Mapping[str, str]
    ) -> list[Row]:
        now = stamp(self.library.now)
        return [
            self._translation(
                kind,
                number,
                self._locales.get(lang, lang),
                {
                    "title": title,
                    "body": said.get(lang, ""),
                    "html_url": f"{self.base}/hc/{self._locales.get(lang, lang)}/{kind}/{number}",
                    "draft": False,
                    "created_at": now,
                    "updated_at": now,
                },
            )
            for lang, title in titles.items()
        ]

    def _translation(self, kind: str, number: int, locale: str, text: Row) -> Row:
        return {
            "id": self._numbers.of("translation", f"{kind}/{number}/{locale}"),
            "url": f"{self.base}/{API}/{kind}/{number}/translations/{locale}.json",
            "source_id": number,
            "source_type": {"articles": "Article", "sections": "Section"}.get(kind, "Category"),
            "outdated": False,
            "hidden": False,
            "locale": locale,
            **text,
        }

    def _category(self, at: int, category: OutCategory) -> Row:
        number = self._numbers.of("category", category.key)
        titles = category.titles or dict.fromkeys(self.library.languages, "General")
        row = self._group("categories", number, titles, at) | {"description": ""}
        return row | {"translations": self._group_translations("categories", number, titles, {})}

    def _section(self, at: int, section: OutSection) -> Row:
        number = self._numbers.of("section", section.key)
        said = section.descriptions
        return {
            **self._group("sections", number, section.titles, at),
            "category_id": self._numbers.of("category", section.category),
            "parent_section_id": None,
            "description": title_in(said, self.library.languages[0]),
            "theme_template": "section_page",
            "sorting": "manual",
            "translations": self._group_translations("sections", number, section.titles, said),
        }

    def _article(self, section: OutSection, article: OutArticle) -> Row:
        number, text = self.number(article), article.original
        locale = self._locales[text.lang]
        staff = self._numbers.of("segment", "staff") if article.is_internal else None
        labels = dict.fromkeys(
            label for one in article.texts for label in (*one.article.tags, *one.article.keywords)
        )
        return {
            "id": number,
            "url": f"{self.base}/{API}/{locale}/articles/{number}.json",
            "html_url": self.address(article, text),
            "author_id": self._person(article.author),
            "comments_disabled": False,
            "draft": text.is_draft,
            "promoted": any(one.article.featured for one in article.texts),
            "position": article.place,
            "vote_sum": article.up - article.down,
            "vote_count": article.up + article.down,
            "section_id": self._numbers.of("section", section.key),
            "created_at": stamp(text.created),
            "updated_at": stamp(article.updated),
            "name": text.article.title,
            "title": text.article.title,
            "source_locale": locale,
            "locale": locale,
            "outdated": False,
            "outdated_locales": [],
            "edited_at": stamp(text.updated),
            "user_segment_id": staff,
            "user_segment_ids": [staff] if staff else [],
            "permission_group_id": self._numbers.of("group", "editors"),
            "content_tag_ids": [],
            "label_names": list(labels),
            "body": self.body(text),
            "translations": [self._text(article, number, one) for one in article.texts],
        }

    def _text(self, article: OutArticle, number: int, text: OutText) -> Row:
        author = self._person(text.origin.author or text.article.owner)
        return self._translation(
            "articles",
            number,
            self._locales[text.lang],
            {
                "title": text.article.title,
                "body": self.body(text),
                "html_url": self.address(article, text),
                "draft": text.is_draft,
                "created_at": stamp(text.created),
                "updated_at": stamp(text.updated),
                "updated_by_id": author,
                "created_by_id": author,
            },
        )

    def _attachments(self) -> list[Row]:
        rows = []
        for article in self.library.articles:
            number, at = self.number(article), stamp(article.original.created)
            for file in {one.path: one for one in self.media.files_of(article)}.values():
                rows.append(
                    {
                        "id": self._numbers.of("attachment", f"{number}/{file.path}"),
                        "article_id": number,
                        "file_name": file.name,
                        "content_url": file.path,
                        "content_type": file.type,
                        "size": file.size,
                        "inline": file.is_picture,
                        "locale": self._locales[file.lang] if file.is_picture else None,
                        "created_at": at,
                        "updated_at": at,
                    }
                )
        return rows

    def _users(self) -> list[Row]:
        authors = [*self.library.authors]
        authors += [text.origin.author or text.article.owner for _, text in self.library.texts]
        return [
            {
                "id": self._person(author),
                "name": author or NOBODY,
                "email": author if "@" in author else None,
                "role": "agent",
                "active": True,
            }
            for author in dict.fromkeys(authors)
        ]

    def _staff(self) -> Row:
        now = stamp(self.library.now)
        return {
            "id": self._numbers.of("segment", "staff"),
            "name": "Agents and admins",
            "user_type": "staff",
            "built_in": True,
            "tags": [],
            "group_ids": [],
            "organization_ids": [],
            "created_at": now,
            "updated_at": now,
        }

    def _rules(self) -> list[Row]:
        rows = []
        numbers = {str(self.number(article)) for article in self.library.articles}
        for old, article, text in self.redirects():
            own = _OWN_PATH.match(old)
            if own and own[1] in numbers:
                continue
            locale = self._locales[text.lang]
            rows.append(
                {
                    "id": digest("rule", old, 26).upper(),
                    "brand_id": str(self._numbers.of("brand", "brand")),
                    "redirect_from": old,
                    "redirect_to": f"/hc/{locale}/articles/{self.number(article)}",
                    "redirect_status": "301",
                    "created_at": stamp(text.created),
                    "updated_at": stamp(text.created),
                }
            )
        return rows


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 18


def _page(name: str, rows: Sequence[Row]) -> Row:
    """The whole list as the only page of an answer."""
    return {
        name: list(rows),
        "count": len(rows),
        "page": 1,
        "page_count": 1,
        "per_page": max(len(rows), 1),
        "next_page": None,
        "previous_page": None,
    }
