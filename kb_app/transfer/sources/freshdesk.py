"""Freshdesk: Solutions of its API v2 (developers.freshdesk.com/api).

The API names no address of a page: Freshdesk makes it of the number and the title. A folder that
not everybody sees is internal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

from kb_app.transfer.http_api import Api
from kb_app.transfer.model import (
    ForeignArticle,
    ForeignFile,
    ForeignSection,
    ForeignText,
    TransferError,
)
from kb_app.transfer.sources.values import (
    DEEPEST,
    Lost,
    Row,
    below,
    count,
    first_per_language,
    language,
    moment,
    origin,
    row,
    rows,
    text,
    texts,
)

SOLUTIONS = "api/v2/solutions"
# Rows of a page at most, and as a rule.
PAGE, USUAL_PAGE = 100, 30
EVERYONE, PUBLISHED, WORKAROUND = 1, 2, 2
_SYMBOLS = re.compile(r"[\x00-\x2f:-@\[-`{-\x7f]+")
_NO_WORDS = re.compile(r"[^\w]+")
Chain = tuple[Row, ...]


class Freshdesk:
    """One account. ``token`` is the API key of an agent who may see all solutions."""

    name = "freshdesk"

    def __init__(self, url: str, token: str, kept: Path) -> None:
        self._api = Api(origin(url), kept, auth=(token, "X"))
        self._lost = Lost()

    def sections(self) -> Iterator[ForeignSection]:
        """All folders, named with their categories and the folders above them."""
        primary, others = self._languages
        names = {primary: _names(self._chains)}
        for locale in others:
            names[locale] = _names(self._folders(f"/{locale}"))
        for order, chain in enumerate(self._chains):
            ids = [text(one.get("id")) for one in chain]
            titles = {
                language(locale): below(known.get(one, "") for one in ids)
                for locale, known in names.items()
                if known.get(ids[-1])
            }
            about = {language(primary): text(chain[-1].get("description"))}
            yield ForeignSection(ids[-1], titles, about, order)

    def articles(self) -> Iterator[ForeignArticle]:
        """All articles with their translations, votes and attachments."""
        for chain in self._chains:
            path = f"{SOLUTIONS}/folders/{chain[-1].get('id')}/articles"
            translated = {
                locale: {text(one.get("id")): one for one in self._rows(f"{path}/{locale}")}
                for locale in self._languages[1]
            }
            for order, one in enumerate(self._rows(path)):
                key = text(one.get("id"))
                found = {locale: known[key] for locale, known in translated.items() if key in known}
                yield self._article({self._languages[0]: one, **found}, chain, order)

    def file(self, url: str, place: str) -> bytes | None:
        """A picture or file of the account or of another host."""
        return self._api.file(url)

    def unmapped(self) -> Iterator[str]:
        """What was there and has no place here."""
        yield from self._lost
        yield "addresses of folders: only those of articles lead on"
        yield "views: how often articles were read is not imported"

    # --- lists ---------------------------------------------------------------------------------

    @cached_property
    def _languages(self) -> tuple[str, tuple[str, ...]]:
        """The primary language, and the others."""
        settings = row(self._api.optional("api/v2/settings/helpdesk"))
        primary = text(settings.get("primary_language"))
        if not primary:
            self._lost.add("languages: the token may not read them; all texts count as English")
        keys = ("supported_languages", "portal_languages")
        given = dict.fromkeys(one for key in keys for one in texts(settings.get(key)))
        return primary or "en", tuple(one for one in given if one != primary)

    @cached_property
    def _agents(self) -> Mapping[str, str]:
        if self._api.optional("api/v2/agents", per_page=PAGE, page=1) is None:
            self._lost.add("authors: the token may not read the agents")
            return {}
        found = self._rows("api/v2/agents")
        contacts = {text(one.get("id")): row(one.get("contact")) for one in found}
        return {
            key: text(one.get("email")) or text(one.get("name")) for key, one in contacts.items()
        }

    @cached_property
    def _chains(self) -> list[Chain]:
        if self._api.json(f"{SOLUTIONS}/categories", per_page=PAGE, page=1) is None:
            raise TransferError(f"{self._api.base} has no solutions. Is it a Freshdesk account?")
        return list(self._folders(""))

    def _folders(self, ending: str) -> Iterator[Chain]:
        """Each folder after its category and the folders above it, in order."""
        for category in self._rows(f"{SOLUTIONS}/categories{ending}"):
            path = f"{SOLUTIONS}/categories/{category.get('id')}/folders{ending}"
            yield from self._below((category,), path, ending)

    def _below(self, above: Chain, path: str, ending: str) -> Iterator[Chain]:
        for folder in self._rows(path):
            chain = (*above, folder)
            yield chain
            if folder.get("sub_folders_count") != 0 and len(chain) < DEEPEST:
                inner = f"{SOLUTIONS}/folders/{folder.get('id')}/subfolders{ending}"
                yield from self._below(chain, inner, ending)

    def _rows(self, path: str) -> Iterator[Row]:
        return self._api.numbered(path, PAGE, USUAL_PAGE)

    # --- articles ------------------------------------------------------------------------------

    def _article(self, versions: Mapping[str, Row], chain: Chain, order: int) -> ForeignArticle:
        """An article of its versions by language, the primary one first."""
        original = next(iter(versions.values()))
        key, page = text(original.get("id")), "support/solutions/articles"
        missing = (one for one in self._languages[1] if one not in versions)
        if original.get("type") == WORKAROUND:
            self._lost.add("workarounds: articles of this kind are usual ones here")
        given = (self._text(key, one, locale) for locale, one in versions.items())
        return ForeignArticle(
            key=key,
            section=text(chain[-1].get("id")),
            texts=first_per_language(given, self._lost),
            author=self._agents.get(text(original.get("agent_id")), ""),
            created=moment(original.get("created_at")),
            up=count(original.get("thumbs_up")),
            down=count(original.get("thumbs_down")),
            labels=texts(original.get("tags")),
            is_internal=any(one.get("visibility") != EVERYONE for one in chain[1:]),
            order=order,
            old_urls=tuple(f"/{locale}/{page}/{key}" for locale in missing),
            files=tuple(self._files(key, versions)),
        )

    def _files(self, key: str, versions: Mapping[str, Row]) -> Iterator[ForeignFile]:
        """The attachments of all versions; lists of articles do not have them."""
        known: set[str] = set()
        for locale, listed in versions.items():
            ending = "" if locale == self._languages[0] else f"/{locale}"
            path = f"{SOLUTIONS}/articles/{key}{ending}"
            whole = listed if "attachments" in listed else row(self._api.json(path))
            self._lost.add(
                "cloud files: files that stay with another service are left out",
                len(rows(whole.get("cloud_files"))),
            )
            for one in rows(whole.get("attachments")):
                url = text(one.get("attachment_url"))
                if url and url not in known:
                    yield ForeignFile(text(one.get("name")) or "file", url)
                known.add(url)

    def _text(self, key: str, given: Row, locale: str) -> ForeignText:
        title, seo = text(given.get("title")), row(given.get("seo_data"))
        starts = ["", f"/{locale}"] if locale == self._languages[0] else [f"/{locale}"]
        paths = [
            f"{start}/support/solutions/articles/{end}"
            for start in reversed(starts)
            for end in _ends(key, title)
        ]
        if (seo.get("meta_title") or title) != title or seo.get("meta_keywords"):
            self._lost.add("titles and keywords for search engines: they are not imported")
        return ForeignText(
            lang=language(locale),
            title=title,
            body=text(given.get("description")),
            url=self._api.base + quote(paths[0]),
            updated=moment(given.get("updated_at")),
            is_draft=given.get("status") not in (PUBLISHED, None),
            summary=text(seo.get("meta_description")),
            old_urls=tuple(paths[1:]),
        )


def _names(chains: Iterator[Chain] | list[Chain]) -> dict[str, str]:
    return {text(one.get("id")): text(one.get("name")) for chain in chains for one in chain}


def _ends(key: str, title: str) -> list[str]:
    """How addresses of an article end: with its title as Freshdesk wrote it over time, and bare."""
    usual = f"{key}-{_SYMBOLS.sub('-', title[:101]).lower()}"
    other = f"{key}-{_NO_WORDS.sub('-', title).strip('-')[:80]}"
    return list(dict.fromkeys((usual.rstrip("-"), usual, other.rstrip("-"), key)))
