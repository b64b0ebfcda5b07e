"""Classifies the outcome of an episode: the first matching rule decides. Pure functions.

Leaving the site without feedback never counts as a success.
"""

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

# Seconds of visibility after which an article counts as read.
ENGAGED_S = 10.0
# Positive feedback can be revoked within this time.
REVOCABLE = 7 * DAY
# An opened contact form counts as abandoned after this time.
FORM_LEFT = 3_600 * SECOND
FRUSTRATED_REFINEMENTS = 3
FRUSTRATED_NOES = 2
FRUSTRATED_RAGE = 1
_BEST = {"strict": 3, "weak": 2, "partly": 1, "none": 0}
_EPISODES = uuid.UUID("6b5cf64e-4a0c-5f6b-9d43-0d8f35b1a6c1")


def classify_outcome(
    trail: SearchTask, now: int, tickets: Sequence[ActionEvent] = (), fingerprint: str = ""
) -> Episode:
    """The episode of a search task as of ``now`` (ms).

    ``tickets`` are contacts linked to the task by intent only. ``fingerprint`` identifies the
    embedding model that grouped the searches.
    """
    actions = sorted([*trail.actions, *tickets], key=lambda action: (action.at, action.event_id))
    past_actions = [action for action in actions if action.at <= now]
    outcome, reason, provisional = _outcome(trail.queries, past_actions, now)
    read_action = _read(past_actions)
    article = (
        read_action.object_id if read_action else _voted(past_actions) or _viewed(past_actions)
    )
    last_query = trail.queries[-1]
    first_query = trail.queries[0]
    last_at = max([last_query.at, *(action.at for action in past_actions)])
    return Episode(
        episode_id=str(uuid.uuid5(_EPISODES, first_query.query_id)),
        client_id=first_query.client_id or "",
        first_at=first_query.at,
        last_at=last_at,
        query_ids=tuple(query.query_id for query in trail.queries),
        outcome=outcome,
        reason=reason,
        provisional=provisional,
        article_id=article,
        section=next((query.section for query in trail.queries if query.section), ""),
        language=first_query.language,
        channel=first_query.channel,
        audience=first_query.audience,
        verdict=best_verdict(trail.queries),
        refinements=len(trail.queries) - 1,
        frustrated=_frustrated(trail, past_actions),
        seconds_to_answer=(read_action.at - first_query.at) / SECOND if read_action else None,
        surveyed=_surveyed(trail.queries, past_actions, now),
        fingerprint=fingerprint,
    )


def _outcome(
    queries: Sequence[QueryEvent], actions: Sequence[ActionEvent], now: int
) -> tuple[Outcome, str, bool]:
    """(outcome, name of the matching rule, whether the outcome may still change)."""
    contact = next((action for action in actions if action.action_name in CONTACTS), None)
    open_until = (
        max([query.at for query in queries] + [action.at for action in actions]) + REVOCABLE
    )
    provisional = now < open_until
    if contact is not None:
        return "escalated", _how_contact_ended(contact, actions), False
    last_vote = _last_word(actions)
    if last_vote is not None and last_vote.action_name in YES and not _returned(queries, last_vote):
        return "confirmed", last_vote.action_name, now < last_vote.at + REVOCABLE
    unanswered = _unanswered(queries, actions, last_vote, now)
    if unanswered:
        return "unanswered", unanswered, provisional
    if _read(actions) is not None and not _searched_after(queries, actions):
        return "probable", "read", provisional
    return "unknown", "left" if not actions else "no sign", provisional


def _how_contact_ended(contact: ActionEvent, actions: Sequence[ActionEvent]) -> str:
    """How the customer reached an agent, and the feedback on the case."""
    if contact.action_name != TICKET_CREATED:
        return "channel opened"
    last_vote = next(
        (
            action
            for action in reversed(actions)
            if action.action_name in YES | NO and action.attributes.get("case")
        ),
        None,
    )
    return (
        "ticket"
        if last_vote is None
        else "ticket, solved"
        if last_vote.action_name in YES
        else "ticket, not solved"
    )


def _unanswered(
    queries: Sequence[QueryEvent],
    actions: Sequence[ActionEvent],
    last_vote: ActionEvent | None,
    now: int,
) -> str:
    """The rule by which the episode is unanswered; "" if none matches."""
    if last_vote is not None and last_vote.action_name in NO:
        return "no"
    if _form_left(actions, now):
        return "contact form left"
    verdict = best_verdict(queries)
    if verdict == "none":
        return "nothing found"
    if verdict == "partly":
        return "topic known, no answer"
    return "weak, nothing read" if verdict == "weak" and not _touched(actions) else ""


def best_verdict(queries: Sequence[QueryEvent]) -> str:
    """The best verdict of the searches, in the order strict, weak, partly, none."""
    return max((query.verdict for query in queries), key=lambda verdict: _BEST.get(verdict, 0))


def _last_word(actions: Sequence[ActionEvent]) -> ActionEvent | None:
    return next((action for action in reversed(actions) if action.action_name in YES | NO), None)


def _returned(queries: Sequence[QueryEvent], vote: ActionEvent) -> bool:
    """Whether a search follows the positive feedback within REVOCABLE."""
    return any(vote.at < query.at <= vote.at + REVOCABLE for query in queries)


def _form_left(actions: Sequence[ActionEvent], now: int) -> bool:
    if any(action.action_name == CONTACT_LEAVE for action in actions):
        return True
    opened = [action.at for action in actions if action.action_name == CONTACT_OPEN]
    return bool(opened) and now - max(opened) > FORM_LEFT


def _touched(actions: Sequence[ActionEvent]) -> bool:
    return _read(actions) is not None


def _read(actions: Sequence[ActionEvent]) -> ActionEvent | None:
    """The first action that proves that an article was read."""
    for action in actions:
        if action.action_name == COPY or (
            action.action_name == ENGAGED and action.number("seconds") >= ENGAGED_S
        ):
            return action
    return None


def _searched_after(queries: Sequence[QueryEvent], actions: Sequence[ActionEvent]) -> bool:
    """Whether the last search comes after the last article read."""
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
    """The result of the random micro-survey in an episode that is probable without the survey.

    Returns "yes", "no", or "asked" without an answer; "" if the survey was not shown or if other
    actions decide the outcome.
    """
    if not any(action.action_name == SURVEY_SHOWN for action in actions):
        return ""
    other_actions = [
        action
        for action in actions
        if action.action_name not in (SOLVED_YES, SOLVED_NO, SURVEY_SHOWN)
    ]
    if _outcome(queries, other_actions, now)[0] != "probable":
        return ""
    for action in reversed(actions):
        if action.action_name == SOLVED_YES:
            return "yes"
        if action.action_name == SOLVED_NO:
            return "no"
    return "asked"


def _frustrated(trail: SearchTask, actions: Sequence[ActionEvent]) -> bool:
    """Whether refinements, negative votes or rage clicks reach their FRUSTRATED_* limit."""
    refinements = max(
        len(trail.queries) - 1, sum(action.action_name == REFINE for action in actions)
    )
    negative_votes = sum(action.action_name in NO for action in actions)
    rage = sum(int(action.number("rage")) for action in actions)
    return (
        refinements >= FRUSTRATED_REFINEMENTS
        or negative_votes >= FRUSTRATED_NOES
        or rage >= FRUSTRATED_RAGE
    )


def to_row(episode: Episode) -> Mapping[str, Any]:
    """Convert an episode to a row of the table episodes."""
    row = dict(vars(episode))
    row["queries"] = len(row.pop("query_ids"))
    return row
