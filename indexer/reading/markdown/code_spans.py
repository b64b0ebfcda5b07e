"""Finds the code of a Markdown text: fenced blocks by lines, and spans in a line. Pure."""

from __future__ import annotations

import re

_FENCE = re.compile(r"\A[ \t>]*+(```+|~~~+)")
_TICKS = re.compile(r"(`+)")


class Fences:
    """Follows the fences over the lines of one text."""

    def __init__(self) -> None:
        self._open = ""

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
    """The line cut into text and code spans: from a run of backticks to the next as long."""
    parts = _TICKS.split(line)
    later: dict[str, list[int]] = {}
    for at in range(len(parts) - 2, 0, -2):
        later.setdefault(parts[at], []).append(at)
    found, at = [(parts[0], False)], 1
    while at < len(parts):
        ends = later[parts[at]]
        while ends and ends[-1] <= at:
            ends.pop()
        end = ends[-1] if ends else at
        found += [("".join(parts[at : end + 1]), True), (parts[end + 1], False)]
        at = end + 2
    return found
