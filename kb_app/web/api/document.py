"""The OpenAPI document of the API, made from its views and models, and a page to read it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from flask import Blueprint, Response, jsonify, render_template
from flask.typing import ResponseReturnValue
from pydantic import BaseModel
from spectree import Response as Answers
from spectree import SecurityScheme, SpecTree
from spectree.models import SecureType, SecuritySchemeData

from kb_app.version import VERSION
from kb_app.web.api.models import Problem
from kb_app.web.core.context import site_settings

F = TypeVar("F", bound=Callable[..., ResponseReturnValue])
blueprint = Blueprint("api_document", __name__, url_prefix="/api/v1")
_PROBLEM = "application/problem+json"
_ABOUT = (
    "Search, articles, feedback and cases of this help centre. Errors are problem+json and name "
    "the parameter. Version 1 only gains: new parameters are optional, answers may have new fields."
)
_spec = SpecTree(
    "flask",
    mode="strict",
    annotations=False,
    path="apidoc",
    page_templates={},
    naming_strategy=lambda model: model.__name__,
    nested_naming_strategy=lambda _parent, child: child,
    security_schemes=[
        SecurityScheme(
            name="token",
            data=SecuritySchemeData(type=SecureType.HTTP, scheme="bearer"),
        )
    ],
)


def operation(
    tag: str,
    answers: Mapping[int, type[BaseModel] | None],
    *,
    query: type[BaseModel] | None = None,
    body: type[BaseModel] | None = None,
    scope: str = "",
    open_to_all: bool = False,
) -> Callable[[F], F]:
    """Document a view: its parameters, body and answers, beside the problems that all may have.

    ``scope`` is that of the token that it needs, or may be asked with where it is open to all. The
    view itself reads and checks what it is given.
    """
    wrong = (400, 403, 413) if body else (400,) if query else ()
    denied = (401, 403) if scope and not open_to_all else ()
    known = {**answers, **dict.fromkeys((*wrong, *denied, 429), Problem)}
    responses = Answers(**{f"HTTP_{status}": model for status, model in known.items()})

    def decorate(view: F) -> F:
        documented = _spec.validate(
            query=query,
            json=body,
            resp=responses,
            tags=(tag,),
            security=([{}, {"token": []}] if open_to_all else {"token": []}) if scope else None,
            skip_validation=True,
        )(view)
        if scope:
            documented.scope = scope
        return documented

    return decorate


def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document of this site."""
    made = copy.deepcopy(_spec.spec)
    made["info"] = {
        "title": f"{site_settings().name('en')}: API",
        "version": "1",
        "description": _ABOUT,
        "x-program": VERSION,
    }
    made["servers"] = [{"url": site_settings().address}]
    languages = ["", *site_settings().languages]
    for schema in made["components"]["schemas"].values():
        if "default" in schema.get("properties", {}).get("lang", {}):
            schema["properties"]["lang"]["enum"] = languages
    for path in made["paths"].values():
        for each in path.values():
            _mend(each, languages)
    return made


def _mend(described: dict[str, Any], languages: list[str]) -> None:
    """Problems have a media type of their own; nothing answers 422; languages are the site's."""
    described["responses"].pop("422", None)
    for status, answer in described["responses"].items():
        content = answer.get("content", {})
        if status >= "400" and "application/json" in content:
            answer["content"] = {_PROBLEM: content["application/json"]}
    for one in described.get("parameters", []):
        one["schema"].pop("title", None)
        if one["name"] == "lang":
            one["schema"]["enum"] = languages


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """The document."""
    return jsonify(document())


@blueprint.get("/docs")
def docs() -> str:
    """The document as a page."""
    made = document()
    operations = [
        {"path": path, "method": method.upper(), **described}
        for path, methods in made["paths"].items()
        for method, described in methods.items()
    ]
    return render_template(
        "site/api.html",
        document=made,
        operations=operations,
        schemas=made["components"]["schemas"],
    )
