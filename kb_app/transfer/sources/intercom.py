"""Intercom: Articles, Internal Articles and Help Center of its API (developers.intercom.com).

Lists of articles have no reactions: each article is asked for. Reactions are percentages of their
number; the whole numbers next to them are taken.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

from kb_app.transfer.http_api import MOST_PAGES, Api
from kb_app.transfer.model import ForeignArticle, ForeignSection, ForeignText, TransferError
from kb_app.transfer.sources.values import (
    Lost,
    Row,
    Signed,
    below,
    chains,
    count,
    first_per_language,
    language,
    linked_files,
    moment,
    number,
    origin,
    row,
    rows,
    text,
    texts,
)

VERSION = "2.16"
PAGE = 50
# Where files that were put into an article are, on any of Intercom's hosts.
_FILE = re.compile(r"/i/o/(?:[\w-]{1,100}/){0,4}\d{1,20}/")
_PAGE_URL = re.compile(r"\A(.*?)(/[A-Za-z]{2,3}(?:-[A-Za-z]+)?)(/articles/\d+)(-[^?#]*)?")
_CALLOUT = re.compile(
    r'(?<=class="intercom-interblocks-callout)(?="[^<>]{0,200}?background-color: ?#([0-9a-f]{6}))'
)
_KINDS = {"feedaf": " warning", "fed9db": " danger", "d7efdc": " tip"}


class Intercom:
    """One workspace. ``token`` is an access token that may read articles."""

    name = "intercom"

    def __init__(self, url: str, token: str, kept: Path) -> None:
        headers = {"Authorization": f"Bearer {token}", "Intercom-Version": VERSION}
        self._api = Api(origin(url), kept, headers)
        self._signed = Signed()
        self._lost = Lost()

    def sections(self) -> Iterator[ForeignSection]:
        """All collections, named with those above them."""
        for order, chain in enumerate(chains(self._rows("help_center/collections"))):
            names = [_by_language(one, "name") for one in chain]
            titles = {lang: below(one.get(lang, "") for one in names) for lang in names[-1]}
            about = _by_language(chain[-1], "description")
            yield ForeignSection(text(chain[-1].get("id")), titles, about, order)

    def articles(self) -> Iterator[ForeignArticle]:
        """All articles with their translations and reactions, and the internal ones."""
        if self._api.json("articles", per_page=PAGE) is None:
            raise TransferError(f"{self._api.base} has no articles. Is it Intercom's API?")
        for listed in self._rows("articles"):
            yield self._article(listed)
        for one in self._rows("internal_articles"):
            yield self._internal(one)

    def file(self, url: str, place: str) -> bytes | None:
        """A picture or file of Intercom or another host."""
        return self._api.file(urljoin(self._api.base, self._signed.whole(url)))

    def unmapped(self) -> Iterator[str]:
        """What was there and has no place here."""
        yield from self._lost
        yield "reactions: Intercom gives percentages only; the nearest whole numbers are imported"
        yield "order: Intercom does not say in which order the articles of a collection are"
        yield "addresses of collections: only those of articles lead on"
        yield "views: how often articles were read is not imported"

    # --- lists ---------------------------------------------------------------------------------

    def _rows(self, path: str) -> Iterator[Row]:
        """The rows of all pages: the next one is named by its address, or by a cursor."""
        query: dict[str, object] = {"per_page": PAGE}
        for _ in range(MOST_PAGES):
            answer = row(self._api.optional(path, **query))
            yield from rows(answer.get("data"))
            following = row(answer.get("pages")).get("next")
            if isinstance(following, dict):
                new = {"starting_after": text(following.get("starting_after"))}
            else:
                new = dict(parse_qsl(urlsplit(text(following)).query))
            if not any(new.values()) or {**query, **new} == query:
                return
            query |= new

    @cached_property
    def _admins(self) -> Mapping[str, str]:
        found = rows(row(self._api.optional("admins")).get("admins"))
        if not found:
            self._lost.add("authors: the token may not read the admins")
        return {
            text(one.get("id")): text(one.get("email")) or text(one.get("name")) for one in found
        }

    @cached_property
    def _redirects(self) -> Mapping[str, list[str]]:
        """Old addresses by the article that they lead to."""
        urls: dict[str, list[str]] = defaultdict(list)
        for centre in self._rows("help_center/help_centers"):
            path = f"help_center/help_centers/{centre.get('id')}/redirects"
            if self._api.optional(path, per_page=PAGE) is None:
                self._lost.add("redirects: the API does not give them to this token")
                continue
            for one in self._rows(path):
                if one.get("target_type") == "article":
                    urls[text(one.get("target_id"))].append(text(one.get("from_url")))
                else:
                    self._lost.add("redirects: those that lead to no article are left out")
        return urls

    # --- articles ------------------------------------------------------------------------------

    def _article(self, listed: Row) -> ForeignArticle:
        key = text(listed.get("id"))
        one = {**listed, **row(self._api.json(f"articles/{key}"))}
        found = _PAGE_URL.match(text(one.get("url")))
        first = text(one.get("default_locale")) or (found[2].strip("/") if found else "en")
        translated = row(one.get("translated_content"))
        contents = {first: row(translated.get(first)) or one}
        contents |= {
            locale: content
            for locale, content in translated.items()
            if locale != first and isinstance(content, dict)
            if content.get("title") or content.get("body")
        }
        given = (text(one.get("parent_id")), *texts(one.get("parent_ids")))
        parents = [parent for parent in dict.fromkeys(given) if parent]
        if len(parents) > 1:
            self._lost.add("collections: an article in several of them is imported into the first")
        up, down = self._votes(row(one.get("statistics")))
        made = tuple(self._text(content, locale) for locale, content in contents.items())
        return ForeignArticle(
            key=key,
            section=parents[0] if parents else "",
            texts=first_per_language(made, self._lost),
            author=self._admins.get(text(contents[first].get("author_id")), ""),
            created=moment(contents[first].get("created_at")),
            up=up,
            down=down,
            labels=_labels(one),
            is_internal=one.get("help_center_audience") not in (None, "everyone"),
            old_urls=tuple(self._redirects.get(key, ())),
            files=linked_files((content.body for content in made), _FILE),
        )

    def _internal(self, one: Row) -> ForeignArticle:
        made = self._text({**one, "state": "published"}, text(one.get("locale")))
        return ForeignArticle(
            key=f"internal-{text(one.get('id'))}",
            section="internal",
            texts=(made,),
            author=self._admins.get(text(one.get("owner_id") or one.get("author_id")), ""),
            created=moment(one.get("created_at")),
            labels=_labels(one),
            is_internal=True,
            files=linked_files((made.body,), _FILE),
        )

    def _text(self, content: Row, locale: str) -> ForeignText:
        url = text(content.get("url"))
        found = _PAGE_URL.match(url)
        old = (found[1] + found[2] + found[3], found[1] + found[3]) if found else ()
        body = _CALLOUT.sub(lambda kind: _KINDS.get(kind[1], ""), text(content.get("body")))
        return ForeignText(
            lang=language(locale),
            title=text(content.get("title")),
            body=self._signed.plain(body),
            url=url,
            updated=moment(content.get("updated_at")),
            is_draft=content.get("state") not in ("published", None),
            summary=text(content.get("description")),
            old_urls=old,
        )

    def _votes(self, statistics: Row) -> tuple[int | None, int | None]:
        reactions = count(statistics.get("reactions"))
        happy, neutral, sad = (
            number(statistics.get(f"{kind}_reaction_percentage"))
            for kind in ("happy", "neutral", "sad")
        )
        if reactions is None or happy is None or sad is None:
            return None, None
        if neutral:
            self._lost.add("neutral reactions: articles have them, and votes here are up or down")
        return round(reactions * happy / 100), round(reactions * sad / 100)


def _labels(one: Row) -> tuple[str, ...]:
    names = (text(tag.get("name")) for tag in rows(row(one.get("tags")).get("tags")))
    return tuple(name for name in names if name)


def _by_language(one: Row, field: str) -> dict[str, str]:
    first = text(one.get("default_locale")) or "en"
    given = {first: one, **row(one.get("translated_content"))}.items()
    found = {language(locale): text(row(value).get(field)) for locale, value in given if row(value)}
    return {lang: name for lang, name in found.items() if name}
