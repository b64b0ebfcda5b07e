"""What the answers of vendors hold, whatever else may stand there. Pure."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from html import unescape
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from kb_app.transfer.model import ForeignFile, ForeignText

Row = Mapping[str, Any]
# Sections below one another that are followed.
DEEPEST = 10
_LINKS = re.compile(
    r"""<a\b[^<>]{0,1000}?\bhref\s*=\s*["']([^"'<>]{1,2000})["'][^<>]{0,1000}>([^<]{0,300})"""
    r"""|\[([^\[\]\n]{1,300})\]\(<?([^\s()<>]{1,2000})>?"""
)
# Addresses that hold only for a while. Without their query they stay the same.
_ADDRESS = re.compile(r"""(?:https?:/)?/[^\s"'<>()]+""")
_SIGNATURE = re.compile(r"\b(?:signature|sig)=")


def text(value: Any) -> str:
    """A text; "" for nothing, and for what is no text or number."""
    return str(value) if isinstance(value, str | int | float) and value is not False else ""


def row(value: Any) -> Row:
    """An object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def rows(value: Any) -> list[Row]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def texts(value: Any) -> tuple[str, ...]:
    """The texts of a list that are not empty."""
    found = map(text, value) if isinstance(value, list) else ()
    return tuple(one for one in found if one.strip())


def number(value: Any) -> float | None:
    """A number, also one that is written as text."""
    try:
        return None if value is None or isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def count(value: Any) -> int | None:
    """A number of things, None for none that is known."""
    found = number(value)
    return round(found) if found is not None and 0 <= found < 1e12 else None


def moment(value: Any) -> datetime | None:
    """A time as ISO 8601 or in seconds since 1970; UTC where it names no zone."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value, UTC)
        found = datetime.fromisoformat(text(value).replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def language(value: Any) -> str:
    """The language of a locale, ``ja`` for ``ja-JP``; ``en`` where there is none."""
    found = re.match(r"[A-Za-z]{2,3}(?![A-Za-z])", text(value))
    return found[0].lower() if found else "en"


def origin(url: str) -> str:
    """The address of an API without a path that was written with it."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else url


def below(names: Iterable[str]) -> str:
    """The name of a section with those above it."""
    return ": ".join(dict.fromkeys(name.strip() for name in names if name.strip()))


def chains(given: Iterable[Row]) -> Iterator[tuple[Row, ...]]:
    """Each row after those above it, by ``id``, ``parent_id`` and ``order``."""
    found = {text(one.get("id")): one for one in given}
    inner: dict[str, list[Row]] = defaultdict(list)
    for one in sorted(found.values(), key=lambda one: number(one.get("order")) or 0):
        above = text(one.get("parent_id"))
        inner[above if above in found else ""].append(one)
    return _chains_below((), "", inner)


def nested(
    given: Iterable[Row], order: str, inner: str, above: tuple[Row, ...] = ()
) -> Iterator[tuple[Row, ...]]:
    """Each row after those that hold it in their list ``inner``, by the number ``order``."""
    for one in sorted(given, key=lambda one: number(one.get(order)) or 0):
        yield (*above, one)
        if len(above) < DEEPEST:
            yield from nested(rows(one.get(inner)), order, inner, (*above, one))


def _chains_below(
    above: tuple[Row, ...], key: str, inner: dict[str, list[Row]]
) -> Iterator[tuple[Row, ...]]:
    for one in inner.pop(key, ()):
        yield (*above, one)
        if len(above) < DEEPEST:
            yield from _chains_below((*above, one), text(one.get("id")), inner)


class Lost:
    """What has no place here: each kind once, with how often it was met."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, what: str, times: int = 1) -> None:
        """Say what was met."""
        if times > 0:
            self._counts[what] += times

    def __iter__(self) -> Iterator[str]:
        return (f"{what} ({n} times)" if n > 1 else what for what, n in self._counts.items())


def first_per_language(given: Iterable[ForeignText], lost: Lost) -> tuple[ForeignText, ...]:
    """One text of each language; the addresses of another one lead to it."""
    kept: dict[str, ForeignText] = {}
    for one in given:
        before = kept.setdefault(one.lang, one)
        if before is not one:
            lost.add("translations: of two variants of one language, the first is imported")
            urls = (*before.old_urls, one.url, *one.old_urls)
            kept[one.lang] = replace(before, old_urls=tuple(filter(None, urls)))
    return tuple(kept.values())


def linked_files(bodies: Iterable[str], is_file: re.Pattern[str]) -> tuple[ForeignFile, ...]:
    """The files that bodies link to: addresses in which ``is_file`` is found."""
    found: dict[str, ForeignFile] = {}
    for body in bodies:
        for match in _LINKS.finditer(body):
            url = unescape(match[1]) if match[1] else match[4]
            if is_file.search(url):
                shown = unescape(match[2] if match[1] else match[3]).replace("\\", "").strip()
                found.setdefault(url, ForeignFile(_name(shown, url), url))
    return tuple(found.values())


def _name(shown: str, url: str) -> str:
    """The name of a file: what the link says, if it is a name with the same ending."""
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    ending = PurePosixPath(name).suffix.lower()
    return shown if ending and PurePosixPath(shown).suffix.lower() == ending else name


class Signed:
    """Addresses that hold only for a while, and how a body has them: without what changes."""

    def __init__(self) -> None:
        self._whole: dict[str, str] = {}

    def plain(self, body: str) -> str:
        """The body with addresses that are the same at every import."""
        return _ADDRESS.sub(self._kept, body)

    def whole(self, url: str) -> str:
        """The address to ask for."""
        path = "/" + url.partition("://")[2].partition("/")[2]
        known = self._whole.get(url) or self._whole.get(path)
        return urljoin(url, known) if known else url

    def _kept(self, match: re.Match[str]) -> str:
        plain, _, query = match[0].partition("?")
        if not _SIGNATURE.search(query):
            return match[0]
        self._whole[unescape(plain)] = unescape(match[0])
        return plain
