"""Brings two changes of one text together, as far as they do not touch the same lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from merge3 import Merge3


@dataclass(frozen=True)
class Difference:
    """Lines that both changed, each in another way."""

    base: str
    mine: str
    theirs: str


@dataclass(frozen=True)
class Merged:
    """The text with both changes; what both changed is as in ``mine``."""

    text: str
    differences: Sequence[Difference]


def merged(base: str, mine: str, theirs: str) -> Merged:
    """Merge two texts that were made from the same one."""
    lines: list[str] = []
    differences: list[Difference] = []
    for kind, *groups in Merge3(_lines(base), _lines(mine), _lines(theirs)).merge_groups():
        if kind == "conflict":
            texts = ["".join(group) for group in groups]
            differences.append(Difference(*texts))
            lines += groups[1]
        else:
            lines += groups[0]
    return Merged("".join(lines), differences)


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").splitlines(keepends=True)
