"""Three nodes on three PostgreSQL servers behind HAProxy, all real, on this machine."""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.cluster.database import PATRONI
from bench.cluster.failures import Cluster, measure, running
from bench.load import AGENT, multipart
from tests.conftest import ROOT, missing
from tests.support import write_article

MAIL, PASSWORD = "lead@example.com", "correct-horse-battery-7"
FOUND_S = 2.0


@pytest.fixture(scope="module")
def cluster(model_folder: Path) -> Iterator[Cluster]:
    """The sample shop on a cluster."""
    for program in ("etcd", "haproxy"):
        if not shutil.which(program) and not shutil.which(program, path="/usr/sbin"):
            missing(f"{program} is not installed: sudo apt-get install etcd-server haproxy")
    if not PATRONI.is_dir():
        missing("Patroni is not installed: make .venv/patroni")
    with running(ROOT / "articles", model_folder.parent, KB_RATE_LIMIT="off") as made:
        yield made


class Visitor:
    """A browser without JavaScript that keeps its cookies and asks the nodes by name."""

    def __init__(self, cluster: Cluster) -> None:
        self._ports = cluster.nodes.ports
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def get(self, node: str, path: str) -> str:
        return self._open(node, path, None, {})

    def post(self, node: str, path: str, **fields: str) -> str:
        kind = "application/x-www-form-urlencoded"
        body = urllib.parse.urlencode(fields).encode()
        return self._open(node, path, body, {"Content-Type": kind})

    def sign_in(self, node: str, mail: str, password: str) -> str:
        page = self.get(node, "/account/sign-in")
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        fields = {"csrf_token": token.group(1)} if token else {}
        return self.post(node, "/account/sign-in", mail=mail, password=password, **fields)

    def send(self, node: str, path: str, fields: dict[str, str], file: str) -> str:
        body, kind = multipart(fields, file)
        return self._open(node, path, body, {"Content-Type": kind})

    def _open(self, node: str, path: str, body: bytes | None, headers: dict[str, str]) -> str:
        url = f"http://127.0.0.1:{self._ports[node]}{path}"
        headers |= {"User-Agent": AGENT, "Sec-Fetch-Site": "same-origin"}
        with self._opener.open(urllib.request.Request(url, body, headers), timeout=20) as answer:
            self.path = answer.url.partition(str(self._ports[node]))[2]
            return str(answer.read().decode())


def kb(cluster: Cluster, node: str, *command: str) -> str:
    """Run a command at a node."""
    environment = os.environ | cluster.nodes.environment(node)
    ran = subprocess.run(
        [Path(sys.executable).with_name("kb"), *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@pytest.fixture(scope="module")
def lead(cluster: Cluster) -> str:
    """An account, made at the first node."""
    kb(cluster, "web1", "user", "add", MAIL, "--role", "lead", "--password", PASSWORD)
    return MAIL


def search(cluster: Cluster, node: str, text: str, lang: str = "en") -> dict[str, object]:
    query = urllib.parse.urlencode({"q": text, "lang": lang, "limit": 10})
    url = f"http://127.0.0.1:{cluster.nodes.ports[node]}/api/v1/search?{query}"
    with urllib.request.urlopen(url, timeout=20) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def test_who_signed_in_at_one_node_goes_on_at_another(cluster: Cluster, lead: str) -> None:
    visitor = Visitor(cluster)
    visitor.sign_in("web1", lead, PASSWORD)
    for node in cluster.nodes.ports:
        assert "desk" in visitor.get(node, "/desk/") and visitor.path == "/desk/"


def test_failed_sign_ins_are_counted_across_nodes(cluster: Cluster, lead: str) -> None:
    visitor = Visitor(cluster)
    nodes = [*cluster.nodes.ports] * 4
    refused = []
    for node in nodes:
        try:
            visitor.sign_in(node, "other@example.com", "wrong-one")
        except urllib.error.HTTPError as error:
            refused.append(error.code)
    assert 429 in refused, refused


def test_a_case_and_its_file_are_at_every_node(cluster: Cluster) -> None:
    visitor, form_id = Visitor(cluster), str(uuid.uuid4())
    fields = {"form_id": form_id, "kind": "question", "message": "Where is it?", "do": "anyway"}
    page = visitor.send("web1", "/en/contact", fields, "the order")
    link = re.search(r"/en/cases/[^\"/?#]+", visitor.path + page)
    assert link is not None
    for node in ("web2", "web3"):
        assert "Where is it?" in visitor.get(node, link.group())
        file = re.search(rf"{link.group()}/files/[^\"]+", visitor.get(node, link.group()))
        assert file is not None and visitor.get(node, file.group()) == "the order"


@pytest.mark.parametrize("writer", ["web1", "web2", "web3"])
def test_a_saved_article_is_found_at_all_nodes_with_one_version(
    cluster: Cluster, writer: str
) -> None:
    word = f"zebrafin{writer}"
    write_article(
        cluster.nodes.articles(writer),
        f"en/returns/{word}.md",
        f"The {word} fee",
        f"The {word} fee is 5 dollars.",
    )
    began, seen = time.monotonic(), dict[str, object]()
    while len(seen) < 3 and time.monotonic() - began < 15:
        for node in cluster.nodes.ports:
            reply = search(cluster, node, word)
            if f"en-returns-{word}" in json.dumps(reply["hits"]):
                seen.setdefault(node, reply["index_version"])
        time.sleep(0.05)
    took = time.monotonic() - began
    print(f"saved at {writer}, found at all nodes after {took:.2f} s")
    assert len(seen) == 3 and len(set(seen.values())) == 1 and took < FOUND_S


def test_all_nodes_answer_alike(cluster: Cluster) -> None:
    questions = [
        (test.strip("- '\""), "ja" if re.search(r"[ぁ-んァ-ヶ一-龠]", test) else "en")
        for path in sorted((ROOT / "articles").rglob("*.md"))
        for test in re.findall(r"^  - (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    ][:500]
    kept = ("verdict", "probability", "hits", "answer", "other_answer", "index_version", "total")
    for text, lang in questions:
        replies = [
            {name: reply[name] for name in kept}
            for node in cluster.nodes.ports
            for reply in [search(cluster, node, text[:100], lang)]
        ]
        assert replies[0] == replies[1] == replies[2], text
    assert len(questions) == 500


def test_the_nodes_are_listed_and_one_leads(cluster: Cluster) -> None:
    listed = kb(cluster, "web2", "nodes")
    assert re.findall(r"^web\d", listed, re.MULTILINE) == ["web1", "web2", "web3"]
    assert listed.count(" leads ") == 1


def test_a_node_with_another_key_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    environment = os.environ | cluster.nodes.environment("web1")
    environment |= {
        "KB_NODE_NAME": "stranger",
        "KB_SECRET_KEY": "x" * 40,
        "KB_DATA": str(tmp_path / "var"),
        "KB_ARTICLES": str(tmp_path / "articles"),
        "KB_WEB_PROCESSES": "0",
    }
    (tmp_path / "articles").mkdir()
    ran = subprocess.run(
        [Path(sys.executable).with_name("kb"), "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2 and "another secret key" in ran.stderr


def test_nothing_is_lost_where_parts_are_killed_frozen_and_restarted(cluster: Cluster) -> None:
    report = measure(cluster, "return-item")
    print(json.dumps(vars(report), indent=1))
    assert report.is_whole, vars(report)
    assert report.waited["search"]["max"] < 10
    assert len(cluster.leading_nodes()) == 1
