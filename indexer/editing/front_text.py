"""Changes values in the front matter of an article's text. Pure.

Only the lines of the changed keys are written; all else, comments too, stays as it is to the byte.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from indexer.editing.model import EditConflictError
from indexer.reading.foreign_keys import keys_read_as
from indexer.reading.front_matter import parse
from indexer.reading.learned_file import writing_yaml
from indexer.reading.repeated_keys import keep_last_of_repeated
from indexer.reading.visibility import hidden_by
from indexer.reading.yaml_loader import BrokenYamlError, plain, read_yaml

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^---[ \t]*$\n?", re.DOTALL | re.MULTILINE)
# The order of keys that are new in an article.
_ORDER = ("id", "type", "title", "summary", "section", "tags", "questions", "keywords", "tests")
# Keys whose own questions are shown under another key as well.
WITH_QUESTIONS = {"questions": "answers", "tests": "expect"}


def normalised(text: str) -> str:
    """The text with line breaks as the reader sees them."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def with_values(name: str, text: str, values: Mapping[str, Any]) -> str:
    """The text with these values in its front matter; an empty one removes its key.

    A key of another tool that is read as one of them goes with it. A text without front matter
    gets one. Raises EditConflictError where the front matter is no YAML mapping, or cannot be
    changed line by line.
    """
    text = normalised(text)
    if not _FRONT.match(text):
        text = f"---\n---\n{text}"
    match = _FRONT.match(text)
    header = match.group(1) if match else ""
    before = _values(name, header)
    wanted = {key: None if value in ("", None, [], {}) else value for key, value in values.items()}
    for key, value in list(wanted.items()):
        # Another tool's key would fill an emptied one, and is joined to these lists.
        if value is None or key in ("tags", "aliases"):
            wanted |= dict.fromkeys(_read_as(key, before))
    wanted = {key: value for key, value in wanted.items() if value is not None or key in before}
    changed = _changed(name, header, before, wanted) if wanted else header
    _check(name, before, wanted, _values(name, changed))
    start, end = match.span(1) if match else (0, 0)
    return text[:start] + changed + text[end:]


def published(name: str, text: str) -> dict[str, Any]:
    """The values that make an article a published one, whatever tool's keys hide it."""
    hiding = (key for key, value in values_of(name, text).items() if _makes_draft(key, value))
    # Whoever publishes a machine translation has read it.
    machine = [key for key in values_of(name, text) if key == "machine_translation"]
    return {"status": "published"} | dict.fromkeys([*hiding, *machine])


def _makes_draft(key: str, value: Any) -> bool:
    """Whether another tool's key makes the article a draft."""
    hides = hidden_by(key.lower().replace("-", "_"), value)
    return hides is not None and hides[0] == "status"


def values_of(name: str, text: str) -> dict[str, Any]:
    """The values of the front matter; {} without any. Of repeated keys the last one counts.

    Raises EditConflictError if it is no valid YAML.
    """
    match = _FRONT.match(normalised(text))
    return _values(name, match.group(1)) if match else {}


def listed(name: str, text: str, key: str) -> list[str]:
    """The values of a list as the reader takes them, without those of ``answers`` and ``expect``.

    Raises EditConflictError if the text is no valid article.
    """
    parsed = parse(name, normalised(text))
    if isinstance(parsed, list):
        raise EditConflictError(str(parsed[0]))
    if key == "aliases":
        return [*parsed.article.aliases, *parsed.article.addresses]
    apart = values_of(name, text).get(WITH_QUESTIONS.get(key, ""), None) or {}
    return [one for one in getattr(parsed.article, key) if one not in apart]


def body_of(text: str) -> str:
    """The text below the front matter."""
    text = normalised(text)
    match = _FRONT.match(text)
    return text[match.end() :] if match else text


def with_body(text: str, body: str) -> str:
    """The text with another body below its front matter."""
    match = _FRONT.match(normalised(text))
    return (match.group() if match else "") + body


