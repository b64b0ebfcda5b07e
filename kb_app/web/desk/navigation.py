"""The desk's pages in groups, and which of them the signed-in user may open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import lazy_gettext as _

from kb_app.accounts.model import User


@dataclass(frozen=True)
class Page:
    """A page of the navigation. ``below`` lists the endpoints of pages that it leads to."""

    endpoint: str
    right: str
    label: Any
    below: tuple[str, ...] = ()

    def holds(self, endpoint: str) -> bool:
        """Whether an endpoint is this page or one below it."""
        return endpoint == self.endpoint or endpoint in self.below


@dataclass(frozen=True)
class Group:
    """Pages under one name. ``aside`` is set for what is not part of the daily work."""

    label: Any
    pages: tuple[Page, ...]
    aside: bool = False


GROUPS = (
    Group(_("Today"), (Page("today.today", "internal", _("Today")),)),
    Group(
        _("Inbox"),
        (
            Page("inbox.cases", "cases", _("Cases"), ("inbox.case", "inbox.act", "inbox.new")),
            Page("replies.replies", "cases", _("Saved replies")),
            Page("desk_notices.notices", "notices", _("Notices"), ("desk_notices.notice",)),
            Page("inbox.outbox", "outbox", _("Outbox")),
        ),
    ),
    Group(
        _("Articles"),
        (
            Page(
                "article_list.articles",
                "write",
                _("All articles"),
                ("editor.edit", "editor.history", "article_files.new", "article_files.place"),
            ),
            Page("reviews.reviews", "write", _("Kept changes"), ("reviews.review",)),
            Page("editor.build", "write", _("Problems of the articles")),
            Page("article_checks.checks", "write", _("Duplicates and contradictions")),
            Page("values.values", "write", _("Shared values")),
            Page("languages.languages", "write", _("Languages")),
            Page("desk_packs.packs", "write", _("Packs"), ("desk_packs.edit", "desk_packs.send")),
        ),
    ),
    Group(
        _("Questions"),
        (
            Page("gaps.gaps", "triage", _("Unanswered"), ("gaps.gap", "gaps.decide")),
            Page("gaps.learned", "triage", _("Learned")),
            Page("desk.inventory", "reports", _("Asked most")),
        ),
    ),
    Group(
        _("Reports"),
        (
            Page("desk.dashboard", "reports", _("Overview"), ("desk.rows", "desk.episode")),
            Page("desk.articles", "reports", _("Articles read")),
            Page("desk.pillars", "reports", _("Six pillars")),
            Page("desk.definitions", "reports", _("Other definitions")),
        ),
    ),
    Group(
        _("Settings"),
        (
            Page("users.users", "users", _("People")),
            Page("users.tokens", "users", _("API tokens")),
            Page("persons.persons", "persons", _("One person")),
            Page("users.audit", "audit", _("Log")),
        ),
        aside=True,
    ),
)


def groups_for(user: User) -> list[Group]:
    """The groups with the pages that a user may open, without empty groups."""
    allowed = (
        Group(group.label, tuple(page for page in group.pages if user.may(page.right)), group.aside)
        for group in GROUPS
    )
    return [group for group in allowed if group.pages]


def current_group(groups: Sequence[Group], endpoint: str) -> Group | None:
    """The group of the page that is shown."""
    return next((group for group in groups if any(p.holds(endpoint) for p in group.pages)), None)
