"""Measures searches per second and memory with one, two and three nodes behind the proxy.

    python -m bench.cluster.throughput [--articles DIR] [--data DIR]

Eight clients ask questions that nobody asked before, through HAProxy, of three database servers.
Nodes that are not asked are stopped. All are on this machine and share its processors: more nodes
add searches only where there are more processors.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
from pathlib import Path

import psutil

from bench.cluster.failures import running
from bench.cluster.nodes import Nodes
from search.embedding.bundled_model import ensure_model

CLIENTS, QUERIES = 8, 600


def main() -> None:
    """Parse the flags, measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--data", type=Path, default=Path("var"))
    flags = parser.parse_args()
    model = ensure_model(flags.data / "model").parent.resolve()
    with running(flags.articles, model, KB_RATE_LIMIT="off") as cluster:
        nodes = cluster.nodes
        print("| nodes | searches/s | p50, ms | p95, ms | memory of a node, MB |")
        print("| --- | --- | --- | --- | --- |")
        for count in (3, 2, 1):
            per_s, times = _asked(nodes, count)
            p50, p95 = statistics.median(times), sorted(times)[int(0.95 * len(times))]
            memory = ", ".join(f"{_memory(nodes, name):.0f}" for name in [*nodes.ports][:count])
            print(
                f"| {count} | {per_s:.1f} | {1000 * p50:.0f} | {1000 * p95:.0f} | {memory} |",
                flush=True,
            )
            last = [*nodes.ports][count - 1]
            nodes.processes[last].tell(signal.SIGTERM)
            nodes.processes[last].wait(60)


def _asked(nodes: Nodes, count: int) -> tuple[float, list[float]]:
    asked = [
        (f"return postage {count} {number} parcel {number * 7919 % 1000}", "en")
        for number in range(QUERIES)
    ]
    given = json.dumps({"address": nodes.address, "asked": asked, "clients": CLIENTS})
    ran = subprocess.run(
        [sys.executable, "-m", "bench.clients"],
        input=given,
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(ran.stdout)
    return found["per_s"], found["times"]


def _memory(nodes: Nodes, name: str) -> float:
    """The memory of a node's processes in MB, what they share counted once (PSS)."""
    node = psutil.Process(nodes.processes[name].pid)
    processes = [node, *node.children(recursive=True)]
    return sum(process.memory_full_info().pss for process in processes) / 1024**2


if __name__ == "__main__":
    main()
