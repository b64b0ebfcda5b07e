"""What HTML an article may have."""

from __future__ import annotations

import nh3

_NAMES = (
    "a abbr audio b bdi bdo blockquote br caption cite code col colgroup dd del details dfn div "
    "dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i iframe img input ins kbd label li mark "
    "ol p picture pre q rp rt ruby s samp small source span strong sub summary sup table tbody "
    "td tfoot th thead tr track u ul var video wbr"
)
TAGS = frozenset(_NAMES.split())
ATTRIBUTES: dict[str, set[str]] = {
    "*": {"class", "id", "title", "lang", "dir", "hidden"},
    "a": {"href", "name"},
    "img": {"src", "alt", "width", "height"},
    "input": {"type", "checked", "name", "disabled"},
    "label": {"for"},
    "ol": {"start", "type", "reversed"},
    "li": {"value"},
    "td": {"align", "colspan", "rowspan", "headers"},
    "th": {"align", "colspan", "rowspan", "headers", "scope", "abbr"},
    "col": {"span"},
    "colgroup": {"span"},
    "details": {"open"},
    "video": {"src", "poster", "width", "height", "loop", "muted", "preload", "controls"},
    "audio": {"src", "loop", "preload", "controls"},
    "source": {"src", "type"},
    "track": {"src", "kind", "srclang", "label", "default"},
    "iframe": {"src", "width", "height", "allowfullscreen"},
}
SCHEMES = frozenset({"http", "https", "mailto", "tel", "sms"})


def sanitise(raw: str) -> str:
    """Return HTML without scripts and styles; URL schemes are web, mail and phone only."""
    return nh3.clean(
        raw,
        tags=set(TAGS),
        clean_content_tags={"script", "style", "svg", "template", "noscript"},
        attributes=ATTRIBUTES,
        url_schemes={*SCHEMES, "wiki"},
        link_rel=None,
        set_tag_attribute_values={
            "input": {"type": "radio"},
            "video": {"controls": ""},
            "audio": {"controls": ""},
        },
        strip_comments=True,
    )
