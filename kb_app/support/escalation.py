"""The ladder: desk, supervisor, ombudsman. Each step opens when the last is exhausted, and never before. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kb_app.support.model import CLOSED, SAID_NO, SOLVED, STEPS, Case


@dataclass(frozen=True)
class EscalationStep:
    """The next step of a case: whether it may be taken now, why, and else when it opens by itself (None: not foreseeable)."""

    step: str
    open: bool
    why: str
    opens_at: int | None = None


def next_step(case: Case, now: int, steps: Sequence[str] = STEPS) -> EscalationStep | None:
    """The step after the case's own; None at the last.

    It opens when an answer is overdue ("late"), when the case was ended and the customer says that it is not solved ("unsolved"), or
    ended again after having been opened anew ("reopened").
    """
    place = steps.index(case.step) if case.step in steps else 0
    if place + 1 >= len(steps):
        return None
    wanted = steps[place + 1]
    if case.said == SAID_NO and case.ours:
        return EscalationStep(wanted, True, "unsolved")
    if case.late(now):
        return EscalationStep(wanted, True, "late")
    if case.state in (SOLVED, CLOSED):
        return EscalationStep(wanted, False, "say whether it is solved")
    if case.ours:
        return EscalationStep(wanted, False, "waiting", case.due_at)
    return EscalationStep(wanted, False, "your turn")
