"""Reads the front matter of other tools: their keys become ours, values what they can only mean.

Hugo, Jekyll, Docusaurus, MkDocs, VitePress, GitBook, Obsidian, Zendesk. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from email.utils import parsedate_to_datetime
from typing import Any

from indexer.model import Problem
from indexer.reading.visibility import SEARCH_KEYS, VISIBILITY_KEYS, hidden_by
from indexer.reading.yaml_loader import Lines

# Our key, and those of others that mean it; the first that is there counts.
_MEANT: dict[str, tuple[str, ...]] = {
    "title": ("question", "name", "pagetitle"),
    "summary": ("description", "excerpt", "abstract", "subtitle", "meta_description"),
    "updated": (
        *("last_update", "lastmod", "last_modified_at", "last_updated", "lastupdated"),
        *("modified", "updated_at", "edited_at", "date_modified", "date"),
    ),
    "tags": ("categories", "category", "labels", "label_names", "topics"),
    "aliases": ("redirect_from", "redirects", "old_urls"),
    "order": ("sidebar_position", "weight", "nav_order", "menu_order", "position"),
    "lang": ("locale", "language"),
    "owner": ("author",),
    "publish_at": ("publishdate", "publish_date"),
    "expire_at": ("expirydate", "expiry_date", "unpublishdate"),
}
_OURS_FOR = {foreign: ours for ours, others in _MEANT.items() for foreign in others}


def keys_read_as(ours: str) -> tuple[str, ...]:
    """The keys of other tools that are read as one of ours."""
    return _MEANT.get(ours, ())


_TEXTS = ("id", "title", "summary", "slug", "lang", "section", "owner", "cover", "translation_of")
_LISTS = ("tags", "questions", "keywords", "tests", "related", "aliases")
_CUT_AT_COMMAS = ("tags", "keywords")
_DATES = ("publish_at", "expire_at", "updated", "review_by")
_YES, _NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_STATUS = {
    **dict.fromkeys(("published", "live", "public", "active", "publish", "公開"), "published"),
    **dict.fromkeys(
        ("draft", "wip", "review", "in review", "in-review", "pending", "unpublished", "hidden")
        + ("private", "unlisted", "下書き", "非公開"),
        "draft",
    ),
    **dict.fromkeys(("archived", "deprecated", "obsolete", "retired"), "archived"),
}
_TYPES = ("faq", "guide", "paper", "case", "notice")
_FORMATS = (
    *("%Y/%m/%d", "%Y.%m.%d", "%Y年%m月%d日", "%Y%m%d", "%B %d, %Y", "%b %d, %Y", "%d %B %Y"),
    *("%d %b %Y", "%Y-%m-%d %H:%M:%S %z", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S"),
)
_COMMENT = re.compile(r"[ \t]#(?=[^ \t\n])")


@dataclass
class _Adapting:
    """The front matter of one file while it is read."""

    values: dict[str, Any]
    header: list[str]
    lines: Lines
    problems: list[Problem] = field(default_factory=list)

    def warn(self, key: str, code: str, message: str, hint: str = "") -> None:
        self.problems.append(self.lines.warning(key, code, message, hint))

    def raw(self, key: str) -> str:
        """The value of a key as its line has it."""
        line = self.lines.lines.get(key, 0) - 2
        text = self.header[line] if 0 <= line < len(self.header) else ""
        return text.partition(":")[2].strip()


def adapted(
    values: Mapping[str, Any], header: str, lines: Lines, own: tuple[str, ...]
) -> tuple[dict[str, Any], list[Problem]]:
    """Return the values under our keys and of our types, and what was done to them.

    An error among the problems means that the article must not be served.
    """
    work = _Adapting({}, header.split("\n"), lines)
    for key in sorted(values, key=lambda key: (key not in own, _rank(key))):  # ours go first
        _take(work, key, values[key], own)
    _hide(work, values)
    for key in _TEXTS:
        _as_text(work, key)
    for key in _LISTS:
        _as_list(work, key)
    for key in _DATES:
        _as_date(work, key)
    _as_known_words(work)
    return work.values, work.problems


def _rank(key: str) -> int:
    """The place of a key among those that mean the same; the first that is there counts."""
    name = key.lower().replace("-", "_")
    others = _MEANT.get(_OURS_FOR.get(name, ""), ())
    return others.index(name) if name in others else 0


def _take(work: _Adapting, key: str, value: Any, own: tuple[str, ...]) -> None:
    """Put a value under our key; say what another tool's key is read as."""
    name = key.lower().replace("-", "_") if key not in own else key
    if name in own:
        work.values.setdefault(name, value)
        if name != key:
            work.lines.lines.setdefault(name, work.lines.lines.get(key, 1))
    elif name in VISIBILITY_KEYS:
        return
    elif name in SEARCH_KEYS:
        work.warn(key, "search-key", f"{key} is about other searches; here the article is found.")
    elif name in _OURS_FOR:
        _take_foreign(work, key, _OURS_FOR[name], value, own)
    elif name in ("permalink", "url"):
        work.values.setdefault("permalink", value)
    elif name in ("redirect", "redirect_to", "redirect_url"):
        work.values["redirect_to"] = str(value or "")
        work.warn(key, "redirect", f"{key}: {str(value)[:60]} makes this an address of that page.")
    else:
        _unknown(work, key, own)


