"""How an episode ended: the first rule that fits. Pure functions; leaving without a sign is never a success."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from kb_app.analytics.episodes.task_detection import SearchTask
from kb_app.analytics.model import (
    CONTACT_LEAVE,
    CONTACT_OPEN,
    CONTACTS,
    COPY,
    ENGAGED,
    NO,
    REFINE,
    SOLVED_NO,
    SOLVED_YES,
    SURVEY_SHOWN,
    TICKET_CREATED,
    VIEW,
    YES,
    ActionEvent,
    Episode,
    Outcome,
    QueryEvent,
)
from kb_app.durations import DAY, SECOND

# Seconds that an article must have been visible to count as read.
ENGAGED_S = 10.0
# So long a yes may be taken back.
REVOCABLE = 7 * DAY
# A contact form that nothing came of within so long was left.
FORM_LEFT = 3_600 * SECOND
FRUSTRATED_REFINEMENTS = 3
FRUSTRATED_NOES = 2
FRUSTRATED_RAGE = 1
_BEST = {"strict": 2, "weak": 1, "none": 0}
_EPISODES = uuid.UUID("6b5cf64e-4a0c-5f6b-9d43-0d8f35b1a6c1")


def classify_outcome(
    trail: SearchTask, now: int, tickets: Sequence[ActionEvent] = (), fingerprint: str = ""
) -> Episode:
    """The episode of a trail as it stands at ``now``; ``tickets`` are contacts joined to it by intent alone."""
    actions = sorted([*trail.actions, *tickets], key=lambda action: (action.at, action.event_id))
    known = [action for action in actions if action.at <= now]
    outcome, reason, provisional = _outcome(trail.queries, known, now)
    read = _read(known)
    article = read.object_id if read else _voted(known) or _viewed(known)
    shown = trail.queries[-1]
    first = trail.queries[0]
    last = max([shown.at, *(action.at for action in known)])
    return Episode(
        episode_id=str(uuid.uuid5(_EPISODES, first.query_id)),
        client_id=first.client_id or "",
        first_at=first.at,
        last_at=last,
        query_ids=tuple(query.query_id for query in trail.queries),
        outcome=outcome,
        reason=reason,
        provisional=provisional,
        article_id=article,
        section=next((query.section for query in trail.queries if query.section), ""),
        language=first.language,
        channel=first.channel,
        audience=first.audience,
        verdict=best_verdict(trail.queries),
        refinements=len(trail.queries) - 1,
        frustrated=_frustrated(trail, known),
        seconds_to_answer=(read.at - first.at) / SECOND if read else None,
        surveyed=_surveyed(trail.queries, known, now),
        fingerprint=fingerprint,
    )


def _outcome(
    queries: Sequence[QueryEvent], actions: Sequence[ActionEvent], now: int
) -> tuple[Outcome, str, bool]:
    """(outcome, the rule that fitted, whether it may still change)."""
    contact = next((action for action in actions if action.action_name in CONTACTS), None)
    open_until = (
        max([query.at for query in queries] + [action.at for action in actions]) + REVOCABLE
    )
    provisional = now < open_until
    if contact is not None:
        return "escalated", _how_contact_ended(contact, actions), False
    said = _last_word(actions)
    if said is not None and said.action_name in YES and not _returned(queries, said):
        return "confirmed", said.action_name, now < said.at + REVOCABLE
    unanswered = _unanswered(queries, actions, said, now)
    if unanswered:
        return "unanswered", unanswered, provisional
    if _read(actions) is not None and not _searched_after(queries, actions):
        return "probable", "read", provisional
    return "unknown", "left" if not actions else "no sign", provisional


def _how_contact_ended(contact: ActionEvent, actions: Sequence[ActionEvent]) -> str:
    """By which way an agent was reached, and what the customer said of it afterwards."""
    if contact.action_name != TICKET_CREATED:
        return "channel opened"
    said = next(
        (
            action
            for action in reversed(actions)
            if action.action_name in YES | NO and action.attributes.get("case")
        ),
        None,
    )
    return (
        "ticket"
        if said is None
        else "ticket, solved"
        if said.action_name in YES
        else "ticket, not solved"
    )


def _unanswered(
    queries: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    said: ActionEvent | None,
    now: int,
) -> str:
    """Which rule says that there was no answer; "" where none does."""
    if said is not None and said.action_name in NO:
        return "no"
    if _form_left(actions, now):
        return "contact form left"
    verdict = best_verdict(queries)
    if verdict == "none":
        return "nothing found"
    return "weak, nothing read" if verdict == "weak" and not _touched(actions) else ""


def best_verdict(queries: Sequence[QueryEvent]) -> str:
    """The best of the verdicts."""
    return max((query.verdict for query in queries), key=lambda verdict: _BEST.get(verdict, 0))


def _last_word(actions: Sequence[ActionEvent]) -> ActionEvent | None:
    return next((action for action in reversed(actions) if action.action_name in YES | NO), None)


def _returned(queries: Sequence[QueryEvent], said: ActionEvent) -> bool:
    """Whether the same was asked again after the yes, within the time in which it may be taken back."""
    return any(said.at < query.at <= said.at + REVOCABLE for query in queries)


def _form_left(actions: Sequence[ActionEvent], now: int) -> bool:
    if any(action.action_name == CONTACT_LEAVE for action in actions):
        return True
    opened = [action.at for action in actions if action.action_name == CONTACT_OPEN]
    return bool(opened) and now - max(opened) > FORM_LEFT


def _touched(actions: Sequence[ActionEvent]) -> bool:
    return _read(actions) is not None


def _read(actions: Sequence[ActionEvent]) -> ActionEvent | None:
    """The first action that shows that an article was read."""
    for action in actions:
        if action.action_name == COPY or (
            action.action_name == ENGAGED and action.number("seconds") >= ENGAGED_S
        ):
            return action
    return None


def _searched_after(queries: Sequence[QueryEvent], actions: Sequence[ActionEvent]) -> bool:
    """Whether somebody who had read asked again."""
    reads = [
        action.at
        for action in actions
        if action.action_name == COPY
        or (action.action_name == ENGAGED and action.number("seconds") >= ENGAGED_S)
    ]
    return bool(reads) and queries[-1].at > max(reads)


def _voted(actions: Sequence[ActionEvent]) -> str:
    return next(
        (
            action.object_id
            for action in actions
            if action.action_name in YES | NO and action.object_id
        ),
        "",
    )


def _viewed(actions: Sequence[ActionEvent]) -> str:
    return next(
        (action.object_id for action in reversed(actions) if action.action_name == VIEW), ""
    )


def _surveyed(queries: Sequence[QueryEvent], actions: Sequence[ActionEvent], now: int) -> str:
    """What the random micro-survey gave in an episode that would be probable without it: "yes", "no", "asked" without an answer.

    "" where it was not shown, or where something else says how the episode ended.
    """
    if not any(action.action_name == SURVEY_SHOWN for action in actions):
        return ""
    besides = [
        action
        for action in actions
        if action.action_name not in (SOLVED_YES, SOLVED_NO, SURVEY_SHOWN)
    ]
    if _outcome(queries, besides, now)[0] != "probable":
        return ""
    for action in reversed(actions):
        if action.action_name == SOLVED_YES:
            return "yes"
        if action.action_name == SOLVED_NO:
            return "no"
    return "asked"


def _frustrated(trail: SearchTask, actions: Sequence[ActionEvent]) -> bool:
    """Three refinements, a no said twice, or clicks in anger."""
    refined = max(len(trail.queries) - 1, sum(action.action_name == REFINE for action in actions))
    noes = sum(action.action_name in NO for action in actions)
    rage = sum(int(action.number("rage")) for action in actions)
    return refined >= FRUSTRATED_REFINEMENTS or noes >= FRUSTRATED_NOES or rage >= FRUSTRATED_RAGE


def to_row(episode: Episode) -> Mapping[str, Any]:
    """The columns of an episode."""
    row = dict(vars(episode))
    row["queries"] = len(row.pop("query_ids"))
    return row
