"""What the comparison of all articles found, and links to other sites that are broken."""

from __future__ import annotations

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.model import ArticleSummary
from kb_app.db.article_findings import ExternalLink, Finding
from kb_app.services.link_check import GONE, is_broken
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import services, site_settings, snapshot, user_store

blueprint = Blueprint("article_checks", __name__, url_prefix="/desk")
# Findings on one page; a folder with more has other problems first.
MOST = 200


@dataclass(frozen=True)
class ShownFinding:
    """A finding with its two articles."""

    finding: Finding
    one: ArticleSummary
    other: ArticleSummary


@dataclass(frozen=True)
class BrokenLink:
    """A broken link with the articles that have it."""

    link: ExternalLink
    articles: tuple[ArticleSummary, ...]

    @property
    def said(self) -> str:
        """What the site said, in words."""
        outcome = self.link.outcome
        if outcome in GONE:
            return _("the page is gone (%(status)s)", status=outcome)
        if outcome.isdigit():
            return _("the site has an error (%(status)s)", status=outcome)
        return {
            "timeout": _("the site does not answer in time"),
            "certificate": _("the certificate of the site is not valid"),
            "no such host": _("there is no such site"),
            "too many redirects": _("it leads from one page to the next without end"),
        }.get(outcome, _("the site cannot be reached"))


def findings() -> list[ShownFinding]:
    """All findings whose articles are served, those that were set aside last."""
    cards = snapshot().articles.summaries
    found = [
        ShownFinding(one, cards[one.article_id], cards[one.other_id])
        for one in services().article_checks.findings.all()
        if one.article_id in cards and one.other_id in cards
    ]
    return sorted(found, key=lambda one: (bool(one.finding.set_aside_by), one.finding.kind))


def broken_links() -> list[BrokenLink]:
    """The links to other sites that a writer should mend."""
    cards = snapshot().articles.summaries
    return [
        BrokenLink(link, tuple(cards[one] for one in link.article_ids if one in cards))
        for link in services().article_checks.findings.links()
        if is_broken(link)
    ]


@blueprint.get("/checks")
@needs("write")
def checks() -> str:
    """Show the findings, each with what can be done about it."""
    found = findings()
    return render_template(
        "desk/article_checks.html",
        open=[one for one in found if not one.finding.set_aside_by][:MOST],
        aside=[one for one in found if one.finding.set_aside_by][:MOST],
        links=broken_links()[:MOST],
        link_check=site_settings().link_check,
        names={one.mail: one.shown for one in user_store().all()},
    )


@blueprint.post("/checks")
@needs("write")
def decide() -> BaseResponse:
    """Set a finding aside, or take it up again."""
    key, done = request.form.get("key", "")[:64], request.form.get("do", "")
    if done not in ("aside", "again"):
        abort(400)
    by = user().mail if done == "aside" else ""
    if not services().article_checks.findings.set_aside(key, by):
        flash(_("This is not found any more."))
    else:
        user_store().note(user().mail, f"finding: {done}", key)
        flash(_("Set aside.") if done == "aside" else _("Taken up again."))
    return redirect(url_for("article_checks.checks"), 303)
