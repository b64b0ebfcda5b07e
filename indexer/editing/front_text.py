"""Changes the front matter of an article's text; comments and the order of keys are kept."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from indexer.editing.model import EditConflictError
from indexer.reading.learned_file import writing_yaml

_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*\r?$\n?", re.DOTALL | re.MULTILINE)
# The order of keys that are new in an article.
_ORDER = ("id", "type", "title", "summary", "section", "tags", "questions", "keywords", "tests")


def change_front(name: str, text: str, change: Callable[[Any], int]) -> tuple[int, str]:
    """Apply ``change`` to the front matter; return (its result, the new text).

    Raises EditConflictError if there is none between --- lines or it is no YAML mapping.
    """
    match = _FRONT.match(text)
    if match is None:
        raise EditConflictError(
            f"{name} has no front matter between --- lines. Add it in an editor."
        )
    yaml = writing_yaml()
    front = load(yaml, name, match.group(1))
    if not hasattr(front, "setdefault"):
        raise EditConflictError(f"The front matter of {name} is no list of keys. Mend it first.")
    result = change(front)
    written = io.StringIO()
    yaml.dump(front, written)
    shown = written.getvalue() if front else ""
    return result, f"---\n{shown}---\n{text[match.end() :]}"


def with_values(name: str, text: str, values: Mapping[str, Any]) -> str:
    """The text with these values in its front matter; an empty one removes its key.

    A text without front matter gets one. Raises EditConflictError as change_front does.
    """

    def change(front: Any) -> int:
        for key, value in values.items():
            if value in ("", None, [], ()):
                front.pop(key, None)
            elif key in front:
                front[key] = _like(front[key], value)
            else:
                front.insert(_place(front, key), key, value)
        return 1

    if not _FRONT.match(text):
        text = f"---\n---\n{text}"
    return change_front(name, text, change)[1]


def values_of(name: str, text: str) -> dict[str, Any]:
    """The values of the front matter; {} without any.

    Raises EditConflictError if it is no valid YAML.
    """
    match = _FRONT.match(text)
    return dict(load(writing_yaml(), name, match.group(1))) if match else {}


def body_of(text: str) -> str:
    """The text below the front matter."""
    match = _FRONT.match(text)
    return text[match.end() :] if match else text


def with_body(text: str, body: str) -> str:
    """The text with another body below its front matter."""
    match = _FRONT.match(text)
    return (match.group() if match else "") + body


def load(yaml: Any, name: str, text: str) -> Any:
    """The values of a YAML text; an empty mapping for an empty one.

    Raises EditConflictError if it is no valid YAML.
    """
    try:
        return (yaml.load(text) if text.strip() else None) or yaml.map()
    except Exception as error:  # ruamel raises many kinds
        said = str(error).splitlines() or [type(error).__name__]
        raise EditConflictError(f"{name} is no valid YAML: {said[0]}. Mend it first.") from error


def dump(front: Mapping[str, Any]) -> str:
    """A mapping as YAML."""
    written = io.StringIO()
    writing_yaml().dump(dict(front), written)
    return written.getvalue()


def flow(words: Sequence[str]) -> Any:
    """A list that is written on one line."""
    from ruamel.yaml.comments import CommentedSeq

    group = CommentedSeq(words)
    group.fa.set_flow_style()
    return group


def _like(before: Any, value: Any) -> Any:
    """A list keeps the comments and the form of the one that it replaces."""
    if not isinstance(value, list) or not hasattr(before, "fa"):
        return value
    if list(before) != value:
        kept = [one for one in before if one in value]
        if kept == value[: len(kept)] and len(kept) == len(before):
            before.extend(value[len(kept) :])
        else:
            before = flow(value) if before.fa.flow_style() else value
    return before


def _place(front: Any, key: str) -> int:
    """Where a new key goes: after the keys that usually stand before it."""
    if key not in _ORDER:
        return len(front)
    before = _ORDER[: _ORDER.index(key)]
    keys = list(front)
    return max((keys.index(one) + 1 for one in before if one in keys), default=0)