def _take_foreign(work: _Adapting, key: str, ours: str, value: Any, own: tuple[str, ...]) -> None:
    if isinstance(value, dict):  # Docusaurus: last_update: {date: ...}
        value = value.get("date")
    if ours in _DATES and value is not None:
        value = parsed_date(value)
        if value is None:
            work.warn(key, "foreign-key", f"the key {key} has no date that can be read.")
            return
    before = work.values.get(ours)
    if ours in ("tags", "aliases") and before is not None:
        work.values[ours] = [*_listed(before, ours), *_listed(value, ours)]
    elif before is None:
        work.values[ours] = value
        work.lines.lines.setdefault(ours, work.lines.lines.get(key, 1))
    elif before != value:
        near = get_close_matches(key, own, 1)
        hint = f"Did you mean {near[0]}?" if near else ""
        work.warn(key, "foreign-key", f"the key {key} is not used: {ours} is there.", hint)
        return
    work.warn(key, "foreign-key", f"the key {key} is read as {ours}.")


def _unknown(work: _Adapting, key: str, own: tuple[str, ...]) -> None:
    deciding = (*VISIBILITY_KEYS, "status", "audience", "publish_at", "expire_at")
    near = get_close_matches(key.lower(), deciding, 1, 0.8)
    if near:
        message = f"unknown key {key}; it looks like {near[0]}, which decides who sees the article."
        work.problems.append(work.lines.error(key, "unknown-key", message, f"Write {near[0]}."))
        return
    near = get_close_matches(key, own, 1)
    hint = f"Did you mean {near[0]}?" if near else ""
    work.warn(key, "unknown-key", f"unknown key {key}; it is ignored.", hint)


def _hide(work: _Adapting, values: Mapping[str, Any]) -> None:
    """Keep from the public what another tool would have kept from it."""
    for key, value in values.items():
        name = key.lower().replace("-", "_")
        how = hidden_by(name, value)
        if how:
            ours, wanted = how
            work.values[ours] = wanted
            shown = f"{key}: {str(value)[:40]}"
            work.warn(key, "visibility", f"{shown} is read as {ours}: {wanted}.")


def _as_text(work: _Adapting, key: str) -> None:
    """A number, date or word that YAML reads as another type is the text that stands there."""
    value = work.values.get(key)
    if value is None or isinstance(value, str):
        if isinstance(value, str):
            _restore_after_number_sign(work, key, value)
        return
    if isinstance(value, bool | int | float | date):
        text = work.raw(key).partition(" #")[0].strip() or str(value)
        work.values[key] = text
        work.warn(key, "type", f"{key} is read as the text {text!r}.", "Put it in quotes.")
    elif isinstance(value, list) and value and all(isinstance(one, str) for one in value):
        work.values[key] = ", ".join(value)


def _restore_after_number_sign(work: _Adapting, key: str, value: str) -> None:
    """``title: Order #123`` is cut by YAML; with no space after the sign it is no comment."""
    raw = work.raw(key)
    found = _COMMENT.search(raw)
    if found and not raw.startswith(("'", '"', "|", ">")) and raw[: found.start()].strip() == value:
        work.values[key] = raw
        hint = f'Write: {key}: "{raw}"'
        work.warn(key, "comment", f"{key} has a #; the words after it are part of it.", hint)


def _as_list(work: _Adapting, key: str) -> None:
    if key not in work.values:
        return
    value = work.values[key]
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        work.values[key] = [one for one in value if one.strip()]
        return
    if isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(one, dict | list) for one in value)
    ):
        return
    listed = _listed(value, key)
    work.values[key] = listed
    shown = ", ".join(listed)[:60]
    work.warn(
        key, "type", f"{key} is read as a list: {shown}.", "One entry per line, after a dash."
    )


def _listed(value: Any, key: str) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value if one is not None and str(one).strip()]
    if value is None:
        return []
    parts = re.split(r"[,、，]", str(value)) if key in _CUT_AT_COMMAS else [str(value)]
    return [part.strip() for part in parts if part.strip()]


def _as_date(work: _Adapting, key: str) -> None:
    value = work.values.get(key)
    if value is None or isinstance(value, date):
        return
    found = parsed_date(value)
    if found is not None:
        work.values[key] = found
        work.warn(key, "type", f"{key} is read as {found:%Y-%m-%d}.", "Write it like 2026-11-30.")


def parsed_date(value: Any) -> date | None:
    """The date or time that a text can only mean; None if there is none."""
    if isinstance(value, date):
        return value
    text = str(value).strip() if isinstance(value, str | int) else ""
    for form in _FORMATS:
        try:
            found = datetime.strptime(text, form)
        except ValueError:
            continue
        return found if "%H" in form else found.date()
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError):
        return None


def _as_known_words(work: _Adapting) -> None:
    """Status, type, language and truth in the spellings of others."""
    status = work.values.get("status")
    if isinstance(status, str) and status.strip().lower() in _STATUS:
        _say(work, "status", status, _STATUS[status.strip().lower()])
    lang = work.values.get("lang")
    if isinstance(lang, str):
        _say(work, "lang", lang, lang.strip().replace("_", "-").lower().partition(".")[0])
    kind = work.values.get("type")
    if kind is not None and kind not in _TYPES:
        work.values["type"] = "faq"
        hint = f"Types are {', '.join(_TYPES)}."
        work.warn("type", "type", f"type {str(kind)[:40]} is not known; faq is used.", hint)
    audience = work.values.get("audience")
    if isinstance(audience, str):
        _say(work, "audience", audience, audience.strip().lower())
    _as_plain_values(work.values)


def _as_plain_values(values: dict[str, Any]) -> None:
    """Numbers and truth that stand in quotes."""
    text = str(values.get("featured", "")).lower()
    if text in (*_YES, *_NO):
        values["featured"] = text in _YES
    for key in ("order", "boost"):
        try:
            values[key] = float(values[key])
        except (KeyError, TypeError, ValueError):
            if key == "order":
                values.pop(key, None)


def _say(work: _Adapting, key: str, before: str, after: str) -> None:
    work.values[key] = after
    if before != after:
        work.warn(key, "type", f"{key} {before} is read as {after}.")
