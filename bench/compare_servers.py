"""Compares servers of several checkouts on the same index.

    python -m bench.compare_servers --server old=/path/to/checkout --server new=.
        [--web-processes 1,2] [--passages N] [--rounds N] [--articles DIR] [--model-dir DIR]
        [--cache FILE] [--json]

Measures requests per second, latency, memory and start-up time. Builds one index, gives each
server a copy and keeps all of them running. Each round sends new queries to the servers in turn,
so that variations of the machine affect all servers alike. Each number of --web-processes is a
separate server. Prints one row per server with the ratios to the first one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.corpus import Material, material, new_queries
from bench.footprint import pss, wait
from bench.speed import run_clients

CLIENTS = (1, 8)
# Runs in each checkout: index formats differ. bench.speed has had these names since 8309b4f.
BUILD = """
import sys
from pathlib import Path
from bench.speed import BuildCache, ReadyVectors, build, load_embedder, made_articles, material
count = int(sys.argv[1])
articles, model, cache, data = map(Path, sys.argv[2:])
source, kept = material(articles), BuildCache(cache)
ready = ReadyVectors(load_embedder("", model), source, kept)
kept.close()
build(made_articles(source, count), data, ready)
"""
# Queries per client and round.
ASKED_EACH = 40


@dataclass
class Server:
    """A server under test and its measurements."""

    name: str
    process: subprocess.Popen[bytes]
    address: str
    figures: dict[str, list[float]] = field(default_factory=dict)

    def record(self, name: str, value: float) -> None:
        """Add a measurement of one round."""
        self.figures.setdefault(name, []).append(value)

    def middle(self, name: str) -> float:
        """Return the median of all rounds."""
        return float(np.median(self.figures[name]))


def start(name: str, checkout: Path, data: Path, web_processes: int | None) -> Server:
    """Start a checkout's server on a copy of the index.

    Records the seconds until pages are served and until semantic search is ready.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    articles = data / "articles"
    articles.mkdir(exist_ok=True)
    settings = [
        f"KB_ARTICLES={articles}",
        f"KB_DATA={data}",
        f"KB_PORT={port}",
        "KB_RATE_LIMIT=off",
        "KB_WATCH=false",
    ]
    settings += [f"KB_WEB_PROCESSES={web_processes}"] if web_processes is not None else []
    serves = (
        ["-m", "kb_app", "serve"]
        if (checkout / "kb_app" / "__main__.py").exists()
        else ["-m", "flask", "--app", "kb_app", "kb", "serve"]
    )
    started = time.perf_counter()
    process = subprocess.Popen(
        ["env", *settings, sys.executable, *serves],
        cwd=checkout,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    server = Server(name, process, f"http://127.0.0.1:{port}")
    wait(f"{server.address}/readyz", lambda answer: answer["status"] == "ready")
    server.record("pages_after_s", time.perf_counter() - started)
    wait(f"{server.address}/readyz", lambda answer: answer["meaning"] == "ready")
    server.record("meaning_after_s", time.perf_counter() - started)
    return server


def measure(server: Server, questions: list[tuple[str, str]], clients: int) -> None:
    """Measure one round with this number of clients."""
    load = run_clients(server.address, questions, clients)
    times = np.array(load["times"]) * 1000
    server.record(f"{clients}_per_s", load["per_s"])
    server.record(f"{clients}_p50_ms", float(np.percentile(times, 50)))
    server.record(f"{clients}_p95_ms", float(np.percentile(times, 95)))


def run(flags: argparse.Namespace, folder: Path) -> list[Server]:
    """Build the index, start all servers, measure in rounds, stop all servers."""
    source = material(flags.articles)
    servers: list[Server] = []
    try:
        for name, checkout, count in _wanted(flags):
            built = folder / f"built-{name}"
            if not built.exists():
                _build(flags, checkout, built)
            data = folder / f"{name}-{count}"
            shutil.copytree(built, data, symlinks=True)
            label = name if count is None else f"{name}, {count} web"
            servers.append(start(label, checkout, data, count))
        for number in range(flags.rounds + 1):
            first = number % len(servers)
            _round(servers[first:] + servers[:first], source, number)
        for server in servers:
            server.record("memory_mb", pss(server.process.pid))
    finally:
        for server in servers:
            server.process.send_signal(signal.SIGTERM)
        for server in servers:
            server.process.wait(60)
    return servers


def _build(flags: argparse.Namespace, checkout: Path, data: Path) -> None:
    """Build the same articles with the program of a checkout."""
    flags.cache.parent.mkdir(parents=True, exist_ok=True)
    data.mkdir()
    places = [flags.articles, flags.model_dir, flags.cache, data]
    arguments = [str(flags.passages), *(str(path.resolve()) for path in places)]
    environment = ["env", f"PYTHONPATH={checkout}"]
    command = [*environment, sys.executable, "-c", BUILD, *arguments]
    subprocess.run(command, cwd=checkout, check=True, stderr=subprocess.DEVNULL)
    (data / "model").symlink_to(flags.model_dir.resolve())


def _wanted(flags: argparse.Namespace) -> Iterator[tuple[str, Path, int | None]]:
    """Yield (name, checkout, web processes) of each server; the first one keeps its default."""
    for place, pair in enumerate(flags.server):
        name, _, checkout = pair.partition("=")
        for count in (
            map(int, flags.web_processes.split(",")) if flags.web_processes and place else [None]
        ):
            yield name, Path(checkout).resolve(), count


def _round(servers: list[Server], source: dict[str, Material], number: int) -> None:
    """Query each server in turn. Round 0 is a warm-up and is not recorded."""
    for clients in CLIENTS:
        for place, server in enumerate(servers):
            questions = list(
                new_queries(
                    source,
                    max(100, ASKED_EACH * clients),
                    10_000 + 1_000 * number + 100 * clients + place,
                )
            )
            if number:
                measure(server, questions, clients)
            else:
                run_clients(server.address, questions, clients)


def table(servers: list[Server]) -> str:
    """Return a Markdown table of the medians, with the ratio to the first server in brackets."""
    first, names = servers[0], list(servers[0].figures)
    lines = [" | ".join(["server", *names]), " | ".join(["---"] * (len(names) + 1))]
    for server in servers:
        cells = [
            f"{server.middle(name):,.2f} ({server.middle(name) / first.middle(name):.2f})"
            for name in names
        ]
        lines.append(" | ".join([server.name, *cells]))
    return "\n".join(f"| {line} |" for line in lines)


def main() -> None:
    """Parse the flags, run and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument(
        "--server",
        action="append",
        required=True,
        help="NAME=CHECKOUT; the first one is the baseline",
    )
    parser.add_argument(
        "--web-processes",
        default="",
        help="numbers of web processes to compare, except for the first server, e.g. 1,2,4",
    )
    parser.add_argument("--passages", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--articles",
        type=Path,
        default=Path("articles"),
        help="real articles to generate the passages from",
    )
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument(
        "--cache",
        type=Path,
        default=Path("var/bench/speed.sqlite"),
        help="cache of the vectors of the real texts",
    )
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        servers = run(flags, Path(folder))
    print(
        json.dumps({server.name: server.figures for server in servers})
        if flags.json
        else table(servers)
    )


if __name__ == "__main__":
    main()
