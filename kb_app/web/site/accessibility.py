"""The accessibility statement, with the table of criteria that the tests made."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from flask import Blueprint, render_template

from kb_app.web.core.urls import language_of_address

blueprint = Blueprint("accessibility", __name__)
blueprint.url_value_preprocessor(language_of_address)
TABLE = Path(__file__).parents[1] / "data" / "accessibility.json"


@dataclass(frozen=True)
class Criterion:
    """A success criterion.

    ``result`` is "met", "not met", "none" (the pages have nothing of the kind) or "articles" (for
    those who write them). ``tests`` is how many tests judge it.
    """

    number: str
    level: str
    since: str
    en: str
    ja: str
    result: str
    tests: int

    @property
    def is_jis(self) -> bool:
        """Whether it is one of JIS X 8341-3:2016, which are those of WCAG 2.0."""
        return self.since == "2.0"


@cache
def tested() -> tuple[date, tuple[Criterion, ...]]:
    """The day on which the tests ran, and the criteria in their order."""
    given = json.loads(TABLE.read_text("utf-8"))
    return date.fromisoformat(given["day"]), tuple(Criterion(**one) for one in given["criteria"])


@blueprint.get("/<ui:ui>/accessibility")
def statement(ui: str) -> str:
    """Show the statement."""
    day, criteria = tested()
    return render_template(
        "site/accessibility.html",
        day=day,
        groups=[
            ("jis", [one for one in criteria if one.is_jis]),
            ("more", [one for one in criteria if not one.is_jis]),
        ],
        not_met=[one for one in criteria if one.result == "not met"],
    )
