"""Mends what can be mended without a doubt: a missing id, a link to an article that moved. Changes nothing else in a file."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from indexer.check import moved_to
from indexer.model import Article, Problem

_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_id() -> str:
    """A random id: ten characters without look-alikes."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(10))


def fix(folder: Path, articles: Sequence[Article], problems: Sequence[Problem]) -> list[str]:
    """Mend the fixable problems; returns a line for each mend."""
    by_path = {article.path: article for article in articles}
    mended: list[str] = []
    for problem in problems:
        if problem.fixable and problem.code == "no-id":
            mended.append(_add_id(folder / problem.path, problem.path))
    for path in dict.fromkeys(problem.path for problem in problems if problem.fixable and problem.code == "link"):
        mended += _mend_links(folder / path, by_path[path], by_path)
    return mended


def _add_id(path: Path, shown: str) -> str:
    text = path.read_bytes().decode("utf-8-sig")
    name = new_id()
    if re.match(r"---[ \t]*\r?\n", text):
        head, rest = text.split("\n", 1)
        text = f"{head}\nid: {name}\n{rest}"
    else:
        text = f"---\nid: {name}\n---\n{text}"
    replace_file(path, text)
    return f"{shown}: added id: {name}"


def _mend_links(path: Path, article: Article, articles: Mapping[str, Article]) -> list[str]:
    text = path.read_bytes().decode("utf-8-sig")
    mended: list[str] = []
    for link in article.links:
        target = moved_to(link, articles) if not link.image and link.target and link.target not in articles else None
        if target is None:
            continue
        new = os.path.relpath(target, PurePosixPath(article.path).parent.as_posix())
        pattern = re.compile(rf"(\]\(<?)([^)\s>#]*{re.escape(PurePosixPath(link.target).name)})(?=[#)>\s])")
        text, count = pattern.subn(lambda match, new=new: match.group(1) + new, text)  # type: ignore[misc]
        if count:
            mended.append(f"{article.path}: {link.target} is now {target}")
    replace_file(path, text)
    return mended


def replace_file(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    staged = path.with_name(f".{path.name}.tmp")
    staged.write_bytes(text.encode("utf-8"))
    os.replace(staged, path)
