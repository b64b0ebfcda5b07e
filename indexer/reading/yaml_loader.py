"""Loads YAML with the line of each key. Size, nesting, values and aliases are limited."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any

from indexer.model import Problem

MAX_HEADER_CHARS = 32_000
MAX_ALIASES = 20
MAX_DEPTH = 8
# Keys and values of one file, with those that aliases repeat.
MAX_VALUES = 20_000
TOO_MUCH = "it is too deeply nested, or has too many values or aliases"
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


def round_trip_yaml() -> Any:
    """Return ruamel's loader that keeps comments, key order and lines.

    It raises MarkedYAMLError for a text that is too deeply nested or has too many values or
    aliases, before it builds anything of it.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.composer import Composer
    from ruamel.yaml.error import MarkedYAMLError
    from ruamel.yaml.events import AliasEvent

    class BoundedComposer(Composer):  # type: ignore[misc]
        values = aliases = 0

        def compose_node(self, parent: Any, index: int) -> Any:
            event = self.parser.peek_event()
            self.values += 1
            self.aliases += isinstance(event, AliasEvent)
            # ``depth`` is counted by ruamel.
            if self.depth > MAX_DEPTH or self.values > MAX_VALUES or self.aliases > MAX_ALIASES:
                raise MarkedYAMLError(problem=TOO_MUCH, problem_mark=event.start_mark)
            return super().compose_node(parent, index)

    yaml: Any = YAML(typ="rt")
    yaml.Composer = BoundedComposer
    return yaml


def read_yaml(text: str) -> Any:
    """Parse YAML and keep line numbers (ruamel's ``lc``); an empty text gives {}.

    Raises BrokenYamlError, also for a text with more than MAX_VALUES values, counting those that
    aliases repeat. The caller limits the size of the text.
    """
    from ruamel.yaml.error import MarkedYAMLError

    loader = round_trip_yaml()
    try:
        values = (loader.load(text) if text.strip() else None) or {}
        plain(values)  # raises for aliases that repeat too much
        return values
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        hint = (
            "Quote values that contain a colon or start with a special character, "
            "and indent list entries equally."
        )
        raise BrokenYamlError(
            str(error.problem or error.context), mark.line if mark else 0, hint
        ) from error
    except BrokenYamlError:
        raise
    except Exception as error:  # ruamel raises many kinds for values that no YAML has
        said = str(error).splitlines() or [type(error).__name__]
        raise BrokenYamlError(said[0]) from error


def load_yaml(
    name: str, text: str, most: int = MAX_HEADER_CHARS
) -> tuple[dict[str, Any], dict[str, int], Problem | None]:
    """Return (values, line of each key, problem or None); ``most`` characters are read.

    In a .yml file the first line is 1. Front matter starts on line 2 of its file.
    """
    first = 1 if name.endswith(".yml") else 2
    if len(text) > most:
        hint = f"At most {most:,} characters; shorten its lists."
        return {}, {}, error_in(name, first, "yaml", "is too large.", hint)
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
        {str(key): place[0] + first for key, place in (values.lc.data or {}).items()}
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
    """Convert ruamel's annotated values to plain Python values; raises BrokenYamlError."""
    return _plain(value, count(1), 0)


def _plain(value: Any, counted: Iterator[int], depth: int) -> Any:
    if next(counted) > MAX_VALUES or depth > MAX_DEPTH:
        raise BrokenYamlError(TOO_MUCH)
    if isinstance(value, dict):
        return {str(key): _plain(entry, counted, depth + 1) for key, entry in value.items()}
    if isinstance(value, list):
        return [_plain(entry, counted, depth + 1) for entry in value]
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
