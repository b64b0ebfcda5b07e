"""Rewrites the links of Markdown texts whose articles move. Pure.

The texts are looked at as text, not parsed, so that all else stays as it is to the byte.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from urllib.parse import quote, unquote

from indexer.reading.files import resolve
from indexer.reading.layout import INDEXES, SUFFIXES
from indexer.reading.markdown.code_spans import Fences, pieces

# The target of ](target), of ](<target>), of [name]: target, of href="target" and of href=target.
_LINKS = (
    re.compile(r"(?P<before>\]\(<)(?P<target>[^<>\n]{1,2000})(?P<after>>)"),
    re.compile(r"(?P<before>\]\()(?P<target>(?:[^\s()<>]|\([^\s()]{0,200}\)){1,2000})(?P<after>)"),
    re.compile(
        r"(?m)(?P<before>^[ >]{0,12}\[[^\]\n]{1,200}\]:[ \t]{1,20}<?)"
        r"(?P<target>[^\s<>]{1,2000})(?P<after>)"
    ),
    re.compile(
        r"(?P<before>\b(?:href|src)=(?P<quote>[\"']))(?P<target>[^\"'\n]{1,2000})(?P<after>(?P=quote))"
    ),
    re.compile(r"(?P<before>\b(?:href|src)=)(?P<target>[^\s\"'<>=]{1,2000})(?P<after>)"),
)
_WIKI = re.compile(
    r"(\[\[)([^\[\]|#\n]{1,300})((?:#[^\[\]|\n]{0,300})?(?:\|[^\[\]\n]{0,300})?\]\])"
)
_BLANK = re.compile(r"(\n[ \t]*\n)")
# A line of prose that an indented one below it may belong to.
_LIST = re.compile(r"[ >]{0,12}(?:[-*+]|\d{1,9}[.)]) |[ \t]")
_SCHEME = re.compile(r"\A(?:[a-z][a-z0-9+.-]*:|//|#|\{)", re.IGNORECASE)


def moved_links(
    text: str, path: str, new_path: str, moved: Mapping[str, str], anchors: bool = True
) -> str:
    """The text of the file ``path`` as it is to stand in ``new_path``.

    ``moved`` maps paths of files to their new ones; a link to one of them leads to the new one, in
    the form that it had, and without its anchor unless ``anchors`` is set. Code is left alone.
    """
    places = _Places(moved)

    def rewritten(match: re.Match[str]) -> str:
        written, _, anchor = match["target"].partition("#")
        leads = None if _is_escaped(match) else places.leads(path, new_path, written)
        if leads is None:
            return match.group()
        is_new, target = leads
        kept = f"#{anchor}" if anchor and (anchors or not is_new) else ""
        angled = match["before"].endswith("<")
        shown = target if angled else quote(target, safe="/")
        return f"{match['before']}{shown}{kept}{match['after']}"

    def change(part: str) -> str:
        for pattern in _LINKS:
            part = pattern.sub(rewritten, part)
        return _WIKI.sub(places.wiki, part) if moved else part

    return _outside_code(text, change)


def rewritten_links(text: str, rewrite: Callable[[str], str]) -> str:
    """The text with what ``rewrite`` makes of the target of each link and picture outside code."""

    def rewritten(match: re.Match[str]) -> str:
        if _is_escaped(match):
            return match.group()
        target = rewrite(match["target"])
        if match["before"] == "](" and re.search(r"[\s()]", target):
            target = f"<{target}>"
        return f"{match['before']}{target}{match['after']}"

    def change(part: str) -> str:
        for pattern in _LINKS:
            part = pattern.sub(rewritten, part)
        return part

    return _outside_code(text, change)


def _is_escaped(match: re.Match[str]) -> bool:
    """Whether a backslash makes a bracket a mere character."""
    text, at = match.string, match.start()
    while at and text[at - 1] == "\\":
        at -= 1
    return (match.start() - at) % 2 == 1


def mentions(text: str, path: str) -> bool:
    """Whether a text has the name of a file, or of the folder that it introduces, in any form.

    Quick: texts without it need not be looked at further.
    """
    names = {PurePosixPath(form).name for form in _loose_forms(path)}
    plain = _folded(unquote(text) if "%" in text else text)
    return any(_folded(name) in plain for name in names if name)


class _Places:
    """Where the files of a move were and are, by each form in which links name them."""

    def __init__(self, moved: Mapping[str, str]) -> None:
        self._moved = {_folded(old): new for old, new in moved.items()}
        self._loose: dict[str, str] = {}
        self._stems: dict[str, str] = {}
        for old, new in moved.items():
            for form in _loose_forms(old):
                self._loose[_folded(form)] = new
            self._stems[_folded(PurePosixPath(old).stem)] = new

    def leads(self, path: str, new_path: str, written: str) -> tuple[bool, str] | None:
        """(whether it leads to a moved file, the new target); None where the link stays."""
        if not written or _SCHEME.match(written):
            return None
        plain = unquote(written)
        if plain.startswith("/"):
            target = plain.strip("/")
            new, is_loose = self._new(target)
            if new is None:
                return None
            return True, "/" + (_without_ending(new) if is_loose else new)
        target = resolve(path, plain)
        new, is_loose = self._new(target)
        if new is None and PurePosixPath(path).parent == PurePosixPath(new_path).parent:
            return None
        if new is None:
            leads = target + ("/" if plain.endswith("/") else "")
        else:
            leads = _without_ending(new) if is_loose and not _is_index(new) else new
        start = PurePosixPath(new_path).parent.as_posix()
        relative = os.path.relpath(leads, start) + ("/" if leads.endswith("/") else "")
        return new is not None, relative

    def _new(self, target: str) -> tuple[str | None, bool]:
        folded = _folded(target.rstrip("/"))
        if folded in self._moved:
            return self._moved[folded], False
        return self._loose.get(folded), True

    def wiki(self, match: re.Match[str]) -> str:
        """A link by name: the new name of a moved file."""
        name = match[2].strip()
        new = self._stems.get(_folded(PurePosixPath(_without_ending(name)).name))
        if new is None or _folded(_without_ending(name)) not in {
            _folded(form) for form in self._named(new)
        }:
            return match.group()
        shown = _without_ending(new) if "/" in name else PurePosixPath(new).stem
        return f"{match[1]}{shown}{match[3]}"

    def _named(self, new: str) -> Iterator[str]:
        """All ends of the old path by which a link may name it."""
        for old, target in self._loose.items():
            if target == new:
                parts = old.split("/")
                yield from ("/".join(parts[at:]) for at in range(len(parts)))


def _loose_forms(path: str) -> Iterator[str]:
    """A path without its ending, and the folder that an index stands for."""
    loose = _without_ending(path)
    yield loose
    if _is_index(path):
        yield loose.rpartition("/")[0]


def _is_index(path: str) -> bool:
    return PurePosixPath(path).stem.lower() in INDEXES


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _without_ending(path: str) -> str:
    ending = next((one for one in SUFFIXES if path.lower().endswith(one)), "")
    return path[: len(path) - len(ending)]


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to what is no code: no fenced or indented block and no `span`."""
    out: list[str] = []
    prose: list[str] = []
    fences, after_blank, in_code, last = Fences(), True, False, ""
    for line in text.splitlines(keepends=True):
        indented = line.startswith(("    ", "\t")) and (after_blank or in_code)
        is_list = bool(prose) and not in_code and bool(_LIST.match(last))
        in_code = indented and not is_list and not fences.is_open
        if in_code or fences.hold(line):
            out += [_changed_spans("".join(prose), change), line]
            prose, last = [], ""
        else:
            prose.append(line)
            last = line if line.strip() else last
        after_blank = not line.strip()
    return "".join([*out, _changed_spans("".join(prose), change)])


def _changed_spans(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to what is outside `code spans`, which no blank line interrupts."""
    return "".join(
        part if is_code else change(part)
        for paragraph in _BLANK.split(text)
        for part, is_code in pieces(paragraph)
    )
