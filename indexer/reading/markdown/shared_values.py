"""Puts the shared values of values.yml into the body of an article. Pure.

Code is left alone, and so is a name in double braces whose first part values.yml does not have:
it belongs to another tool. The lines of the text stay as many.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from indexer.reading.markdown.code_spans import Fences, pieces
from indexer.reading.values_file import NAME, Values

_USE = re.compile(rf"\{{\{{[ \t]*({NAME.pattern})[ \t]*\}}\}}")


@dataclass
class Filled:
    """A text with its values, and what it names.

    ``used`` are the names with their texts, "" for those of other tools; ``missing`` are lines and
    names that values.yml should have.
    """

    text: str
    used: dict[str, str] = field(default_factory=dict)
    missing: list[tuple[int, str]] = field(default_factory=list)


def filled(text: str, values: Values, lang: str) -> Filled:
    """The text with the values in its language. Lines count from 0."""
    found = Filled(text)
    if "{{" not in text:
        return found
    fences, lines = Fences(), []
    for number, line in enumerate(text.split("\n")):
        if fences.hold(line) or "{{" not in line:
            lines.append(line)
            continue
        replace = _replacer(found, number, values, lang)
        parts = (part if is_code else _USE.sub(replace, part) for part, is_code in pieces(line))
        lines.append("".join(parts))
    found.text = "\n".join(lines)
    return found


def _replacer(
    found: Filled, line: int, values: Values, lang: str
) -> Callable[[re.Match[str]], str]:
    def replace(match: re.Match[str]) -> str:
        name = match[1]
        text = values.text(name, lang)
        if text is None:
            found.used[name] = ""
            if values.is_group(name) or values.near(name):
                found.missing.append((line, name))
            return match[0]
        found.used[name] = text
        return text

    return replace
