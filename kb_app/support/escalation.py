"""Escalation rules: desk, supervisor, ombudsman; a step opens only when the one before fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kb_app.support.model import CLOSED, SAID_NO, SOLVED, STEPS, Case


@dataclass(frozen=True)
class EscalationStep:
    """The next escalation step of a case: whether it is open, why, and when it opens.

    ``opens_at`` is the time when a closed step opens by itself; None if that is not known.
    """

    step: str
    open: bool
    why: str
    opens_at: int | None = None


def next_step(case: Case, now: int, steps: Sequence[str] = STEPS) -> EscalationStep | None:
    """The step after the current one; None at the last step.

    It is open if a reply is overdue ("late"), or if the customer said that a reply did not solve
    the problem ("unsolved").
    """
    place = steps.index(case.step) if case.step in steps else 0
    if place + 1 >= len(steps):
        return None
    following = steps[place + 1]
    if case.said == SAID_NO and case.ours:
        return EscalationStep(following, True, "unsolved")
    if case.late(now):
        return EscalationStep(following, True, "late")
    if case.state in (SOLVED, CLOSED):
        return EscalationStep(following, False, "say whether it is solved")
    if case.ours:
        return EscalationStep(following, False, "waiting", case.due_at)
    return EscalationStep(following, False, "your turn")
