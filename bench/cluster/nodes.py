"""The nodes that serve a site, and HAProxy before them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from bench.cluster.processes import ClusterError, Process, environment, free_ports

START_S = 300.0
ROOT = Path(__file__).resolve().parents[2]
# How often HAProxy asks a node whether it is ready; two refusals take it out.
CHECK_MS, STOP_DELAY_S = 500, 3
_HAPROXY = """
global
    maxconn 2000

defaults
    mode http
    timeout connect 2s
    timeout client 60s
    timeout server 60s
    timeout queue 10s
    option forwardfor
    # Another node is tried where one does not answer; a form is sent again only where none had it.
    option redispatch 1
    retries 4
    retry-on conn-failure empty-response response-timeout 503

frontend site
    bind {listen}
    http-request set-header X-Forwarded-Proto http
    default_backend nodes

backend nodes
    balance leastconn
    http-request disable-l7-retry unless METH_GET or {{ method HEAD }}
    option httpchk
    http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host localhost
    http-check expect status 200
    # A node that is to stop is marked down while it ends what it has: its sessions go on.
    default-server check inter {check}ms fall 2 rise 2
{servers}

listen state
    bind 127.0.0.1:{state}
    stats enable
    stats uri /
"""


class Nodes:
    """The nodes web1 to web3, each a whole ``kb serve`` with folders of its own, and the proxy."""

    def __init__(
        self,
        folder: Path,
        articles: Path,
        database_url: str,
        model: Path | None,
        count: int = 3,
        port: int | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._articles = articles
        self._url = database_url
        self._model = model
        self._settings = dict(settings or {})
        first, state, *ports = free_ports(2 + count)
        self.port, self.state_port = port or first, state
        self.ports = {f"web{number}": port for number, port in enumerate(ports, 1)}
        self.processes: dict[str, Process] = {}

    @property
    def address(self) -> str:
        """The address of the site, at the proxy."""
        return f"http://127.0.0.1:{self.port}"

    def folder(self, name: str) -> Path:
        """A node's own folder: articles, index and log."""
        return self._folder / name

    def articles(self, name: str) -> Path:
        """A node's articles folder."""
        return self.folder(name) / "articles"

    def start(self) -> None:
        """Start the first node with the articles, then the others, then the proxy."""
        first, *others = self.ports
        if not self.articles(first).exists():
            shutil.copytree(self._articles, self.articles(first))
        self.start_node(first)
        self.wait_for_node(first)
        for name in others:
            self.start_node(name)
        for name in others:
            self.wait_for_node(name)
        self.start_proxy()

    def start_node(self, name: str, settings: Mapping[str, str] | None = None) -> None:
        """Start a node; ``settings`` go before those of all."""
        folder = self.folder(name)
        self.articles(name).mkdir(parents=True, exist_ok=True)
        (folder / "var").mkdir(exist_ok=True)
        if self._model and not (folder / "var" / "model").exists():
            (folder / "var" / "model").symlink_to(self._model)
        kb = Path(sys.executable).with_name("kb")
        given = self.environment(name) | dict(settings or {})
        self.processes[name] = Process([kb, "serve"], folder / "log", given)

    def environment(self, name: str) -> dict[str, str]:
        """The environment of a node: its settings, and of this process what is none."""
        folder = self.folder(name)
        settings = {
            "KB_CONFIG": os.devnull,
            "KB_ARTICLES": str(self.articles(name)),
            "KB_DATA": str(folder / "var"),
            "KB_DATABASE_URL": self._url,
            "KB_SHARE_ARTICLES": "1",
            "KB_NODE_NAME": name,
            "KB_HOST": "127.0.0.1",
            "KB_PORT": str(self.ports[name]),
            "KB_WEB_PROCESSES": "1",
            "KB_PROXIES": "1",
            "KB_STOP_DELAY_S": str(STOP_DELAY_S),
            "KB_BASE_URL": self.address,
            "KB_SITE_NAME": "Cluster",
            "KB_EMBEDDING_MODEL": "" if self._model else "off",
            "PYTHONPATH": str(ROOT),
            **self._settings,
        }
        return environment(**settings)

    def start_proxy(self) -> None:
        """Start HAProxy. Raises ClusterError."""
        program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
        if not program:
            raise ClusterError("HAProxy is missing: sudo apt-get install etcd-server haproxy")
        servers = "\n".join(
            f"    server {name} 127.0.0.1:{port}" for name, port in self.ports.items()
        )
        file = self._folder / "haproxy.cfg"
        file.write_text(
            _HAPROXY.format(
                listen=f"127.0.0.1:{self.port}",
                state=self.state_port,
                servers=servers,
                check=CHECK_MS,
            ),
            encoding="utf-8",
        )
        log = self._folder / "haproxy.log"
        self.processes["haproxy"] = Process([program, "-db", "-f", file], log, environment())
        self._wait(lambda: self.state("") is not None, "the proxy", 30)

    def state(self, name: str) -> dict[str, Any] | None:
        """What a node, or one of them at the proxy, says at /readyz; None if it is down."""
        port = self.ports[name] if name else self.port
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as got:
                found: dict[str, Any] = json.load(got)
                return found
        except (OSError, urllib.error.URLError, ValueError):
            return None

    def wait_for_node(self, name: str, seconds: float = START_S) -> None:
        """Wait until a node is ready, with its model. Raises ClusterError."""
        wanted = "ready" if self._model else "off"

        def is_ready() -> bool:
            if not self.processes[name].runs:
                log = (self.folder(name) / "log").read_text(encoding="utf-8")
                raise ClusterError(f"{name} ended:\n{log[-2_000:]}")
            return (self.state(name) or {}).get("meaning") == wanted

        self._wait(is_ready, name, seconds)

    def kill(self, name: str) -> None:
        """Kill a node with all its processes, as a machine that loses its power."""
        for process in self._tree(name):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.processes[name].wait(10)

    def kill_background(self, name: str) -> None:
        """Kill the background process of a node."""
        for process in self._background(name):
            process.kill()

    def has_background(self, name: str) -> bool:
        """Whether the background process of a node runs."""
        return bool(self._background(name))

    def _background(self, name: str) -> list[psutil.Process]:
        found = []
        for process in self._tree(name):
            with suppress(psutil.Error):
                if " ".join(process.cmdline()).startswith("kb background"):
                    found.append(process)
        return found

    def _tree(self, name: str) -> list[psutil.Process]:
        try:
            node = psutil.Process(self.processes[name].pid)
            return [node, *node.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def restart(self, name: str) -> None:
        """Restart a node as a process manager does, and wait until it serves again."""
        self.processes[name].tell(signal.SIGTERM)
        self.processes[name].wait(60)
        self.start_node(name)
        self.wait_for_node(name)

    def _wait(self, is_done: Any, what: str, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if is_done():
                return
            time.sleep(0.2)
        raise ClusterError(f"{what} was not ready within {seconds:.0f} s: see {self._folder}")
