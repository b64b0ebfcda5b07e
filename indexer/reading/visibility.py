"""Keys of other tools that keep an article from the public. None of them is ever ignored."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_HIDES_IF_TRUE = (
    *("draft", "is_draft", "unlisted", "hidden", "private", "is_private", "secret", "exclude"),
    *("headless", "unpublished", "eleventyexcludefromcollections"),
)
_HIDES_IF_FALSE = (
    "published",
    "publish",
    "public",
    "is_public",
    "is_published",
    "listed",
    "visible",
)
_WHO = ("visibility", "access", "permission", "permissions", "viewable_by", "restricted_to")
_STATES = ("state", "workflow_state", "publication_state", "post_status", "article_status")
_SEGMENTS = ("user_segment_id", "user_segment_ids", "internal", "internal_only", "staff_only")
_BUILD = ("build", "_build")
VISIBILITY_KEYS = (*_HIDES_IF_TRUE, *_HIDES_IF_FALSE, *_WHO, *_STATES, *_SEGMENTS, *_BUILD)
# These keep a page out of a search, not from the public: it is served and searched here.
SEARCH_KEYS = (
    "search",
    "exclude_from_search",
    "excluded_in_search",
    "noindex",
    "robots",
    "sitemap",
)
_DRAFT, _INTERNAL = ("status", "draft"), ("audience", "internal")
_FALSE = ("false", "no", "off", "0", "never", "")
_EVERYONE = ("public", "everyone", "anyone", "all", "open", "world", "everybody")
_NOBODY = ("private", "hidden", "draft", "unlisted", "none", "nobody", "only_me")
_SHOWN_STATES = ("published", "publish", "public", "live", "active", "approved")


def hidden_by(key: str, value: Any) -> tuple[str, str] | None:
    """Our key and value that keep the article as hidden as ``key: value`` does; None if shown.

    ``key`` is in lower case, with underscores. What is not understood hides.
    """
    rule = _RULES.get(key)
    return rule(str(value).strip().lower(), value) if rule and value is not None else None


def _who(text: str, _value: Any) -> tuple[str, str] | None:
    if text in _EVERYONE:
        return None
    return _DRAFT if text in _NOBODY else _INTERNAL


def _left_out(value: Any) -> bool:
    """Whether ``build: {render: never}`` of Hugo leaves the page out."""
    if not isinstance(value, dict):
        return str(value).strip().lower() in _FALSE
    texts = {str(key).lower(): str(each).strip().lower() for key, each in value.items()}
    return any(texts.get(key, "always") in _FALSE for key in ("render", "list"))


Rule = Callable[[str, Any], tuple[str, str] | None]
_RULES: dict[str, Rule] = {
    **dict.fromkeys(_HIDES_IF_TRUE, lambda text, _: None if text in _FALSE else _DRAFT),
    **dict.fromkeys(_HIDES_IF_FALSE, lambda text, _: _DRAFT if text in _FALSE else None),
    **dict.fromkeys(_STATES, lambda text, _: None if text in _SHOWN_STATES else _DRAFT),
    **dict.fromkeys(_SEGMENTS, lambda text, _: None if text in (*_FALSE, "[]") else _INTERNAL),
    **dict.fromkeys(_WHO, _who),
    **dict.fromkeys(_BUILD, lambda _, value: _DRAFT if _left_out(value) else None),
}
