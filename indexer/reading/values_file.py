"""Reads values.yml: texts that articles share, such as prices and hours, by name.

price:
  shipping: {ja: 600円, en: 600 yen}
  gift: 300
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from indexer.model import Problem
from indexer.reading.layout import is_language
from indexer.reading.yaml_loader import BrokenYamlError, Lines, error_in, load_yaml

VALUES = "values.yml"
# The first part of the names that have their texts from support.yml.
SUPPORT_GROUP = "support"
MAX_BYTES, MOST_VALUES, LONGEST_VALUE = 512 * 1024, 2_000, 500
NAME = re.compile(r"[A-Za-z_][\w-]{0,40}(?:\.[A-Za-z_][\w-]{0,40}){0,4}")
# The language of a value that is the same in all of them.
ANY = ""


@dataclass(frozen=True)
class Values:
    """The shared values: texts by language by name. ``ANY`` is the language of all others."""

    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.texts)

    def text(self, name: str, lang: str) -> str | None:
        """The text of a value in a language; None where it has none."""
        by_lang = self.texts.get(name, {})
        return by_lang.get(lang, by_lang.get(ANY))

    def is_group(self, name: str) -> bool:
        """Whether a value's first part is one of ours: ``price`` of ``price.gift``."""
        first = name.partition(".")[0]
        return any(known.partition(".")[0] == first for known in self.texts)

    def near(self, name: str) -> str:
        """The known name that is most like another one; "" without any."""
        return next(iter(get_close_matches(name, list(self.texts), 1, 0.6)), "")


NO_VALUES = Values()


def read_values(folder: Path) -> tuple[Values, list[Problem]]:
    """Return the shared values and what is wrong with them; none where there is no file."""
    path = folder / VALUES
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        return NO_VALUES, []
    except OSError as error:
        hint = "Check the file and its permissions."
        return NO_VALUES, [
            error_in(VALUES, 0, "values", f"cannot be read: {error.strerror}.", hint)
        ]
    try:
        return parsed_values(text.decode("utf-8-sig"))
    except UnicodeDecodeError:
        return NO_VALUES, [error_in(VALUES, 0, "values", "is not UTF-8.", "Save it as UTF-8.")]
    except BrokenYamlError as error:
        return NO_VALUES, [error_in(VALUES, error.line + 1, "values", f"{error}.", error.hint)]


def parsed_values(text: str) -> tuple[Values, list[Problem]]:
    """The values of a file's text, and a problem for each that cannot be used."""
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        message = f"is larger than {MAX_BYTES // 1024} KB."
        return NO_VALUES, [error_in(VALUES, 0, "values", message, "Take out what is not used.")]
    _given, lines, problem = load_yaml(VALUES, text, most=MAX_BYTES)
    if problem:
        return NO_VALUES, [problem]
    given = _as_written(text)
    found: dict[str, Mapping[str, str]] = {}
    problems: list[Problem] = []
    places = Lines(VALUES, lines)
    for name, value in _leaves(given, ""):
        wrong = _wrong(name, value)
        if not wrong and len(found) >= MOST_VALUES:
            wrong = f"is one too many: at most {MOST_VALUES} values are read"
        if wrong:
            hint = 'For example: price: {shipping: {ja: 600円, en: "600 yen"}}'
            top = name.partition(".")[0]
            problems.append(places.error(top, "values", f"{name[:80]} {wrong}.", hint))
        else:
            found[name] = _by_language(value)
    return Values(found), problems


def _as_written(text: str) -> Mapping[Any, Any]:
    """The values as texts, as they are written: 1.50 stays 1.50. The text is known to be YAML."""
    from ruamel.yaml import YAML

    given = YAML(typ="base", pure=True).load(text) if text.strip() else None
    return given if isinstance(given, dict) else {}


def _leaves(given: Mapping[Any, Any], above: str) -> Iterator[tuple[str, Any]]:
    """The names with their values: a mapping of languages is a value, any other a group."""
    for key, value in given.items():
        name = f"{above}{key}"
        if isinstance(value, dict) and not is_by_language(value):
            yield from _leaves(value, f"{name}.")
        else:
            yield name, value


def is_by_language(value: Any) -> bool:
    """Whether a mapping of the file is one value in several languages, and no group."""
    return (
        isinstance(value, dict)
        and bool(value)
        and all(is_language(str(key)) and not isinstance(text, dict) for key, text in value.items())
    )


def _wrong(name: str, value: Any) -> str:
    """What is wrong with a value; "" if nothing is."""
    if not NAME.fullmatch(name):
        return "is no name: use letters, digits, dashes and dots"
    if name.partition(".")[0] == SUPPORT_GROUP:
        return "begins with support, which stands for support.yml: choose another name"
    texts = value.values() if isinstance(value, dict) else [value]
    for text in texts:
        if not isinstance(text, str) or text in ("true", "false"):
            return "must be a text or a number, or one for each language"
        if not str(text).strip() or "\n" in str(text) or len(str(text)) > LONGEST_VALUE:
            return f"must be on one line of at most {LONGEST_VALUE} characters"
    return "has no text" if not list(texts) else ""


def _by_language(value: Any) -> Mapping[str, str]:
    by_lang = value if isinstance(value, dict) else {ANY: value}
    return {lang: str(text).strip() for lang, text in by_lang.items()}
