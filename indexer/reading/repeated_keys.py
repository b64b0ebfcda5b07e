"""Front matter that has a key twice: the last one counts, as in Jekyll and MkDocs."""

from __future__ import annotations

import re

from indexer.reading.visibility import VISIBILITY_KEYS

_KEY = re.compile(r"\A([\w.-]++)[ \t]*+:(?:[ \t]|\Z)")
# Two of these contradict each other about who sees the article, or which article it is.
_ONLY_ONCE = frozenset(
    (
        *VISIBILITY_KEYS,
        *("schema", "id", "slug", "translation_of", "status", "audience", "publish_at"),
        *("publishdate", "publish_date", "expire_at", "expirydate", "expiry_date"),
        *("unpublishdate", "permalink", "redirect_to"),
    )
)


def keep_last_of_repeated(header: str) -> tuple[str, dict[str, int]]:
    """Blank the earlier ones of repeated keys; return the rest, and the last line of each key.

    Lines count from 0. A key that may hide or rename the article stays, and YAML refuses it.
    """
    lines = header.split("\n")
    starts = [
        (number, found[1]) for number, line in enumerate(lines) if (found := _KEY.match(line))
    ]
    last = {key: number for number, key in starts}
    ends = [*(number for number, _ in starts[1:]), len(lines)][: len(starts)]
    repeated: dict[str, int] = {}
    for (number, key), end in zip(starts, ends, strict=True):
        if number != last[key] and key.lower().replace("-", "_") not in _ONLY_ONCE:
            lines[number:end] = [""] * (end - number)
            repeated[key] = last[key]
    return "\n".join(lines), repeated
