"""Votes on articles by the API."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import SQLAlchemyError

from kb_app.analytics import model as m
from kb_app.web.api.document import operation
from kb_app.web.api.models import Problem, Vote
from kb_app.web.api.requests import ProblemError, body, handle_problems
from kb_app.web.core import tracking
from kb_app.web.core.context import audiences, now, snapshot
from kb_app.web.core.same_site import require_same_site

blueprint = Blueprint("api_feedback", __name__, url_prefix="/api/v1")
handle_problems(blueprint)
NAMES = {"yes": m.VOTE_YES, "no": m.VOTE_NO, "solved": m.SOLVED_YES, "not_solved": m.SOLVED_NO}


@blueprint.post("/feedback")
@operation("articles", {202: None, 404: Problem, 503: Problem}, body=Vote)
def vote() -> ResponseReturnValue:
    """Say whether an article helped. With a reason or comment it adds to the vote before."""
    require_same_site()
    given = body(Vote)
    card = snapshot().articles.summaries.get(given.article_id)
    if card is None or not card.visible(now(), audiences()):
        raise ProblemError("article_id: there is no article with this id.", 404)
    attributes: dict[str, Any] = {"reason": given.reason} if given.reason else {}
    if given.comment.strip():
        attributes["comment"] = given.comment.strip()
    part = "more" if attributes else given.value
    try:
        tracking.put(
            m.VOTE_REASON if attributes else NAMES[given.value],
            query_id=given.query_id or None,
            object_id=card.id,
            attributes=attributes,
            event_id=f"{given.form_id}:{part}" if tracking.UUID.match(given.form_id) else "",
            language=card.lang,
        )
    except SQLAlchemyError as error:
        raise ProblemError("The vote could not be stored. Send it again.", 503) from error
    return Response(status=202)
