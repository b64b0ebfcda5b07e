"""The writer panel: problems of the saved article and its rank for each of its test queries."""

from __future__ import annotations

from flask import Blueprint, abort, render_template

from kb_app.web.core.context import PUBLIC, now, services
from kb_app.web.core.template_helpers import writer_present

blueprint = Blueprint("writer", __name__)


@blueprint.get("/writer/panel")
def panel() -> str:
    """The panel as an HTML fragment; 404 for browsers on other machines."""
    current = services()
    if not writer_present(current.settings):
        abort(404)
    snapshot = current.live.current()
    last = current.indexing.last_build()
    report = last.report if last else None
    changed = report.changed if report else ()
    cards = (
        [
            snapshot.articles.summaries[name]
            for name in changed
            if name in snapshot.articles.summaries
        ]
        if snapshot
        else []
    )
    hidden = [card for card in cards if not card.visible(now(), PUBLIC)]
    return render_template(
        "site/author_panel.html",
        last=last,
        report=report,
        hidden=hidden,
        changed_paths={card.path for card in cards},
    )
