"""Memory of a running site over many searches: it must not grow.

    python -m bench.memory --searches 20000 --model-dir var/model

Serves the sample articles with the model, and prints the memory of all processes (PSS) after the
first tenth and after all searches, each with another text.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

PORT = 8432
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


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--searches", type=int, default=20_000)
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        (Path(folder) / "model").symlink_to(flags.model_dir.resolve())
        settings = {
            "KB_ARTICLES": "articles",
            "KB_DATA": folder,
            "KB_PORT": str(PORT),
            "KB_WEB_PROCESSES": "2",
            "KB_RATE_LIMIT": "off",
            "KB_LOG_LEVEL": "error",
        }
        server = subprocess.Popen(
            ["env", *(f"{name}={value}" for name, value in settings.items())]
            + [sys.executable, "-m", "kb_app", "serve"]
        )
        try:
            _wait_for_meaning()
            first = flags.searches // 10
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(_search, range(first)))
                before = memory_mb(server.pid)
                list(pool.map(_search, range(first, flags.searches)))
            after = memory_mb(server.pid)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
    print(f"after {first} searches: {before:.0f} MB, after {flags.searches}: {after:.0f} MB")
    print(f"ratio: {after / before:.3f}")
    return 0 if after / before <= 1.1 else 1


if __name__ == "__main__":
    sys.exit(main())
