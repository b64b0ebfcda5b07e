"""Reads and checks what a request to the API holds; what is wrong becomes a problem."""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, g, request
from pydantic import BaseModel
from werkzeug.wrappers import Response as BaseResponse

from kb_app.accounts.model import RIGHTS
from kb_app.web.core import i18n
from kb_app.web.core.auth import user
from kb_app.web.core.context import site_settings
from kb_app.web.core.errors import problem
from kb_app.web.core.inputs import parse_body, parse_query

Model = TypeVar("Model", bound=BaseModel)
MAX_BODY = 256 * 1024


class ProblemError(Exception):
    """A request cannot be answered; the message says why and what to do."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


def handle_problems(blueprint: Blueprint) -> None:
    """Answer a ProblemError of its views with problem+json, and bound what is sent to them."""

    @blueprint.errorhandler(ProblemError)
    def answer(error: ProblemError) -> BaseResponse:
        return problem(error.status, str(error))

    @blueprint.before_request
    def bound() -> None:
        request.max_content_length = MAX_BODY


def parameters(model: type[Model]) -> Model:
    """The parameters of the address; raises ProblemError."""
    given, wrong = parse_query(model, request.args.to_dict())
    if given is None:
        raise ProblemError(wrong)
    return given


def body(model: type[Model]) -> Model:
    """The JSON body; raises ProblemError."""
    given, wrong = parse_body(model, request.get_data(cache=False))
    if given is None:
        raise ProblemError(wrong)
    return given


def language(given: str) -> str:
    """The language that was asked for, else the reader's; raises ProblemError for another one."""
    languages = site_settings().languages
    if given and given not in languages:
        raise ProblemError(f"lang={given[:20]}: must be one of {', '.join(languages)}.")
    return given or i18n.preferred_language()


def needs_token(scope: str) -> None:
    """Raise ProblemError unless the request has a token with this scope."""
    has_token = user().is_authenticated and g.get("token")
    if has_token and scope in RIGHTS and not user().may(scope):
        raise ProblemError(f"The account of this token has no right to {scope}.", 403)
    if not has_token:
        raise ProblemError(
            f"This needs a token with the scope {scope}. Create one with: "
            f"kb token add NAME --mail MAIL --scope {scope}",
            401,
        )
