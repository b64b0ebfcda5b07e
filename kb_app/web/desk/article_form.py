"""An article as a form: its front matter as fields, and its text. Pure.

Only what was changed in the form is written, so that what it does not show stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from indexer.editing.front_text import body_of, values_of, with_body, with_values
from indexer.editing.model import EditConflictError
from indexer.model import Article
from indexer.reading.front_matter import parse

TYPES = ("faq", "guide", "paper", "case", "notice")
AUDIENCES = ("public", "internal")
_COMMAS = re.compile(r"[,、，\n]")


@dataclass(frozen=True)
class _Field:
    """How a value is shown in a form, and read from it; ``read`` raises ValueError."""

    shown: Callable[[Any, tzinfo], str]
    read: Callable[[str], Any]


def _lines(text: str) -> list[str]:
    return list(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


def words(text: str) -> list[str]:
    """The parts between commas, of either language."""
    return list(dict.fromkeys(one.strip() for one in _COMMAS.split(text) if one.strip()))


def _one_of(allowed: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(text)
        return text

    return read


_LINE = _Field(lambda value, _zone: value or "", lambda text: " ".join(text.split()))
_LINES = _Field(lambda value, _zone: "\n".join(value), _lines)
_WORDS = _Field(lambda value, _zone: ", ".join(value), words)
_DAY = _Field(
    lambda value, _zone: value.isoformat() if value else "",
    lambda text: date.fromisoformat(text) if text else "",
)
_MOMENT = _Field(
    lambda value, zone: value.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if value else "",
    lambda text: datetime.fromisoformat(text).replace(tzinfo=None) if text else "",
)
FIELDS: Mapping[str, _Field] = {
    "title": _LINE,
    "summary": _LINE,
    "questions": _LINES,
    "tests": _LINES,
    "keywords": _WORDS,
    "tags": _WORDS,
    "type": _Field(lambda value, _zone: value, _one_of(TYPES)),
    "audience": _Field(lambda value, _zone: value, _one_of(AUDIENCES)),
    "owner": _LINE,
    "review_by": _DAY,
    "publish_at": _MOMENT,
    "expire_at": _MOMENT,
}
# Values that are given by their keys' absence, and keys whose questions a field shows as well.
_USUAL = {"type": "faq", "audience": "public"}
_WITH = {"questions": "answers", "tests": "expect"}


def shown(article: Article, zone: tzinfo) -> dict[str, str]:
    """The fields of an article by their names."""
    return {name: field.shown(getattr(article, name), zone) for name, field in FIELDS.items()}


def composed(name: str, base: str, form: Mapping[str, str], zone: tzinfo) -> str:
    """The text of the article file ``base`` with what was changed in its form.

    Raises EditConflictError for a field that cannot be read, naming it.
    """
    base = base.replace("\r\n", "\n")
    parsed = parse(name, base, zone)
    if isinstance(parsed, list):
        raise EditConflictError(str(parsed[0]))
    before, front = shown(parsed.article, zone), values_of(name, base)
    values: dict[str, Any] = {}
    for key, field in FIELDS.items():
        if key not in form:
            continue
        given = form[key].replace("\r\n", "\n").strip()
        try:
            value, old = field.read(given), field.read(before[key])
        except ValueError as error:
            raise EditConflictError(f"{key} cannot be read: {given[:60]!r}.") from error
        if value == old:
            continue
        if key in _WITH:
            value = [text for text in value if text not in (front.get(_WITH[key]) or ())]
        values[key] = "" if value == _USUAL.get(key) and key not in front else value
    text = with_values(name, base, values) if values else base
    if "body" in form:
        body = form["body"].replace("\r\n", "\n")
        if body.rstrip("\n") != body_of(text).strip("\n"):
            text = with_body(text, f"\n{body.rstrip()}\n")
    return text


def body(text: str) -> str:
    """The text below the front matter, for a form."""
    return body_of(text.replace("\r\n", "\n")).strip("\n")
