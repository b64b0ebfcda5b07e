"""The lists of Intercom's Articles and Help Center APIs, version 2.14 (Intercom-OpenAPI)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from kb_app.transfer.targets.generated_ids import Numbers, word_slug
from kb_app.transfer.targets.library import OutArticle, OutSection, OutText, title_in
from kb_app.transfer.targets.vendor import NOBODY, Row, Vendor

_COLOURS = {
    "note": "#e3e7fa80; border-color: #334bfa33",
    "tip": "#d7efdc80; border-color: #1bb15733",
    "warning": "#feedaf80; border-color: #fbc91633",
    "danger": "#fed9db80; border-color: #fa2f3f33",
}
WORKSPACE, HELP_CENTRE = "kb-export", 1


class Intercom(Vendor):
    """articles, internal_articles, collections, help_centers and admins."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        keys = (one.original.origin.key for one in self.library.articles)
        taken = [int(key) for key in keys if _is_id(key)]
        self._numbers = Numbers(90_000_000, 9_999_999, taken)
        self.primary = self.library.languages[0]

    def write(self) -> None:
        """Write the lists."""
        articles, internal = [], []
        for section in self.library.sections:
            for article in section.articles:
                if article.is_internal:
                    internal += [self._internal(article, text) for text in article.texts]
                else:
                    articles.append(self._article(section, article))
        self.json("articles.json", _list(articles))
        self.json("internal_articles.json", _list(internal))
        self.json("collections.json", _list(self._collections()))
        self.json("help_centers.json", {"type": "list", "data": [self._help_centre()]})
        self.json("admins.json", {"type": "admin.list", "admins": self._admins()})
        self._say(bool(internal))

    def _say(self, has_internal: bool) -> None:
        self.say_what_is_lost("summary", "tags", "audience", "votes", "owner")
        if any(True for _ in self.redirects()):
            self.report.say("The lists of version 2.14 have no redirects: old addresses are lost.")
        if has_internal:
            self.report.say(
                "Internal articles have no section, labels, votes or state there, and each language"
                " is one of its own; drafts among them are not marked."
            )
        self.report.say("Votes are a number of reactions and percentages of it.")
        self.report.say("Pictures and files are named by their place in files/.")

    # --- ids and addresses ---------------------------------------------------------------------

    def number(self, article: OutArticle) -> int:
        """The id of an article: the one it had, else one made up."""
        key = article.original.origin.key
        return int(key) if _is_id(key) else self._numbers.of("article", article.id)

    def path(self, article: OutArticle, text: OutText) -> str:
        """The path of its page."""
        slug = word_slug(text.article.title).lower()
        return f"/{text.lang}/articles/{self.number(article)}" + (f"-{slug}" if slug else "")

    def callout(self, kind: str, inner: str) -> str:
        """A callout as Intercom's editor writes it."""
        style = f"background-color: {_COLOURS[kind]};"
        return f'<div class="intercom-interblocks-callout" style="{style}">{inner}</div>'

    def _person(self, author: str) -> int:
        return self._numbers.of("person", author or NOBODY)

    # --- rows ----------------------------------------------------------------------------------

    def _content(self, article: OutArticle, text: OutText) -> Row:
        return {
            "title": text.article.title,
            "description": text.article.summary,
            "body": self.body(text),
            "author_id": self._person(text.origin.author or text.article.owner or article.author),
            "state": "draft" if text.is_draft else "published",
            "created_at": int(text.created.timestamp()),
            "updated_at": int(text.updated.timestamp()),
            "url": self.address(article, text),
        }

    def _article(self, section: OutSection, article: OutArticle) -> Row:
        parent = self._numbers.of("section", section.key)
        labels = dict.fromkeys(tag for text in article.texts for tag in text.article.tags)
        return {
            "type": "article",
            "id": str(self.number(article)),
            "workspace_id": WORKSPACE,
            "parent_id": parent,
            "parent_type": "collection",
            "parent_ids": [parent],
            "default_locale": article.original.lang,
            "translated_content": {
                "type": "article_translated_content",
                **{
                    text.lang: {"type": "article_content", **self._content(article, text)}
                    for text in article.texts
                },
            },
            "tags": {
                "type": "tag.list",
                "tags": [
                    {"type": "tag", "id": str(self._numbers.of("tag", name)), "name": name}
                    for name in labels
                ],
            },
            **self._content(article, article.original),
            "updated_at": int(article.updated.timestamp()),
            "statistics": _statistics(article),
        }

    def _internal(self, article: OutArticle, text: OutText) -> Row:
        is_original = text is article.original
        number = (
            self.number(article) if is_original else self._numbers.of("article", text.article.id)
        )
        author = self._person(text.origin.author or text.article.owner or article.author)
        return {
            "type": "internal_article",
            "id": str(number),
            "title": text.article.title,
            "body": self.body(text),
            "owner_id": author,
            "author_id": author,
            "created_at": int(text.created.timestamp()),
            "updated_at": int(text.updated.timestamp()),
            "locale": text.lang,
        }

    def _collections(self) -> list[Row]:
        """Categories, then sections that have an article for everyone, or none at all."""
        rows = [
            self._collection(("category", one.key), one.titles, {}, None)
            for one in self.library.categories
            if one.titles
        ]
        for one in self.library.sections:
            if one.articles and all(article.is_internal for article in one.articles):
                continue
            parent = ("category", one.category) if one.category else None
            row = self._collection(("section", one.key), one.titles, one.descriptions, parent)
            rows.append(row)
        for order, row in enumerate(rows):
            row["order"] = order
        return rows

    def _collection(
        self,
        named: tuple[str, str],
        titles: Mapping[str, str],
        said: Mapping[str, str],
        parent: tuple[str, str] | None,
    ) -> Row:
        number, now = self._numbers.of(*named), int(self.library.now.timestamp())
        return {
            "id": str(number),
            "workspace_id": WORKSPACE,
            "name": title_in(titles, self.primary),
            "description": title_in(said, self.primary) or None,
            "created_at": now,
            "updated_at": now,
            "url": f"{self.base}/{self.primary}/collections/{number}",
            "icon": "book-bookmark",
            "order": 0,
            "default_locale": self.primary,
            "translated_content": {
                "type": "group_translated_content",
                **{
                    lang: {
                        "type": "group_content",
                        "name": title,
                        "description": said.get(lang, ""),
                    }
                    for lang, title in titles.items()
                },
            },
            "parent_id": str(self._numbers.of(*parent)) if parent else None,
            "help_center_id": HELP_CENTRE,
        }

    def _help_centre(self) -> Row:
        now = int(self.library.now.timestamp())
        return {
            "id": str(HELP_CENTRE),
            "workspace_id": WORKSPACE,
            "created_at": now,
            "updated_at": now,
            "identifier": WORKSPACE,
            "website_turned_on": True,
            "display_name": "Help",
            "url": self.base,
            "custom_domain": None,
        }

    def _admins(self) -> list[Row]:
        authors = [*self.library.authors]
        authors += [text.origin.author or text.article.owner for _, text in self.library.texts]
        return [
            {
                "type": "admin",
                "id": str(self._person(author)),
                "name": author or NOBODY,
                "email": author if "@" in author else None,
                "away_mode_enabled": False,
                "has_inbox_seat": True,
                "team_ids": [],
            }
            for author in dict.fromkeys(authors)
        ]


def _is_id(key: str) -> bool:
    return key.isascii() and key.isdigit() and len(key) <= 15


def _statistics(article: OutArticle) -> Row:
    reactions = article.up + article.down
    return {
        "type": "article_statistics",
        "views": 0,
        "conversions": 0,
        "reactions": reactions,
        "happy_reaction_percentage": 100 * article.up / reactions if reactions else 0,
        "neutral_reaction_percentage": 0,
        "sad_reaction_percentage": 100 * article.down / reactions if reactions else 0,
    }


def _list(rows: Sequence[Row]) -> Row:
    """The whole list as the only page of an answer."""
    pages = {
        "type": "pages",
        "next": None,
        "page": 1,
        "per_page": max(len(rows), 1),
        "total_pages": 1,
    }
    return {"type": "list", "pages": pages, "total_count": len(rows), "data": list(rows)}
