"""Loads YAML with the line of each key. Size, nesting and aliases are limited."""

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
    """Replace lone surrogates, which cannot be encoded as UTF-8."""
    return text.encode("utf-8", "replace").decode()


def error_in(name: str, line: int, code: str, message: str, hint: str = "") -> Problem:
    """Return an error in a file; line 0 means the whole file."""
    return Problem(name, line, "error", code, message, hint)


@dataclass(frozen=True)
class Lines:
    """The line of each key in a YAML file."""

    name: str
    lines: dict[str, int]

    def error(self, key: str, code: str, message: str, hint: str = "") -> Problem:
        """Return an error at the line of a key."""
        return Problem(self.name, self.lines.get(key, 1), "error", code, message, hint)

    def warning(
        self, key: str, code: str, message: str, hint: str = "", fixable: bool = False
    ) -> Problem:
        """Return a warning at the line of a key."""
        return Problem(self.name, self.lines.get(key, 1), "warning", code, message, hint, fixable)


class BrokenYamlError(Exception):
    """The text is not valid YAML. ``line`` counts from 0; ``hint`` names the usual fix."""

    def __init__(self, message: str, line: int = 0, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.hint = line, hint


def read_yaml(text: str) -> Any:
    """Parse YAML and keep line numbers (ruamel's ``lc``); an empty text gives {}.

    The caller must limit size, nesting and aliases first. Raises BrokenYamlError.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    loader: Any = YAML(typ="rt")
    try:
        return (loader.load(text) if text.strip() else None) or {}
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = (
            "Quote values that contain a colon or start with a special character, "
            "and indent list entries equally."
        )
        raise BrokenYamlError(
            str(error.problem or error.context), mark.line if mark else 0, hint
        ) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise BrokenYamlError(str(error).splitlines()[0]) from error


def load_yaml(name: str, text: str) -> tuple[dict[str, Any], dict[str, int], Problem | None]:
    """Return (values, line of each key, problem or None).

    In a .yml file the first line is 1. Front matter starts on line 2 of its file.
    """
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
                "Give each key one value or one list.",
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
    """Convert a date or time that YAML read as text: quoted, or without seconds."""
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
    """Convert ruamel's annotated values to plain Python values."""
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
