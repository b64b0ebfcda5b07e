"""Measures how accurately episodes and gaps are detected in simulated visits.

    python -m bench.episode_accuracy [--seed N] [--episodes N] [--runs N] [--rewordings FILE]
        [--model-dir DIR] [--json]

The simulator (bench/visit_simulator.py) knows the true outcome of each visit. Without --seed the
seed comes from the clock. With --json it prints one flat object.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from bench.visit_simulator import LATER, PERSONAS, Intent, Log, Visit, drawn_mix, expected, simulate
from kb_app.analytics import model as m
from kb_app.analytics.episodes.outcomes import classify_outcome
from kb_app.analytics.episodes.task_detection import by_client, group, searches_of_tickets
from kb_app.analytics.gaps import gaps as gap_report
from kb_app.analytics.ports import Vectors
from kb_app.analytics.reports.metrics import episode_figures, probable_calibration
from kb_app.analytics.reports.rollup import count_episodes


def pairwise_f1(found: Sequence[object], true: Sequence[object]) -> float:
    """Return F1 over pairs of items that are in one group: in both groupings versus in either."""

    def pairs(labels: Sequence[object]) -> int:
        return sum(
            size * (size - 1) // 2
            for size in (len(list(members)) for _, members in groupby(sorted(map(repr, labels))))
        )

    both = pairs([(repr(one), repr(other)) for one, other in zip(found, true, strict=True)])
    together = pairs(found) + pairs(true)
    return 2 * both / together if together else 1.0


def read_back(log: Log, vectors: Mapping[str, Vectors]) -> list[m.Episode]:
    """Return the episodes that the analytics detect in a log.

    Duplicate events are removed first, as in the database.
    """
    queries = list({query.query_id: query for query in log.queries}.values())
    actions = list({action.event_id: action for action in log.actions}.values())
    vectors_by_id = {
        query.query_id: vectors[query.user_query]
        for query in queries
        if query.user_query in vectors
    }
    vectors_by_id |= {
        action.event_id: vectors[action.attributes["text"]]
        for action in actions
        if action.attributes.get("text")
    }
    orphans = [
        action
        for action in actions
        if action.attributes.get("text") and not action.query_id and not action.client_id
    ]
    links = searches_of_tickets(orphans, queries, actions, vectors_by_id)
    joined = [
        replace(action, query_id=links[action.event_id]) if action.event_id in links else action
        for action in actions
    ]
    return [
        classify_outcome(trail, LATER)
        for _, searches, events in by_client(queries, joined)
        for trail in group(searches, events, vectors_by_id)
    ]


def truth(log: Log, episodes: Sequence[m.Episode]) -> dict[str, float]:
    """Compare the episodes with the true outcomes."""
    episode_of = {query_id: episode for episode in episodes for query_id in episode.query_ids}
    visit_of = {query.query_id: visit for visit in log.visits for query in visit.queries}
    query_ids = [query_id for query_id in episode_of if query_id in visit_of]
    outcomes = {
        visit.problem: {
            episode_of[query.query_id].outcome
            for query in visit.queries
            if query.query_id in episode_of
        }
        for visit in log.visits
    }
    revoked = [visit for visit in log.visits if visit.revoked]
    detected = [visit for visit in revoked if "confirmed" not in outcomes[visit.problem]]
    not_revoked = [visit for visit in revoked if "confirmed" in outcomes[visit.problem]]
    # An anonymous ticket has no client; revoking another success of the same intent counts.
    substitutes = Counter(
        visit.intent
        for visit in log.visits
        if visit.truth == "solved" and "escalated" in outcomes[visit.problem]
    )
    by_words = sum(
        min(count, substitutes[intent])
        for intent, count in Counter(
            visit.intent for visit in not_revoked if _kind(visit) == "words"
        ).items()
    )
    probable = [visit for visit in log.visits if "probable" in outcomes[visit.problem]]
    return {
        "episodes": len(episodes),
        "abandonment_counted_as_success": sum(
            visit.truth == "gave up" and "confirmed" in outcomes[visit.problem]
            for visit in log.visits
        ),
        "revocation_accuracy": (len(detected) + by_words) / max(1, len(revoked)),
        **{f"revocation_by_{name}": value for name, value in _by_kind(revoked, detected).items()},
        "revocation_of_the_very_person": len(detected) / max(1, len(revoked)),
        "returns_counted_as_success": sum(
            visit.truth == "came back" and "confirmed" in outcomes[visit.problem]
            for visit in log.visits
        ),
        "outcome_accuracy": sum(visit.shown in outcomes[visit.problem] for visit in log.visits)
        / len(log.visits),
        "probable_that_gave_up": sum(visit.truth == "gave up" for visit in probable)
        / max(1, len(probable)),
        "episode_f1": pairwise_f1(
            [episode_of[name].episode_id for name in query_ids],
            [visit_of[name].problem for name in query_ids],
        ),
    }


def _kind(visit: Visit) -> str:
    """Return what identifies the ticket of a visit."""
    ticket = next(action for action in visit.actions if action.action_name == m.TICKET_CREATED)
    return "token" if ticket.query_id else "client" if ticket.client_id else "words"


def _by_kind(revoked: Sequence[Visit], taken_back: Sequence[Visit]) -> dict[str, float]:
    """Return the share of successes revoked by a ticket, by what identifies the ticket."""
    expected_counts, detected_counts = Counter(map(_kind, revoked)), Counter(map(_kind, taken_back))
    return {
        name: detected_counts[name] / max(1, expected_counts[name])
        for name in ("token", "client", "words")
    }


def gap_f1(log: Log, vectors: Mapping[str, Vectors]) -> float:
    """Return how well the gaps match the intents without an article, as pairwise F1."""
    unanswered = [
        query for visit in log.visits for query in visit.queries if query.verdict == "none"
    ]
    intent_of = {query.query_id: visit.intent for visit in log.visits for query in visit.queries}
    questions = gap_report.questions_of(unanswered)
    groups = gap_report.group_gaps(
        questions, {question.key: vectors[question.text] for question in questions}, {}
    )
    gap_of = {query.query_id: gap.gap_id for gap in groups for query in gap.queries}
    return pairwise_f1(
        [gap_of[query.query_id] for query in unanswered],
        [intent_of[query.query_id] for query in unanswered],
    )


def holds(episodes: Sequence[m.Episode], chances: Mapping[str, float]) -> dict[str, bool]:
    """Return, per figure, whether its interval contains the true probability."""
    counts: Counter[str] = Counter()
    for counter in count_episodes(episodes).values():
        counts.update(counter)
    chance_keys = {
        "confirmed_rate": "confirmed",
        "upper_bound": "upper",
        "unknown_share": "unknown",
        "unanswered_rate": "unanswered",
        "escalation_rate": "escalated",
    }
    contained: dict[str, bool] = {}
    for figure in episode_figures(counts):
        if figure.name in chance_keys and figure.low is not None and figure.high is not None:
            contained[figure.name] = figure.low <= chances[chance_keys[figure.name]] <= figure.high
    calibration = probable_calibration(counts)
    if calibration.low is not None and calibration.high is not None:
        contained["probable_gave_up"] = (
            calibration.low <= chances["probable_gave_up"] <= calibration.high
        )
    return contained


def intents_of(path: Path) -> list[Intent]:
    """Read the intents with their wordings from a JSON Lines file.

    Each line is {"intent", "answered", language: [texts]}.
    """
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Intent(
            row["intent"],
            tuple((text, lang) for lang in ("ja", "en") for text in row[lang]),
            row.get("answered", True),
        )
        for row in rows
    ]


def vectors_of(intents: Sequence[Intent], model_dir: Path) -> dict[str, Vectors]:
    """Return the centered vectors of all wordings."""
    from kb_app.services.search_adapters import CentredQuestions
    from search.embedding.loader import load_embedder

    encode = CentredQuestions(load_embedder("", model_dir))
    pairs = list(dict.fromkeys(pair for intent in intents for pair in intent.asked))
    vectors = encode([text for text, _ in pairs], [lang for _, lang in pairs])
    return {text: vector for (text, _), vector in zip(pairs, vectors, strict=True)}


def run(flags: argparse.Namespace) -> dict[str, float]:
    """Run once for the accuracy and ``flags.runs`` times for the coverage of the intervals."""
    rng = random.Random(flags.seed)
    intents = intents_of(flags.rewordings)
    vectors = vectors_of(intents, flags.model_dir)
    log = simulate(intents, PERSONAS, flags.episodes, rng)
    figures = (
        {"seed": float(flags.seed)}
        | truth(log, read_back(log, vectors))
        | {"gap_f1": gap_f1(log, vectors)}
    )
    contained: dict[str, list[bool]] = defaultdict(list)
    for _ in range(flags.runs):
        mix = drawn_mix(rng)
        again = simulate(intents, mix, flags.episodes, rng)
        for name, value in holds(read_back(again, vectors), expected(mix)).items():
            contained[name].append(value)
    figures |= {f"coverage_{name}": sum(values) / len(values) for name, values in contained.items()}
    figures["interval_coverage"] = min(
        (sum(values) / len(values) for values in contained.values()), default=0.0
    )
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    """Parse the flags, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--episodes", type=int, default=1_000)
    parser.add_argument(
        "--runs", type=int, default=200, help="runs to measure the coverage of the intervals"
    )
    parser.add_argument("--rewordings", type=Path, default=Path("bench/data/rewordings.jsonl"))
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--json", action="store_true")
    figures = run(flags := parser.parse_args())
    print(
        json.dumps(figures)
        if flags.json
        else "\n".join(f"{name:34s}{value:12,.4f}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
