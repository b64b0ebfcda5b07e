"""The lists of Help Scout's Docs API v1 (developer.helpscout.com/docs-api): a site per language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from kb_app.transfer.targets.generated_ids import Numbers, ascii_slug, digest, stamp
from kb_app.transfer.targets.library import OutArticle, OutSection, OutText, title_in
from kb_app.transfer.targets.vendor import NOBODY, Row, Vendor

_COLOURS = {"note": "blue", "tip": "green", "warning": "yellow", "danger": "red"}
_NUMBER_IN_PATH = re.compile(r"/article/(\d{1,15})")
_HEX = re.compile(r"[0-9a-f]{24}")
LONGEST_DESCRIPTION = 45


class HelpScout(Vendor):
    """sites, collections, categories, articles and redirects."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        found = (_number_of(text) for _, text in self.library.texts)
        self._numbers = Numbers(90_000, 9_999_999, [one for one in found if one is not None])
        self._groups: dict[str, list[tuple[OutArticle, OutText]]] = {}

    def write(self) -> None:
        """Write the lists."""
        articles = [self._article(*one) for one in self._placed()]
        redirects = [self._redirect(*one) for one in self._old_paths()]
        self.json("sites.json", _list("sites", [self._site(x) for x in self.library.languages]))
        self.json("collections.json", _list("collections", list(self._collections())))
        self.json("categories.json", _list("categories", list(self._categories())))
        self.json("articles.json", _list("articles", articles))
        self.json("redirects.json", _list("redirects", redirects))
        self.report.redirects = len(redirects)
        self._say()

    def _say(self) -> None:
        self.say_what_is_lost("tags", "keywords", "related", "audience", "order")
        if len(self.library.languages) > 1:
            self.report.say(
                "Help Scout has no translations: each language is a site of its own, and a "
                "translation is an article there."
            )
        if any(one.is_internal for one in self.library.articles):
            self.report.say("Internal articles are in private collections of their own.")
        self.report.say("Authors are numbers there, without names.")
        self.report.say("Pictures and files are named by their place in files/.")

    # --- ids and addresses ---------------------------------------------------------------------

    def _id(self, article: OutArticle, text: OutText) -> str:
        key = text.origin.key
        is_own = text is article.original and _HEX.fullmatch(key)
        return key if is_own else digest("article", text.article.id, 24)

    def _number(self, text: OutText) -> int:
        return _number_of(text) or self._numbers.of("article", text.article.id)

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of its page."""
        slug = ascii_slug(text.article.title)
        return f"/article/{self._number(text)}" + (f"-{slug}" if slug else "")

    def callout(self, kind: str, inner: str) -> str:
        """A callout as Help Scout's editor writes it."""
        return f'<section class="callout-{_COLOURS[kind]}">{inner}</section>'

    # --- rows ----------------------------------------------------------------------------------

    def _placed(self) -> Iterator[tuple[OutSection, OutArticle, OutText]]:
        for section in self.library.sections:
            for article in section.articles:
                for text in article.texts:
                    self._hold("collection", section.category, article, text)
                    self._hold("category", section.key, article, text)
                    yield section, article, text

    def _hold(self, kind: str, key: str, article: OutArticle, text: OutText) -> None:
        name = _group(kind, key, text.lang, article.is_internal)
        self._groups.setdefault(name, []).append((article, text))

    def _changed(self, created: str, updated: str, author: str) -> Row:
        number = self._numbers.of("person", author or NOBODY)
        return {
            "createdBy": number,
            "updatedBy": number,
            "createdAt": created,
            "updatedAt": updated,
        }

    def _article(self, section: OutSection, article: OutArticle, text: OutText) -> Row:
        of = (text.lang, article.is_internal)
        updated = stamp(text.updated)
        return {
            "id": self._id(article, text),
            "number": self._number(text),
            "collectionId": digest("group", _group("collection", section.category, *of), 24),
            "slug": ascii_slug(text.article.title) or f"article-{self._number(text)}",
            "status": "notpublished" if text.is_draft else "published",
            "hasDraft": False,
            "name": text.article.title,
            "publicUrl": self.address(article, text),
            "popularity": 0.0,
            "viewCount": 0,
            **self._changed(stamp(text.created), updated, article.author),
            "lastPublishedAt": None if text.is_draft else updated,
            "text": self.body(text),
            "categories": [digest("group", _group("category", section.key, *of), 24)],
            "related": [
                self._id(other, found)
                for other in self.related(text)
                if (found := other.text(text.lang)) is not None
            ],
            "keywords": list(dict.fromkeys((*text.article.tags, *text.article.keywords))),
        }

    def _collections(self) -> Iterator[Row]:
        for order, category in enumerate(self.library.categories):
            for lang, is_internal in self._kinds("collection", category.key):
                name = _group("collection", category.key, lang, is_internal)
                title = title_in(category.titles, lang, "General")
                yield self._group_row(name, title, "", order) | {
                    "siteId": digest("site", lang, 24),
                    "publicUrl": f"{self.base}/collection/{self._numbers.of('group', name)}",
                }

    def _categories(self) -> Iterator[Row]:
        for order, section in enumerate(self.library.sections):
            for lang, is_internal in self._kinds("category", section.key):
                name = _group("category", section.key, lang, is_internal)
                above = _group("collection", section.category, lang, is_internal)
                said = title_in(section.descriptions, lang)
                yield self._group_row(name, title_in(section.titles, lang), said, order) | {
                    "collectionId": digest("group", above, 24),
                    "defaultSort": "custom",
                    "publicUrl": f"{self.base}/category/{self._numbers.of('group', name)}",
                }

    def _kinds(self, kind: str, key: str) -> list[tuple[str, bool]]:
        """The languages and audiences that have an article in a group."""
        both = [(lang, hidden) for lang in self.library.languages for hidden in (False, True)]
        return [one for one in both if _group(kind, key, *one) in self._groups]

    def _group_row(self, name: str, title: str, said: str, order: int) -> Row:
        held, now = self._groups[name], stamp(self.library.now)
        number = self._numbers.of("group", name)
        return {
            "id": digest("group", name, 24),
            "number": number,
            "slug": ascii_slug(title) or f"group-{number}",
            "visibility": "private" if name.endswith("/internal") else "public",
            "order": order,
            "name": title,
            "description": said[:LONGEST_DESCRIPTION] or None,
            "articleCount": len(held),
            "publishedArticleCount": sum(not text.is_draft for _, text in held),
            **self._changed(now, now, NOBODY),
        }

    def _old_paths(self) -> Iterator[tuple[str, OutArticle, OutText]]:
        """Old paths but the article's own there."""
        for old, article, text in self.redirects():
            found = _NUMBER_IN_PATH.match(old)
            if not found or int(found[1]) != _number_of(text):
                yield old, article, text

    def _redirect(self, old: str, article: OutArticle, text: OutText) -> Row:
        person, at = self._numbers.of("person", article.author or NOBODY), stamp(text.created)
        return {
            "id": digest("redirect", old, 24),
            "siteId": digest("site", text.lang, 24),
            "urlMapping": old,
            "documentId": self._id(article, text),
            "type": "article",
            "redirect": self.address(article, text),
            "anchor": None,
            "createdBy": person,
            "modifiedBy": person,
            "createdAt": at,
            "modifiedAt": at,
        }

    def _site(self, lang: str) -> Row:
        name = (urlsplit(self.base).hostname or "help").partition(".")[0]
        return {
            "id": digest("site", lang, 24),
            "status": "active",
            "subDomain": f"{name}-{lang}",
            "cname": None,
            "hasPublicSite": True,
            "companyName": name,
            "title": f"{name} ({lang})",
        }


def _group(kind: str, key: str, lang: str, is_internal: bool) -> str:
    return f"{kind}/{key}/{lang}/{'internal' if is_internal else 'public'}"


def _number_of(text: OutText) -> int | None:
    found = _NUMBER_IN_PATH.search(urlsplit(text.origin.url).path)
    return int(found[1]) if found else None


def _list(name: str, rows: Sequence[Row]) -> Row:
    """The whole list as the only page of an answer."""
    return {name: {"page": 1, "pages": 1, "count": len(rows), "items": list(rows)}}
