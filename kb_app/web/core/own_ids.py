"""Articles that stand on one page together: each with ids of its own."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from indexer.reading.html_tags import Tag, rewrite_tags

# What refers to an element of the same page by its id.
_REFERENCES = ("for", "headers", "aria-labelledby", "aria-describedby", "aria-controls")


def with_own_ids(body: Markup, prefix: str, places: Mapping[str, str] | None = None) -> Markup:
    """An article's HTML whose ids begin with ``prefix``, as do the links to them.

    ``places`` are the ids of other articles on the page, by their address.
    """
    return Markup(rewrite_tags(body, OwnIds(prefix, places or {}).rewritten))


@dataclass(frozen=True)
class OwnIds:
    """Gives the ids of an article a prefix, since others on the page may have the same."""

    prefix: str
    places: Mapping[str, str]

    def rewritten(self, tag: Tag) -> str:
        """A tag with its own ids, and with links that stay on the page where they can."""
        for name in ("id", "name", *_REFERENCES, "href"):
            value = tag.attribute(name)
            if not value or (name == "name" and tag.name != "input"):
                continue
            own = " ".join(f"{self.prefix}-{one}" for one in value.split())
            new = self._link(value) if name == "href" else own
            changed = tag.replaced(name, f'{name}="{new}"')
            tag = Tag(tag.name, changed[len(tag.name) + 1 : -1], changed)
        return tag.text

    def _link(self, target: str) -> str:
        if target.startswith("#"):
            return f"#{self.prefix}-{target[1:]}"
        address, _, anchor = target.partition("#")
        place = self.places.get(html.unescape(address))
        return target if place is None else f"#{place}-{anchor}" if anchor else f"#{place}"
