"""Kills, freezes and restarts one part of a cluster after another, under load, and counts.

    python -m bench.cluster.failures [--runs 5] [--articles DIR] [--data DIR]

Visitors search, send forms with files and vote, through the proxy. Meanwhile the leader of the
database is killed with its Patroni, a node is killed, the new leader is frozen (SIGSTOP) until a
third one leads, the background process that leads is killed, and at last every node is restarted in
turn. What the site said it has taken must be there once; every search must be answered; each job
runs at one node at a time.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text

from bench.cluster.database import Database
from bench.cluster.nodes import Nodes
from bench.cluster.processes import ClusterError, end_all
from bench.load import Load
from kb_app.db.engine import open_database
from kb_app.db.nodes import known_nodes
from search.embedding.bundled_model import ensure_model

# A new leader of the database must be there within this time: its lease of 20 s, and its start.
LEADS_S = 60.0
# What a killed process has not written yet: its queue is written every second.
UNWRITTEN_S = 2.0


@dataclass
class Cluster:
    """A running cluster with its parts."""

    database: Database
    nodes: Nodes

    def end(self) -> None:
        """Let everything end."""
        end_all([*self.nodes.processes.values()])
        self.database.end()

    def leading_nodes(self) -> list[str]:
        """The nodes that say that they lead."""
        engine = open_database(self.database.url)
        try:
            return [node.name for node in known_nodes(engine) if node.leads and node.is_alive]
        finally:
            engine.dispose()


@contextmanager
def running(articles: Path, model: Path | None, **settings: str) -> Iterator[Cluster]:
    """A cluster in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="kb-cluster-", ignore_cleanup_errors=True) as name:
        database = Database(Path(name) / "database")
        nodes = Nodes(Path(name) / "nodes", articles, database.url, model, settings=settings)
        cluster = Cluster(database, nodes)
        try:
            database.start()
            nodes.start()
            yield cluster
        finally:
            cluster.end()


@dataclass
class Report:
    """What was done, what became of what was accepted, and how long visitors waited."""

    steps: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    waited: dict[str, dict[str, float]] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    restart_failed: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        """Whether nothing was lost, doubled or not answered."""
        bound = self.counts["bound on searches"]
        wrong = {
            name: count
            for name, count in self.counts.items()
            if name.endswith((" lost", " doubled")) and name != "searches lost"
        }
        is_logged = self.counts["searches lost"] <= bound
        return is_logged and not (any(wrong.values()) or self.failed or self.restart_failed)


def measure(cluster: Cluster, article: str, calm_s: float = 3.0) -> Report:
    """Disturb a cluster under load. ``calm_s`` is the time between two steps."""
    report = Report()
    with _loaded(cluster, article, threads=2) as load:
        time.sleep(calm_s)
        _step(report, "leader of the database killed", lambda: _kill_database(cluster))
        time.sleep(calm_s)
        _step(report, "node killed", lambda: _kill_node(cluster, "web2"))
        time.sleep(calm_s)
        _step(report, "leader of the database frozen", lambda: _freeze_database(cluster))
        time.sleep(calm_s)
        _step(report, "leading background process killed", lambda: _kill_leading_node(cluster))
        time.sleep(calm_s)
    disturbed = load.accepted
    with _loaded(cluster, article, threads=1) as load:
        for name in cluster.nodes.ports:
            _step(report, f"{name} restarted", lambda name=name: cluster.nodes.restart(name))  # type: ignore[misc]
    calm = load.accepted
    report.failed = disturbed.failed
    report.restart_failed = [*calm.failed, *(f"{what}: {n}" for what, n in calm.refused.items())]
    report.refused = dict(disturbed.refused)
    report.waited = {what: _spread(times) for what, times in disturbed.waited.items()}
    time.sleep(3 * UNWRITTEN_S)
    rate = len(disturbed.searches) / sum(report.steps.values())
    report.counts = _counts(
        cluster,
        disturbed.forms + calm.forms,
        disturbed.votes + calm.votes,
        disturbed.searches + calm.searches,
    )
    # One node was killed, and took with it what it had not written of its share.
    share = rate / len(cluster.nodes.ports)
    report.counts["bound on searches"] = int(UNWRITTEN_S * share) + 1
    return report


