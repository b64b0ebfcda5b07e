"""Spam detection for incoming messages.

Suspected spam is kept in a separate list, where an agent can release it. There is no captcha.
"""

from __future__ import annotations

import re

_LINK = re.compile(r"(?i)\b(?:https?://|www\.)\S+|\[url[=\]]|<a\s+href")
MOST_LINKS = 3


def spam_reason(message: str, name: str, hidden: str) -> str:
    """Why a message looks like spam: "hidden field", "link in name", "links"; "" if it does not."""
    if hidden.strip():
        return "hidden field"
    if _LINK.search(name):
        return "link in name"
    return "links" if len(_LINK.findall(message)) > MOST_LINKS else ""