def load(yaml: Any, name: str, text: str) -> Any:
    """The values of a YAML file; an empty mapping for an empty one.

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


@dataclass(frozen=True)
class _Entry:
    """A key of the front matter: its lines from ``start`` to ``end``, end exclusive.

    ``rest`` is what stands behind a value of one line: a comment.
    """

    key: str
    start: int
    end: int
    node: Any
    rest: str


def _read_as(key: str, front: Mapping[str, Any]) -> list[str]:
    """The keys of the front matter that are read as one of ours, in any spelling."""
    names = {key, *keys_read_as(key)}
    return [one for one in front if one != key and one.lower().replace("-", "_") in names]


def _values(name: str, header: str) -> dict[str, Any]:
    try:
        values = read_yaml(keep_last_of_repeated(header)[0])
        found = plain(values) if isinstance(values, dict) else None
    except BrokenYamlError as error:
        raise EditConflictError(f"{name} is no valid YAML: {error}. Mend it first.") from error
    if not isinstance(found, dict):
        raise EditConflictError(f"The front matter of {name} is no list of keys. Mend it first.")
    return found


def _check(
    name: str, before: Mapping[str, Any], wanted: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Refuse a change that touched more than it was to, as with YAML's anchors."""
    expected = {key: value for key, value in before.items() if key not in wanted}
    expected |= {key: plain(value) for key, value in wanted.items() if value is not None}
    if dict(after) != expected:
        raise EditConflictError(
            f"The front matter of {name} cannot be changed here without changing more of it: it "
            "may repeat values by anchors. Edit it as a file."
        )


def _changed(name: str, header: str, before: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    lines = header.split("\n")[:-1] if header else []
    entries = _entries(name, header, lines)
    last = {entry.key: entry for entry in entries}
    edits: list[tuple[int, int, list[str]]] = []
    for key, value in wanted.items():
        entry = last.get(key)
        if entry is None:
            at = _place(entries, key, len(lines))
            edits.append((at, at, _lines({key: value})))
        else:
            edits.append((entry.start, entry.end, _replaced(lines, entry, before.get(key), value)))
        # Of a repeated key only the last one counts.
        edits += [
            (one.start, one.end, []) for one in entries if one.key == key and one is not entry
        ]
    # From the end, and what goes before what is put in its place.
    for start, end, new in sorted(edits, key=lambda edit: edit[:2], reverse=True):
        lines[start:end] = new
    return "".join(f"{line}\n" for line in lines)


def _entries(name: str, header: str, lines: Sequence[str]) -> list[_Entry]:
    """The keys in order. Raises EditConflictError where they do not stand on lines of their own."""
    node = writing_yaml().compose(header) if header.strip() else None
    if node is None:
        return []
    pairs = getattr(node, "value", None)
    if not isinstance(pairs, list) or node.flow_style:
        raise EditConflictError(f"The front matter of {name} is on one line. Edit it as a file.")
    starts = [key.start_mark.line for key, _value in pairs] + [len(lines)]
    found = []
    for (key, value), start, after in zip(pairs, starts[:-1], starts[1:], strict=True):
        end, least = after, start + 1
        if not isinstance(value.value, list) or value.flow_style:
            mark = value.end_mark
            least = min(after, max(least, mark.line + (mark.column > 0)))
        while end > least and lines[end - 1].lstrip()[:1] in ("", "#"):
            end -= 1
        one_line = value.start_mark.line == value.end_mark.line == start
        rest = lines[start][value.end_mark.column :] if one_line and end == start + 1 else ""
        found.append(_Entry(str(key.value), start, end, value, rest))
    return found


def _replaced(lines: Sequence[str], entry: _Entry, before: Any, value: Any) -> list[str]:
    """The lines of a key with another value; a longer list keeps those of its first part."""
    if value is None:
        return []
    node = entry.node
    is_block = isinstance(node.value, list) and node.flow_style is False
    if isinstance(value, list) and is_block and before and value[: len(before)] == before:
        first = lines[node.value[0].start_mark.line]
        indent = first[: len(first) - len(first.lstrip())]
        more = [f"{indent}{line}" for line in dump_list(value[len(before) :])]
        return [*lines[entry.start : entry.end], *more]
    if isinstance(value, list) and getattr(node, "flow_style", None):
        value = flow(value)
    new = _lines({entry.key: value})
    if entry.rest.strip().startswith("#") and len(new) == 1:
        new[0] += entry.rest
    return new


def dump_list(values: Sequence[Any]) -> list[str]:
    """The lines of a list, each with its dash at the first column."""
    written = io.StringIO()
    yaml = writing_yaml()
    yaml.indent(mapping=2, sequence=2, offset=0)
    yaml.dump(list(values), written)
    return written.getvalue().split("\n")[:-1]


def _lines(values: Mapping[str, Any]) -> list[str]:
    return dump(values).split("\n")[:-1]


def _place(entries: Sequence[_Entry], key: str, end: int) -> int:
    """Where a new key goes: after the keys that usually stand before it."""
    if key not in _ORDER:
        return max((entry.end for entry in entries), default=end)
    before = _ORDER[: _ORDER.index(key)]
    return max((entry.end for entry in entries if entry.key in before), default=0)