@contextmanager
def _loaded(cluster: Cluster, article: str, threads: int) -> Iterator[Load]:
    load = Load(cluster.nodes.address, article)
    kinds = [load.searches, load.forms, load.votes] * threads
    running = [threading.Thread(target=kind) for kind in kinds]
    for thread in running:
        thread.start()
    try:
        yield load
    finally:
        load.stop.set()
        for thread in running:
            thread.join()


def _step(report: Report, name: str, run: Callable[[], None]) -> None:
    began = time.monotonic()
    run()
    report.steps[name] = round(time.monotonic() - began, 1)
    print(f"{name}: {report.steps[name]} s", flush=True)


def _kill_database(cluster: Cluster) -> None:
    database = cluster.database
    leader = database.leader
    database.kill(leader)
    _wait(lambda: database.leader not in ("", leader), "no other server leads", LEADS_S)
    database.start_member(leader)
    _wait(lambda: database.followers >= 2, "the killed server does not follow", LEADS_S)


def _freeze_database(cluster: Cluster) -> None:
    database = cluster.database
    leader = database.leader
    with database.frozen(leader):
        _wait(lambda: database.leader not in ("", leader), "no other server leads", LEADS_S)
    _wait(lambda: database.followers >= 2, "the frozen server does not follow", LEADS_S)


def _kill_node(cluster: Cluster, name: str) -> None:
    cluster.nodes.kill(name)
    time.sleep(2)
    cluster.nodes.start_node(name)
    cluster.nodes.wait_for_node(name)


def _kill_leading_node(cluster: Cluster) -> None:
    _wait(lambda: len(cluster.leading_nodes()) == 1, "not one node leads", LEADS_S)
    (name,) = cluster.leading_nodes()
    cluster.nodes.kill_background(name)
    _wait(
        lambda: cluster.leading_nodes() not in ([], [name]) or _leads_again(cluster, name),
        "no node leads",
        LEADS_S,
    )


def _leads_again(cluster: Cluster, name: str) -> bool:
    """Whether the node that was killed leads again: it is started anew and may be the first."""
    return cluster.leading_nodes() == [name] and cluster.nodes.has_background(name)


def _wait(is_done: Callable[[], bool], said: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if is_done():
                return
        except Exception as error:  # the database may be away
            said = f"{said.partition(' (')[0]} ({type(error).__name__})"
        time.sleep(0.3)
    raise ClusterError(f"{said} after {seconds:.0f} s")


def _counts(
    cluster: Cluster, forms: list[str], votes: list[str], searches: list[str]
) -> dict[str, int]:
    engine = open_database(cluster.database.url)
    with engine.connect() as connection:

        def counted(query: str) -> Counter[str]:
            return Counter({str(name): int(n) for name, n in connection.execute(text(query))})

        cases = counted("select message, count(*) from cases group by message")
        actions = counted("select event_id, count(*) from actions group by event_id")
        queries = counted("select query_id, count(*) from queries group by query_id")
        files = counted(
            "select cases.message, count(*) from attachments join stored_files "
            "on stored_files.attachment_id = attachments.attachment_id "
            "join cases on cases.case_id = attachments.case_id group by cases.message"
        )
    engine.dispose()
    return {
        "forms accepted": len(forms),
        "forms lost": sum(not cases[name] for name in forms),
        "forms doubled": sum(cases[name] > 1 for name in forms),
        "files lost": sum(not files[name] for name in forms),
        "files doubled": sum(files[name] > 1 for name in forms),
        "votes accepted": len(votes),
        "votes lost": sum(not actions[name] for name in votes),
        "votes doubled": sum(actions[name] > 1 for name in votes),
        "searches answered": len(searches),
        "searches lost": sum(not queries[name] for name in searches),
    }


def _spread(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)
    places = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return {
        name: round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)
        for name, share in places.items()
    }


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--data", type=Path, default=Path("var"))
    flags = parser.parse_args()
    model = ensure_model(flags.data / "model").parent.resolve()
    reports: list[dict[str, Any]] = []
    is_whole = True
    with running(flags.articles, model, KB_RATE_LIMIT="off") as cluster:
        for run in range(1, flags.runs + 1):
            print(f"run {run}", flush=True)
            report = measure(cluster, "return-item")
            is_whole = is_whole and report.is_whole
            reports.append(vars(report))
            print(json.dumps(vars(report), indent=1), flush=True)
    return 0 if is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
