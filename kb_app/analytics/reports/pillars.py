"""KPMG's six pillars of customer experience, each mapped to measured figures. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kb_app.analytics.reports.metrics import (
    Counts,
    Figure,
    episode_figures,
    probable_calibration,
    query_figures,
)
from kb_app.analytics.text_key import N_


@dataclass(frozen=True)
class Pillar:
    """A pillar, its figures, and a note on what is not measured."""

    name: str
    figures: tuple[Figure, ...]
    missing: str = ""


def scorecard(counts: Counts, of_cases: Sequence[Figure] = ()) -> list[Pillar]:
    """The six pillars in KPMG's order; a pillar without figures has a note in ``missing``.

    ``of_cases`` holds the figures of the support cases.
    """
    figures = [
        *episode_figures(counts),
        *query_figures(counts),
        probable_calibration(counts),
        *of_cases,
    ]
    by_name = {figure.name: figure for figure in figures}

    def of(*names: str) -> tuple[Figure, ...]:
        return tuple(by_name[name] for name in names if name in by_name)

    return [
        Pillar(
            "integrity",
            of("no_answer_rate", "topic_alone_rate", "weak_rate"),
            N_("An honest “we do not have it” is counted; whether it was believed is not."),
        ),
        Pillar(
            "resolution", of("confirmed_rate", "unanswered_rate", "escalation_rate", "case_solved")
        ),
        Pillar("expectations", of("promise_kept", "probable_gave_up")),
        Pillar(
            "empathy",
            of("satisfied", "frustrated_rate"),
            N_("The tone of articles is not measured."),
        ),
        Pillar(
            "personalisation", (), N_("Nothing is measured: answers do not depend on who asks.")
        ),
        Pillar(
            "time and effort",
            of("easy", "seconds_to_answer", "refinement_rate", "click_through_per_search"),
        ),
    ]
