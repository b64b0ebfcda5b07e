"""What looks like spam goes to a list of its own, where a person may take it out again: nothing is thrown away, nobody solves a puzzle. Pure."""

from __future__ import annotations

import re

_LINK = re.compile(r"(?i)\b(?:https?://|www\.)\S+|\[url[=\]]|<a\s+href")
MOST_LINKS = 3


def spam_reason(message: str, name: str, hidden: str) -> str:
    """Why a message looks like spam: "hidden field", "links", "link in name", or "" where it does not."""
    if hidden.strip():
        return "hidden field"
    if _LINK.search(name):
        return "link in name"
    return "links" if len(_LINK.findall(message)) > MOST_LINKS else ""
