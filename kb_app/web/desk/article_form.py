"""An article as a form: its front matter as fields, and its text. Pure.

Only what was changed in the form is written, so that what it does not show stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, tzinfo
from typing import Any

from indexer.editing.front_text import (
    WITH_QUESTIONS,
    body_of,
    normalised,
    values_of,
    with_body,
    with_values,
)
from indexer.editing.model import EditConflictError
from indexer.model import Article
from indexer.reading.front_matter import Parsed, parse

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
# Values that are given by their keys' absence.
_USUAL = {"type": "faq", "audience": "public"}


def shown(article: Article, zone: tzinfo) -> dict[str, str]:
    """The fields of an article by their names."""
    return {name: field.shown(getattr(article, name), zone) for name, field in FIELDS.items()}


def fields_of(name: str, text: str, zone: tzinfo) -> dict[str, str]:
    """The fields of a file's text as it is written; none where it is no article."""
    parsed = parse(name, normalised(text), zone)
    return {} if isinstance(parsed, list) else shown(parsed.article, zone)


def composed(name: str, base: str, form: Mapping[str, str], zone: tzinfo) -> str:
    """The text of the article file ``base`` with what was changed in its form.

    Raises EditConflictError for a field that cannot be read, naming it.
    """
    base = normalised(base)
    parsed = parse(name, base, zone)
    if isinstance(parsed, list):
        raise EditConflictError(str(parsed[0]))
    before = shown(parsed.article, zone)
    values: dict[str, Any] = {}
    for key, field in FIELDS.items():
        if key not in form:
            continue
        given = normalised(form[key]).strip()
        try:
            value, old = field.read(given), field.read(before[key])
        except ValueError as error:
            raise EditConflictError(f"{key} cannot be read: {given[:60]!r}.") from error
        if value != old:
            values[key] = _stored(name, base, key, value)
    text = _with_body(name, base, normalised(form["body"]), parsed) if "body" in form else base
    if values.get("title") and _has_heading(name, base):
        # The title stands in the text: it is changed there.
        text = with_body(text, f"\n# {values.pop('title')}\n\n{body(name, text)}\n")
    return with_values(name, text, values) if values else text


def _stored(name: str, base: str, key: str, value: Any) -> Any:
    """A value as the front matter has it."""
    if key in WITH_QUESTIONS:
        apart = values_of(name, base).get(WITH_QUESTIONS[key]) or ()
        return [text for text in value if text not in apart]
    is_usual = value == _USUAL.get(key) and key not in values_of(name, base)
    return "" if is_usual else value


def _with_body(name: str, base: str, given: str, parsed: Parsed) -> str:
    """The text with the form's body; an untouched one stays to the byte."""
    if given.strip("\n") == body(name, base):
        return base
    kept = f"# {parsed.article.title}\n\n" if _has_heading(name, base) else ""
    return with_body(base, f"\n{kept}{given.rstrip()}\n")


def _has_heading(name: str, text: str) -> bool:
    """Whether the title is a heading at the start of the text, and not in the front matter."""
    parsed = parse(name, text)
    if isinstance(parsed, list) or values_of(name, text).get("title"):
        return False
    return parsed.body.strip() != body_of(text).strip()


def body(name: str, text: str) -> str:
    """The text below the front matter, for a form; without a heading that is the title."""
    parsed = parse(name, normalised(text))
    shown_body = body_of(text) if isinstance(parsed, list) else parsed.body
    return shown_body.strip("\n")
