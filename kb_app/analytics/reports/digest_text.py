"""Text of the weekly digest mail: figures, gaps and open decisions. Plain text; pure."""

from __future__ import annotations

from collections.abc import Sequence

from kb_app.analytics.gaps.gap_store import Gap
from kb_app.analytics.reports.metrics import Figure

NAMES = {
    "confirmed_rate": "Confirmed self-service",
    "upper_bound": "At most (with the probable ones)",
    "unanswered_rate": "Unanswered",
    "escalation_rate": "Reached a person",
    "no_answer_rate": "Searches without an answer",
    "topic_alone_rate": "Searches with the topic known and no answer",
}


def digest(
    site: str,
    days: str,
    figures: Sequence[Figure],
    earlier: Sequence[Figure],
    gaps: Sequence[Gap],
    offered: int,
    link: str,
) -> tuple[str, str]:
    """(subject, body) of the weekly mail; ``earlier`` holds the figures of the previous period."""
    before = {figure.name: figure for figure in earlier}
    lines = [f"{site}: {days}", ""]
    lines += [_line(figure, before[figure.name]) for figure in figures if figure.name in NAMES]
    lines += [
        "",
        "Success is what somebody confirmed and nothing took back.",
        "",
        "Asked by most, without an answer:",
    ]
    lines += [
        f"  {number}. {gap.label} ({gap.people} people, {gap.queries} searches)"
        for number, gap in enumerate(gaps[:10], 1)
    ] or ["  none"]
    lines += ["", f"Questions that people confirmed, to approve: {offered}", "", link]
    return f"{site}: {_short(figures)}", "\n".join(lines) + "\n"


def _line(figure: Figure, earlier: Figure) -> str:
    if figure.value is None or figure.low is None or figure.high is None:
        return f"{NAMES[figure.name]}: nothing was counted"
    change = (
        ""
        if earlier.value is None
        else f", {100 * (figure.value - earlier.value):+.1f} points against the time before"
    )
    counted = f"{figure.part:g} of {figure.whole:g}"
    return (
        f"{NAMES[figure.name]}: {figure.value:.1%} "
        f"({counted}; 95 % interval {figure.low:.1%} to {figure.high:.1%}{change})"
    )


def _short(figures: Sequence[Figure]) -> str:
    confirmed = next((figure for figure in figures if figure.name == "confirmed_rate"), None)
    return (
        "nothing was asked"
        if confirmed is None or confirmed.value is None
        else f"{confirmed.value:.0%} confirmed, {confirmed.whole:g} problems"
    )
