"""Daily counts by channel, language, section and audience; the dashboard sums them up.

Pure functions over rows.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, tzinfo

from kb_app.analytics.model import (
    CLICK,
    NO,
    UNANSWERED,
    VIEW,
    YES,
    ActionEvent,
    Episode,
    QueryEvent,
)
from kb_app.analytics.text_key import text_key
from kb_app.durations import SECOND

Key = tuple[str, str, str, str]
"""(channel, language, section, audience)"""
# Where counts are kept that belong to no single channel, language, section or audience.
ALL: Key = ("", "", "", "")


def day_of(at: int, zone: tzinfo) -> str:
    """The calendar day of ``at`` (ms) in ``zone``, as YYYY-MM-DD."""
    return datetime.fromtimestamp(at / SECOND, zone).date().isoformat()


def count_queries(
    queries: Iterable[QueryEvent], actions: Iterable[ActionEvent], reworded: frozenset[str]
) -> dict[Key, Counter[str]]:
    """Counts of searches and of clicks on their results.

    ``reworded`` holds the ids of searches that were repeated in other words. The measure
    ``reciprocal_rank`` is the sum of 1 / first clicked position.
    """
    positions: dict[str, list[int]] = defaultdict(list)
    for action in actions:
        if action.action_name == CLICK and action.query_id:
            positions[action.query_id].append(action.position or 0)
    counts: dict[Key, Counter[str]] = defaultdict(Counter)
    for query in queries:
        count = counts[query.channel, query.language, query.section, query.audience]
        if query.bot:
            count["bots"] += 1
            continue
        clicked_positions = positions.get(query.query_id, [])
        count["queries"] += 1
        count[f"queries_{query.verdict}"] += 1
        count["impressions"] += len(query.hit_ids)
        count["clicks"] += len(clicked_positions)
        count["queries_unrecognised"] += query.client_id is None
        count["refinements"] += query.query_id in reworded
        if clicked_positions:
            count["queries_clicked"] += 1
            first = min((place for place in clicked_positions if place > 0), default=0)
            count["reciprocal_rank"] += 1 / first if first else 0  # type: ignore[assignment]
        elif query.verdict not in UNANSWERED:
            count["queries_unclicked"] += 1
    return dict(counts)


def count_episodes(episodes: Iterable[Episode]) -> dict[Key, Counter[str]]:
    """Counts of episodes by outcome and survey result."""
    counts: dict[Key, Counter[str]] = defaultdict(Counter)
    for episode in episodes:
        count = counts[episode.channel, episode.language, episode.section, episode.audience]
        count["episodes"] += 1
        count[episode.outcome] += 1
        count["provisional"] += episode.provisional
        count["frustrated"] += episode.frustrated
        if episode.surveyed:
            count[f"surveyed_{episode.surveyed}"] += 1
    return dict(counts)


@dataclass
class QuestionCount:
    """Searches for one text on a day: all, without an answer, and with results but no click."""

    text: str
    searches: int = 0
    unanswered: int = 0
    unopened: int = 0


def count_questions(
    queries: Iterable[QueryEvent], actions: Iterable[ActionEvent]
) -> dict[tuple[str, Key], QuestionCount]:
    """Counts by (text key, dimensions); bots are left out."""
    clicked = {action.query_id for action in actions if action.action_name == CLICK}
    counts: dict[tuple[str, Key], QuestionCount] = {}
    for query in queries:
        if query.bot:
            continue
        key = (
            text_key(query.user_query),
            (query.channel, query.language, query.section, query.audience),
        )
        count = counts.setdefault(key, QuestionCount(query.user_query))
        count.searches += 1
        count.unanswered += query.verdict in UNANSWERED
        count.unopened += query.verdict not in UNANSWERED and query.query_id not in clicked
    return counts


def count_articles(
    actions: Iterable[ActionEvent], episodes: Iterable[Episode]
) -> Counter[tuple[str, str]]:
    """Counts by (article id, measure): views, yes, no and contacts after reading."""
    counts: Counter[tuple[str, str]] = Counter()
    last_votes: dict[tuple[str, str], str] = {}
    for action in sorted(actions, key=lambda action: (action.at, action.event_id)):
        if action.action_name == VIEW and action.object_id:
            counts[action.object_id, "views"] += 1
        elif action.action_name in YES | NO and action.object_id:
            # Only the last vote of a visitor per day counts; without a visitor, of one form.
            voter = action.client_id or action.event_id.partition(":")[0]
            last_votes[action.object_id, voter] = "yes" if action.action_name in YES else "no"
    for (article, _visitor), vote in last_votes.items():
        counts[article, vote] += 1
    for episode in episodes:
        if episode.outcome == "escalated" and episode.article_id:
            counts[episode.article_id, "contacts after reading"] += 1
    return counts
