"""Measures analytics with a million events: writing, computing episodes, reading the reports.

    python -m bench.events [--events N] [--months N] [--rare SHARE] [--database URL] [--seed N]
        [--model-dir DIR] [--json]

Also measures what recording adds to a search. The visits are simulated (bench/visit_simulator.py)
over some months, written like the site writes them, processed by the analytics job and read like
the desk reads them: after one more day of events, and for a month and the whole log. A database
that holds events is measured as it is.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
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
from kb_app.durations import DAY, MINUTE
from kb_app.services.search_adapters import CentredQuestions
from search.embedding.loader import load_embedder

VISITS = 20_000
BATCH = 2_000
RECORDED = 2_000
RARE, TAIL = 0.35, " #"


def months(
    events: int, months: int, chance: random.Random, rare: float = RARE
) -> Iterator[tuple[list[m.QueryEvent], list[m.ActionEvent]]]:
    """Yield parts of a log, month by month in turn, until it has this many events.

    A share of ``rare`` of the searches has a word that no other search has: most texts that people
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
                user_query=_rare(q.user_query, chance, rare),
            )
            for q in log.queries
        ]
        actions = [_moved(action, str(part), shift) for action in log.actions]
        yield queries, actions
        made += len(queries) + len(actions)
        part += 1


def _rare(text: str, chance: random.Random, share: float) -> str:
    return f"{text}{TAIL}{chance.getrandbits(48):x}" if chance.random() < share else text


class UsualQuestions:
    """Embeds a text without its rare word, once: the model's speed is not what is measured."""

    def __init__(self, encode: Encode) -> None:
        self._encode, self.fingerprint = encode, encode.fingerprint
        self._known: dict[tuple[str, str], Vectors] = {}

    def __call__(self, texts: Sequence[str], langs: Sequence[str]) -> Vectors:
        """Return one row per text."""
        pairs = [(text.split(TAIL)[0], lang) for text, lang in zip(texts, langs, strict=True)]
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        if new:
            rows = self._encode([text for text, _ in new], [lang for _, lang in new])
            self._known.update(zip(new, rows, strict=True))
        return np.stack([self._known[pair] for pair in pairs])


def _moved(action: m.ActionEvent, part: str, shift: int) -> m.ActionEvent:
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
    store, chance = EventStore(engine), random.Random(flags.seed)
    encode = UsualQuestions(CentredQuestions(load_embedder("", flags.model_dir)))
    end = BEGIN + flags.months * SPAN + DAY
    figures: dict[str, float] = {}
    if next(store.each_query(0, end), None) is None:
        count, seconds = load(store, months(flags.events, flags.months, chance, flags.rare))
        figures |= {"events": count, "load_s": seconds, "load_per_s": count / seconds}
        figures["job_everything_s"] = timed(
            lambda: run(store, QuestionVectors(engine, encode), end, UTC, everything=True)
        )
    figures |= nightly(store, encode, end, flags.events // (30 * flags.months), chance)
    figures |= reading(Reports(engine), end + DAY, flags.months * 30)
    figures["recording_p50_ms"], figures["recording_p95_ms"] = recording_adds(store)
    figures["memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    if not flags.database:
        figures["file_mb"] = sum(path.stat().st_size for path in folder.glob("kb.sqlite*")) / 1e6
    return {name: round(value, 4) for name, value in figures.items()}


def nightly(
    store: EventStore, encode: Encode, end: int, events: int, chance: random.Random
) -> dict[str, float]:
    """Return the seconds of the tasks that follow the log, after one more day of events."""
    engine, now = store.engine, end + DAY
    figures = {"day_events": float(load(store, day_of_log(events, end, chance))[0])}
    figures["job_day_s"] = timed(lambda: run(store, QuestionVectors(engine, encode), now, UTC))
    figures["job_again_s"] = timed(
        lambda: run(store, QuestionVectors(engine, encode), now + 5 * MINUTE, UTC)
    )
    gaps = GapStore(store, QuestionVectors(engine, encode))
    figures["gaps_grouped_s"] = timed(lambda: gaps.refresh(now))
    figures["gaps_shown_s"] = timed(lambda: gaps.gaps(now), 3)
    figures["learned_offered_s"] = timed(lambda: gaps.offer_learned(now))
    figures["purge_a_day_s"] = timed(lambda: store.purge(_first_at(store) + DAY))
    return figures


def day_of_log(
    events: int, start: int, chance: random.Random
) -> Iterator[tuple[list[m.QueryEvent], list[m.ActionEvent]]]:
    """Yield the events of one day in one part."""
    log = simulate(
        intents_of(Path(__file__).parent / "data" / "rewordings.jsonl"),
        PERSONAS,
        events // 4,
        chance,
    )
    name = f"d{start // DAY}-"

    def moved(at: int) -> int:
        return start + (at - BEGIN) % DAY

    yield (
        [
            replace(q, query_id=name + q.query_id, client_id=f"{name}{q.client_id}", at=moved(q.at))
            for q in log.queries
        ],
        [replace(_moved(action, name, 0), at=moved(action.at)) for action in log.actions],
    )


def _first_at(store: EventStore) -> int:
    first = next(store.each_query(0, BEGIN + 1_000 * DAY))
    return first.at


def reading(reports: Reports, now: int, days: int) -> dict[str, float]:
    """Return the seconds that the desk's pages of a month and of the whole log take."""
    last = datetime.fromtimestamp(now / 1000, UTC).date()
    figures: dict[str, float] = {}
    for span in (28, days):
        period = Period(last - timedelta(days=span - 1), last, UTC)
        for name, page in PAGES.items():
            figures[f"{name}_{span}_days_s"] = timed(partial(page, reports, period), 3)
    return figures


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


PAGES: dict[str, Callable[[Reports, Period], object]] = {
    "overview": dashboard,
    "definitions": lambda reports, period: (reports.counts(period), reports.users(period)),
    "inventory": lambda reports, period: reports.inventory(period),
    "articles": lambda reports, period: (reports.articles(period, 200), reports.reasons(period)),
    "unanswered_rows": lambda reports, period: reports.episodes(period, ["unanswered"]),
    "unclicked_rows": lambda reports, period: reports.searches(period, clicked=False),
    "reworded_rows": lambda reports, period: reports.searches(period, reworded=True),
}


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--months", type=int, default=3)
    parser.add_argument("--rare", type=float, default=RARE, help="share of texts asked once")
    parser.add_argument(
        "--database", default="", help="URL of a database (default: a temporary SQLite file)"
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
