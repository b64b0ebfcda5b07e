"""What each vendor's shape can carry, so that a test compares no more than that."""

from __future__ import annotations

ALL = frozenset(
    {
        "title",
        "body",
        "author",
        "created",
        "updated",
        "votes",
        "labels",
        "sections",
        "translations",
        "redirects",
        "pictures",
        "files",
        "draft",
        "internal",
        "promoted",
    }
)
LACKS = {
    "zendesk": set(),
    "freshdesk": {"redirects", "promoted"},
    "intercom": {"redirects", "promoted"},
    "helpscout": {"author", "votes", "translations", "promoted"},
    "document360": {"votes", "redirects", "promoted"},
    "document360-export": {
        *("author", "created", "updated", "votes", "labels", "redirects"),
        *("draft", "internal", "promoted"),
    },
    "mkdocs": {"author", "created", "updated", "votes", "internal", "promoted"},
    "docusaurus": {"created", "votes", "internal", "promoted"},
    "jekyll": {"votes", "internal", "promoted"},
    "csv": {
        *("author", "created", "votes", "translations", "redirects"),
        *("pictures", "files", "draft", "internal", "promoted"),
    },
    "html": {"votes", "redirects", "draft", "internal", "promoted"},
}


def fields_of(vendor: str) -> frozenset[str]:
    """The neutral fields that the vendor's shape has a place for.

    Internal entries of Intercom have no section, labels, translations or votes. Votes of Intercom
    are percentages of a number of reactions. The export of Document360 as Markdown has no
    translations. Pictures and files in CSV are on a host that nothing serves.
    """
    return ALL - LACKS[vendor]
