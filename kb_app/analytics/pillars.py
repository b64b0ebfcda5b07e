"""KPMG's six pillars of experience, each tied to figures that are measured here and none invented. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from kb_app.analytics.figures import Counts, Figure, episode_figures, probable_calibration, query_figures
from kb_app.analytics.texts import N_


@dataclass(frozen=True)
class Pillar:
    """A pillar, the figures that speak of it, and what is not measured."""

    name: str
    figures: tuple[Figure, ...]
    missing: str = ""


def scorecard(counts: Counts) -> list[Pillar]:
    """The six pillars in KPMG's order; a pillar of which nothing is measured says so."""
    found = {figure.name: figure for figure in [*episode_figures(counts), *query_figures(counts), probable_calibration(counts)]}

    def of(*names: str) -> tuple[Figure, ...]:
        return tuple(found[name] for name in names)

    return [
        Pillar("integrity", of("no_answer_rate", "weak_rate"), N_("An honest “we do not have it” is counted; whether it was believed is not.")),
        Pillar("resolution", of("confirmed_rate", "unanswered_rate", "escalation_rate")),
        Pillar("expectations", of("probable_gave_up"), N_("Promised and kept reply times are measured once cases have a desk.")),
        Pillar("empathy", of("frustrated_rate"), N_("The tone of articles is not measured.")),
        Pillar("personalisation", (), N_("Nothing is measured: answers do not depend on who asks.")),
        Pillar("time and effort", of("seconds_to_answer", "refinement_rate", "click_through_per_search")),
    ]
