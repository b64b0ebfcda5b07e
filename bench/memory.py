"""Memory of a running site over many searches or mails: it must not grow.

    python -m bench.memory --searches 20000 --model-dir var/model
    python -m bench.memory --mails 1000 --model-dir var/model

Serves the sample articles with the model, and prints the memory of all processes (PSS) after the
first tenth and after all searches, each with another text, or mails, from a real IMAP server.
"""

from __future__ import annotations

import argparse
import imaplib
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from pathlib import Path

PORT = 8432
IMAP_PORT = 8434
IMAP_USER, IMAP_PASSWORD = "help@example.com", "demopass"
IMAP_URL = f"imap://help%40example.com:{IMAP_PASSWORD}@127.0.0.1:{IMAP_PORT}/INBOX"
IMAP_SERVER = [
    str(Path(sys.executable).parent / "pymap"),
    *("--no-tls", "--host", "127.0.0.1", "--port", str(IMAP_PORT)),
    *("dict", "--demo-user", IMAP_USER),
]
CLIENTS = 4
TEXTS = ("返金はいつですか", "パスワードを忘れた", "my parcel never came", "how do I return it")


def memory_mb(root: int) -> float:
    """The memory of a process and all below it, shared pages divided among those that share."""
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        try:
            children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        except OSError:
            continue
        waiting += map(int, children)
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


def _search(number: int) -> None:
    query = urllib.parse.quote(f"{TEXTS[number % len(TEXTS)]} {number}")
    url = f"http://127.0.0.1:{PORT}/ja/search?q={query}"
    with urllib.request.urlopen(url, timeout=60) as answer:
        answer.read()


def _wait_for_meaning() -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=5) as answer:
                if b'"ready"' in answer.read():
                    return
        except OSError:
            pass
        time.sleep(0.5)
    raise SystemExit("the site did not start")


def _put_mails(port: int, numbers: range) -> None:
    with imaplib.IMAP4("127.0.0.1", port) as box:
        box.login(IMAP_USER, IMAP_PASSWORD)
        for number in numbers:
            text = f"{TEXTS[number % len(TEXTS)]} {number}\n" * 40
            mail = MIMEMultipart()
            mail["From"], mail["Subject"] = f"visitor{number}@example.com", TEXTS[number % 4]
            mail["Message-ID"] = f"<{number}@example.com>"
            mail.attach(MIMEText(text, "plain", "iso-2022-jp" if number % 4 < 2 else "utf-8"))
            mail.attach(MIMEText(f"<table><tr><td>{text}</td></tr></table>", "html", "utf-8"))
            box.append("INBOX", "", "", mail.as_bytes())


def _wait_for_cases(database: Path, count: int) -> None:
    for _ in range(1200):
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            if connection.execute("select count(*) from cases").fetchone()[0] >= count:
                return
        time.sleep(1)
    raise SystemExit(f"fewer than {count} mails became cases")


def after_searches(server: int, numbers: range) -> float:
    """Memory after these searches, in MB."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(_search, numbers))
    return memory_mb(server)


def after_mails(server: int, numbers: range, folder: Path) -> float:
    """Memory after these mails have become cases, in MB."""
    _put_mails(IMAP_PORT, numbers)
    _wait_for_cases(folder / "kb.sqlite", numbers.stop)
    return memory_mb(server)


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=20_000)
    parser.add_argument("--mails", type=int, help="mails from an IMAP server instead of searches")
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as running:
        folder = Path(name)
        (folder / "model").symlink_to(flags.model_dir.resolve())
        settings = {
            "KB_ARTICLES": "articles",
            "KB_DATA": name,
            "KB_PORT": str(PORT),
            "KB_WEB_PROCESSES": "2",
            "KB_RATE_LIMIT": "off",
            "KB_LOG_LEVEL": "error",
        }
        if flags.mails:
            settings["KB_IMAP_URL"] = IMAP_URL
            running.enter_context(_process(IMAP_SERVER))
        named = (f"{name}={value}" for name, value in settings.items())
        server = running.enter_context(
            _process(["env", *named, sys.executable, "-m", "kb_app", "serve"])
        )
        _wait_for_meaning()
        whole = flags.mails or flags.searches
        first = whole // 10
        if flags.mails:
            before = after_mails(server, range(first), folder)
            after = after_mails(server, range(first, whole), folder)
        else:
            before = after_searches(server, range(first))
            after = after_searches(server, range(first, whole))
    what = "mails" if flags.mails else "searches"
    print(f"after {first} {what}: {before:.0f} MB, after {whole}: {after:.0f} MB")
    print(f"ratio: {after / before:.3f}")
    return 0 if after / before <= 1.1 else 1


@contextmanager
def _process(command: list[str]) -> Iterator[int]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


if __name__ == "__main__":
    sys.exit(main())
