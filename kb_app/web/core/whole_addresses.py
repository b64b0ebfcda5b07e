"""HTML of this site for other places: addresses with the site in front."""

from __future__ import annotations

import html
from collections.abc import Callable

from markupsafe import Markup

from indexer.reading.html_tags import Tag, rewrite_tags


def whole_addresses(body: str, whole: Callable[[str], str]) -> Markup:
    """Sanitised HTML whose links and files of this site have their whole address.

    ``whole`` makes it of a path.
    """

    def rewritten(tag: Tag) -> str:
        for name in ("href", "src", "poster"):
            address = tag.attribute(name) or ""
            if address.startswith("/") and not address.startswith("//"):
                there = html.escape(whole(html.unescape(address)))
                changed = tag.replaced(name, f'{name}="{there}"')
                tag = Tag(tag.name, changed[len(tag.name) + 1 : -1], changed)
        return tag.text

    return Markup(rewrite_tags(body, rewritten))
