"""Runs a cluster on this machine until Ctrl-C.

    make cluster [ARTICLES=DIR]

Three PostgreSQL servers under Patroni with etcd, three nodes, HAProxy on port 8000, and a page that
says who leads. All listen on loopback alone; their files are in a temporary folder until the end.
"""

from __future__ import annotations

import argparse
import html
import signal
import sys
import tempfile
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from bench.cluster.database import Database
from bench.cluster.nodes import Nodes
from bench.cluster.processes import ClusterError, end_all
from search.embedding.bundled_model import ensure_model

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport"
content="width=device-width"><meta http-equiv="refresh" content="2"><title>Cluster</title>
<style>:root{{color-scheme:light dark}}
body{{font:16px/1.5 system-ui;margin:2rem auto;max-width:46rem;padding:0 1rem}}
table{{border-collapse:collapse;width:100%;margin-bottom:2rem}}
td,th{{text-align:left;padding:.4rem .8rem .4rem 0;border-bottom:1px solid #8884}}</style>
<h1>Cluster</h1><p>The site: <a href="{site}">{site}</a></p>
<h2>Database</h2><table><tr><th>Server<th>Role<th>State<th>Lag</tr>{members}</table>
<h2>Nodes</h2><table><tr><th>Node<th>State<th>Index<th>Search by meaning<th>Address</tr>{nodes}
</table><p><a href="http://127.0.0.1:{state}/">HAProxy's own page</a></p></html>"""


def main() -> int:
    """Start everything, and end it on Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--data", type=Path, default=Path("var"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--page", type=int, default=8100, help="port of the page with the state")
    flags = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    model = ensure_model(flags.data / "model").parent.resolve()
    with tempfile.TemporaryDirectory(prefix="kb-cluster-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        database = Database(folder / "database")
        nodes = Nodes(folder / "nodes", flags.articles, database.url, model, port=flags.port)
        return _run(database, nodes, flags.page)


def _run(database: Database, nodes: Nodes, page: int) -> int:
    try:
        print("Starting three PostgreSQL servers.", flush=True)
        database.start()
        print("Starting three nodes; the first one indexes the articles.", flush=True)
        nodes.start()
        _serve_page(page, database, nodes)
        print(f"\n  The site: {nodes.address}/", flush=True)
        print(f"  Who leads: http://127.0.0.1:{page}/   (Ctrl-C ends all)\n", flush=True)
        while True:
            time.sleep(3600)
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        print("Stopping.", flush=True)
        end_all([*nodes.processes.values()])
        database.end()


def _serve_page(port: int, database: Database, nodes: Nodes) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = _page(database, nodes).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing of each request."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Page)
    Thread(target=server.serve_forever, daemon=True).start()


def _page(database: Database, nodes: Nodes) -> str:
    members = "".join(
        _row(member["name"], member["role"], member["state"], member.get("lag", ""))
        for member in database.members()
    )
    states = {name: nodes.state(name) or {} for name in nodes.ports}
    rows = "".join(
        _row(
            name,
            state.get("status", "down"),
            state.get("index", ""),
            state.get("meaning", ""),
            f"127.0.0.1:{nodes.ports[name]}",
        )
        for name, state in states.items()
    )
    return _PAGE.format(site=nodes.address, members=members, nodes=rows, state=nodes.state_port)


def _row(*cells: object) -> str:
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}" for cell in cells) + "</tr>"


if __name__ == "__main__":
    sys.exit(main())
