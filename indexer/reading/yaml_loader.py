"""YAML with the line of each key, within bounds that no alias or nesting can break."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from indexer.model import Problem

MAX_HEADER_CHARS = 32_000
MAX_ALIASES = 20
_TOO_DEEP = re.compile(r"(?:[\[{]\s*){6}|(?:^|\n)(?:\s*- ?){6}")
_ALIAS = re.compile(r"(?m)[:\-,\[]\s*\*[\w-]+")
_DATES = ("publish_at", "expire_at", "updated", "review_by")


def printable(text: str) -> str:
    """The text without lone surrogates, which no file and no database takes."""
    return text.encode("utf-8", "replace").decode()


def error_in(name: str, line: int, code: str, message: str, hint: str = "") -> Problem:
    """An error of a file, at a line or at none (0)."""
    return Problem(name, line, "error", code, message, hint)


@dataclass(frozen=True)
class Lines:
    """Where each key of a YAML mapping stands in its file."""

    name: str
    lines: dict[str, int]

    def error(self, key: str, code: str, message: str, hint: str = "") -> Problem:
        """An error at the line of a key."""
        return Problem(self.name, self.lines.get(key, 1), "error", code, message, hint)

    def warning(
        self, key: str, code: str, message: str, hint: str = "", fixable: bool = False
    ) -> Problem:
        """A warning at the line of a key."""
        return Problem(self.name, self.lines.get(key, 1), "warning", code, message, hint, fixable)


class BrokenYamlError(Exception):
    """A text is no YAML. ``line`` counts from 0; ``hint`` says what usually mends it."""

    def __init__(self, message: str, line: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.hint = line, hint


def read_yaml(text: str) -> Any:
    """The values of a YAML text with their lines (ruamel's ``lc``); an empty mapping of an empty text. Raises BrokenYamlError.

    The caller bounds the size, the nesting and the aliases of the text first.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    loader: Any = YAML(typ="rt")
    try:
        return (loader.load(text) if text.strip() else None) or {}
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = "Quote values that hold a colon or begin with a sign, and indent lists alike."
        raise BrokenYamlError(
            str(error.problem or error.context), mark.line if mark else 0, hint
        ) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise BrokenYamlError(str(error).splitlines()[0]) from error


def load_yaml(name: str, text: str) -> tuple[dict[str, Any], dict[str, int], Problem | None]:
    """(values, line of each key, what is wrong). Front matter starts on line 2 of its file."""
    first = 1 if name.endswith(".yml") else 2
    if (
        len(text) > MAX_HEADER_CHARS
        or _TOO_DEEP.search(text)
        or len(_ALIAS.findall(text)) > MAX_ALIASES
    ):
        return (
            {},
            {},
            error_in(
                name,
                first,
                "yaml",
                "is too large or too deeply nested.",
                "Keys have a value or a list, no more.",
            ),
        )
    try:
        values = read_yaml(text)
    except BrokenYamlError as error:
        return (
            {},
            {},
            error_in(name, error.line + first, "yaml", f"broken YAML: {error}.", error.hint),
        )
    if not isinstance(values, dict):
        return (
            {},
            {},
            error_in(
                name,
                first,
                "yaml",
                "the part between the --- lines is not a list of keys with values.",
                "For example: title: How to return an item",
            ),
        )
    lines = (
        {str(key): place[0] + first for key, place in values.lc.data.items()}
        if hasattr(values, "lc")
        else {}
    )
    converted = {str(key): plain(value) for key, value in values.items() if value is not None}
    return (
        {key: _as_date(value) if key in _DATES else value for key, value in converted.items()},
        lines,
        None,
    )


def _as_date(value: Any) -> Any:
    """A date or time that YAML took for text: in quotes, or without seconds."""
    if not isinstance(value, str):
        return value
    try:
        return (
            date.fromisoformat(value.strip())
            if len(value.strip()) <= 10
            else datetime.fromisoformat(value.strip())
        )
    except ValueError:
        return value


def plain(value: Any) -> Any:
    """Ruamel's annotated values as ordinary ones."""
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if isinstance(value, datetime):
        return datetime(
            value.year,
            value.month,
            value.day,
            value.hour,
            value.minute,
            value.second,
            tzinfo=value.tzinfo,
        )
    if isinstance(value, str):
        return printable(str(value))
    kind = next((kind for kind in (bool, int, float) if isinstance(value, kind)), None)
    return kind(value) if kind else value
