"""Kills web and background processes at random moments under load; nothing accepted may be lost.

    python -m bench.kills --kills 200 --model-dir var/model

Visitors send forms with files and votes and repeat each until it is accepted, mails come in,
articles are saved. Each kill waits until the processes of the one before are back; now and then the
whole site is killed and started again. Prints what was accepted, lost, doubled and orphaned.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from bench.load import Accepted, Load
from kb_app.db.engine import open_database
from kb_app.support.attachments import Uploads

PORT = 8433
BASE = f"http://127.0.0.1:{PORT}"
# The background process waits longer before each new start; after so many the whole site is killed.
KILLS_IN_A_ROW = 3


@dataclass
class SiteLoad(Load):
    """Visitors, and mails and writers of one site on this machine."""

    folder: Path = Path()
    kb: list[str] = field(default_factory=list)
    mailed: list[str] = field(default_factory=list)
    saved: int = 0

    def mails(self) -> None:
        """Pipe mails in, as a mail server does."""
        while not self.stop.wait(1.0):
            name = str(uuid.uuid4())
            head = f"From: a@example.com\nMessage-ID: <{name}@example.com>\nSubject: hello"
            mail = f"{head}\n\n{name}\n"
            command = [*self.kb, "mail-in"]
            run = subprocess.run(command, input=mail.encode(), capture_output=True, check=False)
            if run.returncode == 0:
                self.mailed.append(name)

    def saves(self) -> None:
        """Save an article again and again."""
        path = self.folder / "articles" / "en" / "account" / "changing.md"
        while not self.stop.wait(0.7):
            self.saved += 1
            path.write_text(f"---\ntitle: Version zebra{self.saved}\n---\nx\n", encoding="utf-8")


def _below(root: int, *names: str) -> list[int]:
    """The processes below the supervisor with one of these names."""
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
            title = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        waiting += map(int, children.split())
        found += [pid] if title.startswith(names) else []
    return found


def _ready(path: str = "/readyz", within_s: float = 60) -> bool:
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        try:
            with urllib.request.urlopen(BASE + path, timeout=5):  # noqa: S310
                return True
        except OSError:
            time.sleep(0.1)
    return False


def _runs(root: int, *names: str, within_s: float = 60) -> bool:
    """Wait until a process of each name runs."""
    ends = time.monotonic() + within_s
    while time.monotonic() < ends:
        if all(_below(root, name) for name in names):
            return True
        time.sleep(0.1)
    return False


def _kb(settings: dict[str, str]) -> list[str]:
    """The command kb with these settings."""
    named = [f"{name}={value}" for name, value in settings.items()]
    return ["env", *named, sys.executable, "-m", "kb_app"]


def measure(folder: Path, kills: int, seed: int, kb: list[str]) -> int:
    """Run the load and the kills, and print what became of what was accepted."""
    chosen = random.Random(seed)
    article = folder / "articles" / "en" / "account" / "reset.md"
    article.parent.mkdir(parents=True)
    article.write_text(
        "---\nid: reset\ntitle: Reset\nslug: reset\n---\nUse it.\n", encoding="utf-8"
    )
    server = subprocess.Popen([*kb, "serve"])
    load, killed, not_back, in_a_row = (
        SiteLoad(BASE, "reset", folder=folder, kb=kb),
        Counter[str](),
        0,
        0,
    )
    threads = [
        threading.Thread(target=run)
        for run in (load.forms, load.forms, load.votes, load.mails, load.saves)
    ]
    try:
        if not _ready(within_s=120):
            raise SystemExit("the site did not start")
        for thread in threads:
            thread.start()
        for _ in range(kills):
            time.sleep(chosen.uniform(0.2, 1.8))
            name = chosen.choice(("kb web ", "kb background"))
            if not _runs(server.pid, name):
                raise SystemExit(f"{name} did not start")
            os.kill(chosen.choice(_below(server.pid, name)), signal.SIGKILL)
            killed[name.strip()] += 1
            in_a_row += name == "kb background"
            if in_a_row > KILLS_IN_A_ROW:
                server.kill()
                server.wait()
                killed["kb serve"] += 1
                server, in_a_row = subprocess.Popen([*kb, "serve"]), 0
            not_back += not (_ready() and _runs(server.pid, "kb background", "kb web "))
    finally:
        load.stop.set()
        for thread in threads:
            thread.join()
        found_last = _is_found(f"zebra{load.saved}")
        server.terminate()
        server.wait(60)
    print(f"killed: {dict(killed)}; not ready again within 60 s: {not_back}")
    print(f"refused meanwhile, and repeated: {dict(load.accepted.refused)}")
    print(f"last of {load.saved} saves found: {found_last}")
    wrong = _count_wrong(folder, load.accepted, load.mailed)
    return 0 if not wrong and not not_back and found_last else 1


def _is_found(word: str) -> bool:
    for _ in range(60):
        try:
            with urllib.request.urlopen(f"{BASE}/api/v1/search?q={word}", timeout=10) as answer:  # noqa: S310
                if word.encode() in answer.read():
                    return True
        except OSError:
            pass
        time.sleep(0.5)
    return False


def _count_wrong(folder: Path, accepted: Accepted, mailed: list[str]) -> int:
    """Print lost, doubled and orphaned things; return their number."""
    engine = open_database(f"sqlite:///{folder / 'var' / 'kb.sqlite'}")
    with engine.connect() as connection:

        def counted(query: str) -> Counter[str]:
            return Counter({str(name): int(n) for name, n in connection.execute(text(query))})

        forms = counted("select message, count(*) from cases group by message")
        votes = counted("select event_id, count(*) from actions group by event_id")
        files = counted("select attachment_id, count(*) from attachments group by attachment_id")
        per_form = counted(
            "select cases.message, count(*) from attachments "
            "join cases on cases.case_id = attachments.case_id group by cases.message"
        )
    # What the hourly round does with files that are older than an hour.
    swept = Uploads(engine).forget_unknown(int(time.time() * 1000) + 1)
    print(f"files that a kill left without a row, removed by the hourly round: {swept}")
    with engine.connect() as connection:
        stored = connection.execute(text("select attachment_id from stored_files")).scalars()
        kept = {str(name) for name in stored}
    engine.dispose()
    rows = {
        "forms lost": sum(forms[name] == 0 for name in accepted.forms),
        "forms or mails doubled": sum(count > 1 for count in forms.values()),
        "votes lost": sum(votes[name] == 0 for name in accepted.votes),
        "mails lost": sum(forms[name] == 0 for name in mailed),
        "files lost": sum(per_form[name] == 0 for name in accepted.forms),
        "files doubled": sum(per_form[name] > 1 for name in accepted.forms),
        "files without a row": len(kept - set(files)),
        "rows without a file": len(set(files) - kept),
    }
    print(
        f"accepted: {len(accepted.forms)} forms, {len(accepted.votes)} votes, {len(mailed)} mails"
    )
    for name, count in rows.items():
        print(f"{name}: {count}")
    return sum(rows.values())


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model-dir", type=Path, help="the bundled model; without it, no model")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / "var").mkdir()
        settings = {
            "KB_ARTICLES": str(folder / "articles"),
            "KB_DATA": str(folder / "var"),
            "KB_PORT": str(PORT),
            "KB_WEB_PROCESSES": "2",
            "KB_RATE_LIMIT": "off",
            "KB_LOG_LEVEL": "error",
        }
        if flags.model_dir:
            (folder / "var" / "model").symlink_to(flags.model_dir.resolve())
        else:
            settings["KB_EMBEDDING_MODEL"] = "off"
        return measure(folder, flags.kills, flags.seed, _kb(settings))


if __name__ == "__main__":
    sys.exit(main())
