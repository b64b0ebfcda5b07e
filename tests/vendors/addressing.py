"""Numbers and slugs that vendors would have given, and how they write links."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from tests.vendors.blocks import Image, Link
from tests.vendors.content import Entry, HelpCentre, Text


def numbers(centre: HelpCentre, start: int) -> dict[str, int]:
    """A number for every category, section, entry and author's mail."""
    keys = [category.key for category in centre.categories]
    keys += [section.key for section in centre.sections]
    keys += [entry.key for entry in centre.entries]
    keys += list(centre.authors)
    return {key: start + i * 17 for i, key in enumerate(keys)}


def hex_id(kind: str, key: str, length: int = 24) -> str:
    return hashlib.sha256(f"{kind}:{key}".encode()).hexdigest()[:length]


def uuid(kind: str, key: str) -> str:
    text = hex_id(kind, key, 32)
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


def slug(title: str, separator: str = "-") -> str:
    """Words of any script, joined; as the vendors cut titles down for addresses."""
    return re.sub(r"[^\w]+", separator, title).strip(separator)[:80]


def ascii_slug(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60]


@dataclass(frozen=True)
class Targets:
    """Paths on the vendor's host that links lead to."""

    article: Callable[[str, str], str]
    """By the key of an entry and the language it is linked from."""
    section: Callable[[str, str], str]
    category: Callable[[str, str], str]
    missing: Callable[[str, str], str]

    def path(self, target: str, lang: str) -> str:
        kind, _, key = target.partition(":")
        return getattr(self, kind)(key, lang)  # type: ignore[no-any-return]


def link_writer(base: str, lang: str, targets: Targets) -> Callable[[Link], str]:
    """Links as editors paste them: absolute, relative to the host, from a search."""

    def write(link: Link) -> str:
        if link.target.startswith(("#", "http")):
            return link.target
        path = quote(targets.path(link.target, lang), safe="/%-")
        if link.form == "search":
            return f"{base}{path}?source=search&q=1"
        anchor = f"#{link.anchor}" if link.anchor else ""
        return (path if link.form == "relative" else base + path) + anchor

    return write


def picture_writer(
    base: str, path: Callable[[str], str], query: str = ""
) -> Callable[[Image], str]:
    def write(image: Image) -> str:
        host = "" if image.form == "relative" else base
        return host + quote(path(image.name)) + query

    return write


def original_language(centre: HelpCentre, key: str, lang: str) -> str:
    """The language that an entry's link has: the wanted one where the entry has it."""
    entry = centre.by_key[key]
    return lang if entry.text(lang) else entry.original.lang


def text_in(entry: Entry, lang: str) -> Text:
    return entry.text(lang) or entry.original


def pictures_of(text: Text) -> dict[str, bytes]:
    return {one.name: one.bytes for one in text.pictures}


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
