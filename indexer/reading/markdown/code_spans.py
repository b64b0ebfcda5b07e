"""Finds the code of a Markdown text: fenced blocks by lines, and spans in a line. Pure."""

from __future__ import annotations

import re

# Behind backticks that open a fence no further one stands on the line: else they are a span.
_FENCE = re.compile(r"\A[ \t>]*+(`{3,}+(?![^\n]*`)|~{3,}+)")
_TICKS = re.compile(r"(`+)")


class Fences:
    """Follows the fences over the lines of one text."""

    def __init__(self) -> None:
        self._open = ""

    @property
    def is_open(self) -> bool:
        """Whether the next line is inside a fence."""
        return bool(self._open)

    def hold(self, line: str, *, opens: bool = True) -> bool:
        """Whether a line is a fence or inside one; without ``opens`` it cannot begin one."""
        mark = _FENCE.match(line)
        if self._open:
            if mark and mark[1].startswith(self._open) and not line[mark.end() :].strip():
                self._open = ""
            return True
        if mark and opens:
            self._open = mark[1]
            return True
        return False


def pieces(line: str) -> list[tuple[str, bool]]:
    """A line or paragraph cut into text and code spans: from backticks to the next as many."""
    parts = _TICKS.split(line)
    later: dict[str, list[int]] = {}
    for at in range(len(parts) - 2, 0, -2):
        later.setdefault(parts[at], []).append(at)
    found, at = [(parts[0], False)], 1
    while at < len(parts):
        ends = later[parts[at]]
        while ends and ends[-1] <= at:
            ends.pop()
        if ends:
            end = ends[-1]
            found += [("".join(parts[at : end + 1]), True), (parts[end + 1], False)]
        else:  # no span: text like what stands around it
            end = at
            found[-1] = (f"{found[-1][0]}{parts[at]}{parts[at + 1]}", False)
        at = end + 2
    return found
