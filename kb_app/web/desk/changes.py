"""The difference of two texts, found within a limited time."""

from __future__ import annotations

from difflib import unified_diff

from indexer.isolation import IsolationError, isolated_process

DIFFERENCE_S = 10.0


def changes_between(before: str, after: str) -> list[str] | None:
    """The lines that differ, as a unified difference; None where finding them takes too long."""
    try:
        return isolated_process().run(DIFFERENCE_S, unified_difference, before, after)
    except IsolationError:
        return None


def unified_difference(before: str, after: str) -> list[str]:
    """The difference of two texts, without its two lines of file names."""
    return list(unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]
