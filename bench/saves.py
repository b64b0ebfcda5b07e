"""Writers who save the same articles at once: no word of anybody may be lost.

    python -m bench.saves [--writers 20] [--saves 50] [--articles 5]

Each writer adds lines of their own to articles, at places where others write too. Where somebody
else was first, both changes are brought together as the editor does it, and saved again. The folder
is a git repository.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from indexer.editing.editor import Editor
from indexer.editing.merging import merged
from indexer.editing.model import Author, EditConflictError
from kb_app.services.shared_folder import articles_lock


def main() -> None:
    """Save, count, and print."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--writers", type=int, default=20)
    flags.add_argument("--saves", type=int, default=50)
    flags.add_argument("--articles", type=int, default=5)
    given = flags.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary, "articles")
        names = [_article(folder, number) for number in range(given.articles)]
        _git(folder, "init", "-q")
        _git(folder, "add", "-A")
        _git(folder, "commit", "-qm", "first")
        started = time.perf_counter()
        with ThreadPoolExecutor(given.writers) as pool:
            runs = [
                pool.submit(_write, folder, Path(temporary), names, number, given.saves)
                for number in range(given.writers)
            ]
            conflicts = sum(run.result() for run in runs)
        seconds = time.perf_counter() - started
        text = "".join((folder / name).read_text(encoding="utf-8") for name in names)
        total = given.writers * given.saves
        lost = sum(
            text.count(_line(w, s)) != 1 for w in range(given.writers) for s in range(given.saves)
        )
        commits = len(_git(folder, "log", "--format=%h").splitlines()) - 1
    print(f"{total} saves by {given.writers} writers to {given.articles} articles: {seconds:.1f} s")
    print(f"{conflicts} times somebody else was first")
    print(f"lines lost or doubled {lost}, commits {commits}")


def _article(folder: Path, number: int) -> str:
    name = f"ja/orders/article-{number}.md"
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    sections = "\n".join(f"\n## 見出し {n}\n\n本文 {n} です。\n" for n in range(10))
    path.write_text(f"---\nid: a{number}\ntitle: 記事 {number}\n---\n{sections}", encoding="utf-8")
    return name


def _write(folder: Path, data: Path, names: list[str], writer: int, saves: int) -> int:
    """Save lines of one writer; returns how often somebody else was first."""
    chance, conflicts = random.Random(writer), 0
    editor = Editor(folder, lambda *_names: _locked(data))
    author = Author(f"writer {writer}", f"w{writer}@example.com")
    for number in range(saves):
        name = chance.choice(names)
        opened = editor.open(name)
        mine = _with_line(opened.text, _line(writer, number), chance)
        while True:
            try:
                editor.save(opened, mine, author, f"Edited: {name}")
                break
            except EditConflictError:
                conflicts += 1
                theirs = editor.open(name)
                both = merged(opened.text, mine, theirs.text)
                # Of lines that both added at one place, a person keeps both.
                mine = both.text
                for one in both.differences:
                    mine = mine.replace(one.mine, one.mine + one.theirs.replace(one.base, "", 1), 1)
                opened = theirs
    return conflicts


@contextmanager
def _locked(data: Path) -> Iterator[None]:
    with articles_lock(data):
        yield


def _with_line(text: str, line: str, chance: random.Random) -> str:
    lines = text.splitlines(keepends=True)
    lines.insert(chance.randrange(5, len(lines) + 1), f"{line}\n")
    return "".join(lines)


def _line(writer: int, number: int) -> str:
    return f"書き手{writer}の{number}番目の行。"


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.com")
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
