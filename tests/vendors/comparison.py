"""What an import lost: the articles of a folder against the help centre that they came from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

from bs4 import BeautifulSoup

from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.editing.front_text import values_of
from indexer.model import Article
from indexer.reading.front_matter import address_of
from tests.vendors.blocks import NEVER
from tests.vendors.content import Entry, HelpCentre, Text
from tests.vendors.mapped import fields_of


def losses(vendor: str, centre: HelpCentre, folder: Path, addresses: dict[str, str]) -> list[str]:
    """Every mapped field that is not as it was, by entry; ``addresses`` by KEY/LANG."""
    cache = BuildCache(folder.parent / "compared.sqlite")
    found = collect(folder, cache, UTC)
    cache.close()
    errors = [str(one) for one in found.problems if one.severity == "error" and one.code != "link"]
    by_address = {
        address: article
        for article in found.articles
        for address in (*article.addresses, f"/{article.lang}/articles/{article.slug}")
    }
    lost = [f"problem: {one}" for one in errors]
    groups: dict[str, set[str]] = {}
    for entry in centre.entries:
        for text in entry.texts if "translations" in fields_of(vendor) else entry.texts[:1]:
            place = addresses.get(f"{entry.key}/{text.lang}")
            if place is None:
                continue
            article = by_address.get(address_of(place))
            if article is None and _is_hidden(fields_of(vendor), entry):
                continue
            if article is None:
                lost.append(f"{entry.key}/{text.lang}: no article answers {place}")
                continue
            groups.setdefault(entry.key, set()).add(article.group)
            what = _lost_of(fields_of(vendor), entry, text, article, folder)
            lost += [f"{entry.key}/{text.lang} {article.path}: {one}" for one in what]
            lost += list(_lost_addresses(fields_of(vendor), entry, text, by_address, article))
    for key, found_groups in groups.items():
        if len(found_groups) > 1:
            lost.append(f"{key}: its languages are no translations of each other")
    return lost


def _is_hidden(fields: frozenset[str], entry: Entry) -> bool:
    """Whether an entry is not in an export whose shape has no place for what hides it."""
    return (entry.internal and "internal" not in fields) or (entry.draft and "draft" not in fields)


def _lost_addresses(
    fields: frozenset[str], entry: Entry, text: Text, known: dict[str, Article], article: Article
) -> Iterator[str]:
    if "redirects" in fields and text == entry.original:
        for path in entry.old_paths:
            found = known.get(address_of(path))
            if found is None or found.group != article.group:
                yield f"{entry.key}: {path} does not lead to it"


def _lost_of(
    fields: frozenset[str], entry: Entry, text: Text, article: Article, folder: Path
) -> Iterator[str]:
    values = values_of(article.path, (folder / article.path).read_text("utf-8"))
    given = values.get("imported") or {}
    if "title" in fields and text.title.strip() and article.title != " ".join(text.title.split()):
        yield f"title {article.title[:50]!r} instead of {text.title[:50]!r}"
    if "body" in fields:
        yield from _lost_words(text, article)
    if "labels" in fields and set(article.tags) != set(entry.labels):
        yield f"labels {article.tags} instead of {entry.labels}"
    votes = given.get("up"), given.get("down")
    if "votes" in fields and text == entry.original and votes != (entry.up, entry.down):
        yield f"votes {votes} instead of {entry.up}, {entry.down}"
    yield from _lost_marks(fields, entry, text, article, given)
    if text == entry.original:
        yield from _lost_media(fields, entry, folder)


def _lost_marks(
    fields: frozenset[str], entry: Entry, text: Text, article: Article, given: dict[str, object]
) -> Iterator[str]:
    if "draft" in fields and (article.status == "draft") != entry.draft:
        yield f"status {article.status}"
    if "internal" in fields and (article.audience == "internal") != entry.internal:
        yield f"audience {article.audience}"
    if "promoted" in fields and article.featured != entry.promoted:
        yield "promoted"
    if "created" in fields and not str(given.get("created", "")).startswith(
        entry.created.date().isoformat()
    ):
        yield f"created {given.get('created')}"
    if "updated" in fields and article.updated != text.updated.date():
        yield f"updated {article.updated} instead of {text.updated.date()}"
    if "author" in fields and article.owner not in (entry.mail, entry.author):
        yield f"author {article.owner!r}"


def _lost_media(fields: frozenset[str], entry: Entry, folder: Path) -> Iterator[str]:
    for kind, media in (("pictures", entry.pictures), ("files", entry.files)):
        # Of one language alone, only what its text shows can come.
        body = entry.original.body_html
        due = [one for one in media if "translations" in fields or one.name in body]
        if kind in fields and due:
            held = {path.read_bytes() for path in folder.rglob("*") if path.is_file()}
            yield from (f"{kind}: {one.name}" for one in due if one.bytes not in held)


def _lost_words(text: Text, article: Article) -> Iterator[str]:
    shown = squeezed(BeautifulSoup(article.html, "html.parser").get_text())
    for words in text.visible:
        if squeezed(words) not in shown:
            yield f"words {words[:50]!r}"
    if NEVER in article.html:
        yield "a script, style or comment is shown"


def squeezed(text: str) -> str:
    """A text without spaces, in one form of Unicode."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFC", text.replace("\xa0", " ")))
