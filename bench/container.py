"""Runs the Dockerfile's steps in empty Debian roots and serves the result, without an engine.

    python -m bench.container [--folder FOLDER] [--suite trixie] [--mirror URL] [--wheels FOLDER]

Needs root and debootstrap. The base image is a minimal Debian with its Python. The last stage is
served as the Dockerfile says: its user, its environment, and a read-only root file system with
/data, /articles, /backups and /tmp to write in. Printed are the steps with their seconds, the size,
and how long after the start the health check and a search answered.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).parent.parent
PACKAGES = "ca-certificates,python3,python3-venv,python-is-python3"
PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
WRITABLE = ("data", "articles", "backups", "tmp")
OWNER = 10001
READY_S = 600
ARTICLE = "---\ntitle: 返品するには\nlang: ja\n---\n返品フォームから申し込んでください。\n"
# Mounts what an engine mounts, in a mount namespace of its own.
MOUNTS = """
set -e
root=$1; shift
mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
for name in data articles backups tmp; do mount --bind "$root.$name" "$root/$name"; done
mount -o remount,bind,ro "$root"
exec "$@"
"""


@dataclass
class Stage:
    """One stage of a Dockerfile and the file system that its steps make."""

    root: Path
    workdir: str = "/"
    user: str = "0:0"
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATHS})
    arguments: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)
    check: list[str] = field(default_factory=list)

    def line(self, command: list[str]) -> list[str]:
        """The command line that runs a command in this root as its user."""
        named = ["env", f"--chdir={self.workdir}", *command]
        return ["chroot", f"--userspec={self.user}", "--groups=", str(self.root), *named]


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield (keyword, arguments) with continued lines joined and comments left out."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        keyword, _, arguments = line.strip().partition(" ")
        if keyword:
            yield keyword.upper(), arguments.strip()


def base_root(folder: Path, suite: str, mirror: str) -> Path:
    """Return a minimal Debian with Python, made once."""
    base, made = folder / "base", folder / "base.new"
    if not base.exists():
        shutil.rmtree(made, ignore_errors=True)
        arguments = ["--variant=minbase", f"--include={PACKAGES}", suite, str(made), mirror]
        subprocess.run(["debootstrap", *arguments], check=True, stdout=subprocess.DEVNULL)
        made.rename(base)
    return base


def build(folder: Path, base: Path, wheels: Path | None) -> Stage:
    """Run all steps; return the last stage. ``wheels`` are offered to pip beside its index."""
    stages: dict[str, Stage] = {}
    stage = Stage(folder)
    for keyword, arguments in instructions((SOURCE / "deploy" / "Dockerfile").read_text()):
        started = time.monotonic()
        if keyword == "FROM":
            name = arguments.partition(" AS ")[2] or "image"
            stage = stages[name] = Stage(folder / name)
            _copy_base(base, stage.root)
            if wheels:
                shutil.copytree(wheels, stage.root / "wheels")
                stage.arguments["PIP_FIND_LINKS"] = "/wheels"
        else:
            _step(keyword, arguments, stage, stages)
        print(f"{time.monotonic() - started:8.1f} s  {keyword} {arguments[:70]}", flush=True)
    return stage


def _copy_base(base: Path, root: Path) -> None:
    shutil.rmtree(root, ignore_errors=True)
    subprocess.run(["cp", "-a", str(base), str(root)], check=True)
    # What an engine gives its builds: names of hosts, and here the machine's certificates.
    for path in ("/etc/resolv.conf", "/etc/ssl/certs/ca-certificates.crt"):
        shutil.copy(path, root / path.lstrip("/"))


def _step(keyword: str, arguments: str, stage: Stage, stages: dict[str, Stage]) -> None:
    if keyword == "RUN":
        variables = stage.environment | stage.arguments
        subprocess.run(stage.line(["sh", "-c", arguments]), env=variables, check=True)
    elif keyword == "COPY":
        _copy(arguments.split(), stage, stages)
    elif keyword in ("ENV", "ARG"):
        held = stage.environment if keyword == "ENV" else stage.arguments
        pairs = (pair.partition("=") for pair in shlex.split(arguments))
        held |= {name: value.replace("$PATH", held.get("PATH", "")) for name, _, value in pairs}
    elif keyword not in ("EXPOSE", "VOLUME", "STOPSIGNAL"):
        _set(keyword, arguments, stage)


def _set(keyword: str, arguments: str, stage: Stage) -> None:
    if keyword == "WORKDIR":
        stage.workdir = arguments
        (stage.root / arguments.lstrip("/")).mkdir(parents=True, exist_ok=True)
    elif keyword == "USER":
        stage.user = arguments
    elif keyword == "CMD":
        stage.command = json.loads(arguments)
    elif keyword == "HEALTHCHECK":
        stage.check = json.loads(arguments.partition("CMD ")[2])
    else:
        raise SystemExit(f"deploy/Dockerfile: bench.container does not know {keyword}")


def _copy(words: list[str], stage: Stage, stages: dict[str, Stage]) -> None:
    origin = SOURCE
    if words[0].startswith("--from="):
        origin = stages[words.pop(0).removeprefix("--from=")].root
    *names, last = words
    target = stage.root / (last if last.startswith("/") else f"{stage.workdir}/{last}").lstrip("/")
    for name in names:
        source = origin / name.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)


@contextmanager
def served(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """Serve a stage with a read-only root."""
    for name in WRITABLE:
        path = stage.root.with_name(f"{stage.root.name}.{name}")
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
        os.chown(path, OWNER, OWNER)
        (stage.root / name).mkdir(exist_ok=True)
    article = stage.root.with_name(f"{stage.root.name}.articles") / "return.md"
    article.write_text(ARTICLE, encoding="utf-8")
    isolated = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
    started = ["sh", "-c", MOUNTS, "mounts", str(stage.root), *stage.line(stage.command)]
    process = subprocess.Popen([*isolated, *started], env=stage.environment)
    try:
        yield process
    finally:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        for child in children:
            os.kill(int(child), signal.SIGTERM)
        process.wait(60)


def seconds_until(done: Callable[[], bool]) -> float:
    """Return how long it took until a call returned true."""
    started = time.monotonic()
    while time.monotonic() - started < READY_S:
        with suppress(OSError):
            if done():
                return time.monotonic() - started
        time.sleep(0.5)
    raise SystemExit(f"nothing after {READY_S} s")


def main() -> None:
    """Parse the flags, build, serve and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--folder", type=Path, default=Path("/tmp/container"))  # noqa: S108
    parser.add_argument("--suite", default="trixie")
    parser.add_argument("--mirror", default="http://deb.debian.org/debian")
    parser.add_argument("--wheels", type=Path, help="where torch's index cannot be reached")
    flags = parser.parse_args()
    flags.folder.mkdir(parents=True, exist_ok=True)
    base = base_root(flags.folder, flags.suite, flags.mirror)
    stage = build(flags.folder, base, flags.wheels)
    shutil.rmtree(stage.root / "wheels", ignore_errors=True)
    print(f"{_mb(stage.root):8} MB the image, {_mb(flags.folder / 'base')} MB of it Debian")
    address = f"http://127.0.0.1:{stage.environment['KB_PORT']}"

    def healthy() -> bool:
        line = stage.line(stage.check)
        return not subprocess.run(
            line, env=stage.environment, check=False, capture_output=True
        ).returncode

    def found() -> bool:
        with urllib.request.urlopen(f"{address}/api/v1/search?q=return+an+item") as answer:  # noqa: S310
            return any("返品" in hit["title"] for hit in json.load(answer)["hits"])

    with served(stage):
        print(f"{seconds_until(healthy):8.1f} s  until the health check passed")
        print(
            f"{seconds_until(found):8.1f} s  until a question in English found the Japanese article"
        )


def _mb(folder: Path) -> int:
    size = subprocess.run(["du", "-sm", str(folder)], check=True, capture_output=True, text=True)
    return int(size.stdout.split()[0])


if __name__ == "__main__":
    main()
