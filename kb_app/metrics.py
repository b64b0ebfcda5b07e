"""What Prometheus reads: counts and times of all processes of a node.

With a metrics port each process keeps its values in files in the data folder, and a process of its
own serves their sums; settings.share_metrics says so to the library before it is imported.
"""

from __future__ import annotations

import threading
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    multiprocess,
    start_http_server,
)

# In seconds: from a search that was asked before to a build.
_SHORT = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
_LONG = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)

requests = Counter("kb_requests", "Requests answered.", ["route", "method", "status"])
request_seconds = Histogram(
    "kb_request_seconds", "Time to answer a request.", ["route"], buckets=_SHORT
)
search_seconds = Histogram(
    "kb_search_seconds",
    "Time of the stages of a search: queue, embed, rank, judge, all.",
    ["stage"],
    buckets=_SHORT,
)
searches = Counter("kb_searches", "Searches by verdict.", ["verdict"])
cached_searches = Counter("kb_cached_searches", "Searches by whether they were kept.", ["kept"])
database_seconds = Histogram("kb_database_seconds", "Time of a statement.", buckets=_SHORT)
database_errors = Counter("kb_database_errors", "Statements that failed.")
events_queued = Gauge(
    "kb_events_queued", "Events that wait to be written.", multiprocess_mode="livesum"
)
events_lost = Counter("kb_events_lost", "Events that could not be recorded.", ["reason"])
mails_fetched = Counter("kb_mails_fetched", "Mails taken from the mailbox.")
task_seconds = Histogram(
    "kb_task_seconds", "Time of a run of a background task.", ["task"], buckets=_LONG
)
task_failures = Counter("kb_task_failures", "Runs of a background task that failed.", ["task"])
build_seconds = Gauge("kb_build_seconds", "Time of the last build.", multiprocess_mode="mostrecent")
index_articles = Gauge(
    "kb_index_articles", "Articles in the index.", multiprocess_mode="mostrecent"
)
index_built = Gauge(
    "kb_index_built_timestamp_seconds", "When the index was built.", multiprocess_mode="mostrecent"
)
index_problems = Gauge(
    "kb_index_problems",
    "Problems of the articles by severity.",
    ["severity"],
    multiprocess_mode="mostrecent",
)
outbox_waiting = Gauge("kb_outbox_waiting", "Deliveries that wait.", multiprocess_mode="mostrecent")
outbox_dead = Gauge(
    "kb_outbox_dead", "Deliveries that need an agent.", multiprocess_mode="mostrecent"
)
outbox_oldest_seconds = Gauge(
    "kb_outbox_oldest_seconds",
    "Age of the delivery that waits longest.",
    multiprocess_mode="mostrecent",
)
# With a label, so that processes without a model have no value.
model_ready = Gauge(
    "kb_model_ready", "Whether search by meaning works.", ["process"], multiprocess_mode="livemin"
)
leads = Gauge("kb_leads", "Whether this node leads.", multiprocess_mode="livemostrecent")


# Series that exist from the start: of one that begins with its first event no increase is seen.
for _reason in ("queue full", "database", "refused"):
    events_lost.labels(_reason)


def serve(folder: Path, host: str, port: int) -> None:
    """Serve the sums of all processes that keep their values in a folder, until the process ends.

    Raises OSError where the port cannot be had.
    """
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, str(folder))  # type: ignore[no-untyped-call]
    start_http_server(port, host, registry)
    threading.Event().wait()


def forget_process(folder: Path, pid: int) -> None:
    """Leave the gauges of a process that ended out."""
    if folder.is_dir():
        multiprocess.mark_process_dead(pid, str(folder))  # type: ignore[no-untyped-call]
