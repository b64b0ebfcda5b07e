"""Measures analytics with a million events: writing, computing episodes, reading the reports.

    python -m bench.events [--events N] [--database URL] [--seed N] [--model-dir DIR] [--json]

Also measures what recording adds to a search. The visits are simulated (bench/visit_simulator.py)
over ninety days, written like the site writes them, processed by the analytics job and read like
the desk reads them.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from bench.episode_accuracy import intents_of
from bench.visit_simulator import BEGIN, PERSONAS, SPAN, simulate
from kb_app.analytics import model as m
from kb_app.analytics.episodes.job import run
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.analytics.gaps.gap_store import GapStore
from kb_app.analytics.ports import Encode, Vectors
from kb_app.analytics.question_vectors import QuestionVectors
from kb_app.analytics.reports.reports import Period, Reports
from kb_app.db.engine import migrate, open_database
from kb_app.durations import DAY
from kb_app.services.search_adapters import CentredQuestions
from search.embedding.loader import load_embedder

VISITS = 20_000
BATCH = 2_000
RECORDED = 2_000
RARE, TAIL = 0.35, " #"


def months(
    events: int, months: int, chance: random.Random
) -> Iterator[tuple[list[m.QueryEvent], list[m.ActionEvent]]]:
    """Yield parts of a log, month by month in turn, until it has this many events.

    A share of RARE of the searches has a word that no other search has: most texts that people
    type are typed once.
    """
    intents = intents_of(Path(__file__).parent / "data" / "rewordings.jsonl")
    made = part = 0
    while made < events:
        log = simulate(intents, PERSONAS, VISITS, chance)
        shift = (part % months) * SPAN
        queries = [
            replace(
                q,
                query_id=f"{part}{q.query_id}",
                client_id=f"{part}{q.client_id}",
                at=q.at + shift,
                user_query=_rare(q.user_query, chance),
            )
            for q in log.queries
        ]
        actions = [_moved(action, part, shift) for action in log.actions]
        yield queries, actions
        made += len(queries) + len(actions)
        part += 1


def _rare(text: str, chance: random.Random) -> str:
    return f"{text}{TAIL}{chance.getrandbits(48):x}" if chance.random() < RARE else text


class UsualQuestions:
    """Embeds a text without its rare word, once: the model's speed is not what is measured."""

    def __init__(self, encode: Encode) -> None:
        self._encode, self.fingerprint = encode, encode.fingerprint
        self._known: dict[tuple[str, str], Vectors] = {}

    def __call__(self, texts: Sequence[str], languages: Sequence[str]) -> Vectors:
        """Return one row per text."""
        pairs = [(text.split(TAIL)[0], lang) for text, lang in zip(texts, languages, strict=True)]
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        if new:
            rows = self._encode([text for text, _ in new], [lang for _, lang in new])
            self._known.update(zip(new, rows, strict=True))
        return np.stack([self._known[pair] for pair in pairs])


def _moved(action: m.ActionEvent, part: int, shift: int) -> m.ActionEvent:
    """Return the action with ids and time of its part of the log."""
    query_id, client_id = (
        action.query_id and f"{part}{action.query_id}",
        action.client_id and f"{part}{action.client_id}",
    )
    return replace(
        action,
        event_id=f"{part}{action.event_id}",
        query_id=query_id,
        client_id=client_id,
        at=action.at + shift,
    )


def timed(call: Callable[[], Any], times: int = 1) -> float:
    """Return the median seconds of a call."""
    durations = []
    for _ in range(times):
        started = time.perf_counter()
        call()
        durations.append(time.perf_counter() - started)
    return float(np.median(durations))


def load(
    store: EventStore, parts: Iterator[tuple[list[m.QueryEvent], list[m.ActionEvent]]]
) -> tuple[int, float]:
    """Write events in the background writer's batches; return (events, seconds)."""
    count, seconds = 0, 0.0
    for queries, actions in parts:
        started = time.perf_counter()
        for start in range(0, max(len(queries), len(actions)), BATCH):
            store.append(queries[start : start + BATCH], actions[start : start + BATCH])
        seconds += time.perf_counter() - started
        count += len(queries) + len(actions)
    return count, seconds


def recording_adds(store: EventStore) -> tuple[float, float]:
    """Return (p50, p95) of the ms that queueing one search takes."""
    writer = BackgroundWriter(store)
    queries = [
        m.QueryEvent(f"r{n}", BEGIN, "返品したい", "c", hit_ids=tuple("abcdefghij"))
        for n in range(RECORDED)
    ]
    times: list[float] = []
    for query in queries:
        started = time.perf_counter()
        writer.put(query)
        times.append(time.perf_counter() - started)
        time.sleep(0.001)
    writer.close()
    return float(np.percentile(times, 50)) * 1000, float(np.percentile(times, 95)) * 1000


def measure(flags: argparse.Namespace, folder: Path) -> dict[str, float]:
    """Return all figures of one run."""
    url = flags.database or f"sqlite:///{folder / 'kb.sqlite'}"
    engine = open_database(url)
    migrate(engine)
    store = EventStore(engine)
    count, seconds = load(store, months(flags.events, random.Random(flags.seed)))
    figures: dict[str, float] = {"events": count, "load_s": seconds, "load_per_s": count / seconds}
    encode = CentredQuestions(load_embedder("", flags.model_dir))
    now = BEGIN + 3 * SPAN + DAY
    figures["job_everything_s"] = timed(
        lambda: run(store, QuestionVectors(engine, encode), now, UTC, everything=True)
    )
    figures["job_again_s"] = timed(
        lambda: run(store, QuestionVectors(engine, encode), now + 1, UTC)
    )
    last = datetime.fromtimestamp(now / 1000, UTC).date()
    reports = Reports(engine)
    for days in (28, 90):
        period = Period(last - timedelta(days=days - 1), last, UTC)
        figures[f"dashboard_{days}_days_s"] = timed(
            lambda period=period: dashboard(reports, period),  # type: ignore[misc]
            3,
        )
    gaps = GapStore(store, QuestionVectors(engine, encode))
    figures["gaps_grouped_s"] = timed(lambda: gaps.refresh(now))
    figures["gaps_shown_s"] = timed(lambda: gaps.gaps(now), 3)
    figures["recording_p50_ms"], figures["recording_p95_ms"] = recording_adds(store)
    if not flags.database:
        figures["file_mb"] = sum(path.stat().st_size for path in folder.glob("kb.sqlite*")) / 1e6
    return {name: round(value, 4) for name, value in figures.items()}


def dashboard(reports: Reports, period: Period) -> Sequence[object]:
    """Read everything that the overview shows."""
    return [
        reports.figures(period),
        reports.figures(period.before),
        reports.by_day(period, [*m.OUTCOMES, "queries_none", "queries"]),
        reports.top_questions(period),
        reports.without_click(period),
        reports.articles(period, 15),
        reports.unseen(period),
        [reports.values(name) for name in ("channel", "language", "section", "audience")],
    ]


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument(
        "--database", default="", help="URL of an empty database (default: a temporary SQLite file)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(flags, Path(folder))
    print(
        json.dumps(figures)
        if flags.json
        else "\n".join(f"{name:24s}{value:14,.3f}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
