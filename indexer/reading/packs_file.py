"""Reads packs.yml: chosen articles that are given to customers together, as one page or a mail.

getting-started:
  title: {ja: はじめての方へ, en: Getting started}
  text: {ja: まずはこちらをご覧ください。, en: Begin here.}
  articles: [ja-register, ja-order]
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from indexer.model import Problem
from indexer.reading.layout import is_language
from indexer.reading.yaml_loader import BrokenYamlError, error_in, plain, read_yaml

PACKS = "packs.yml"
MAX_BYTES, MOST_PACKS, MOST_ARTICLES = 1024 * 1024, 200, 50
# What the desk fills: well below the file's limit, since YAML takes more room.
MOST_LETTERS = MAX_BYTES // 2
LONGEST_TITLE, LONGEST_TEXT = 200, 5_000
KEY = re.compile(r"[a-z0-9][a-z0-9-]{0,60}")
_EXAMPLE = "For example: getting-started: {title: {en: Getting started}, articles: [en-register]}"


@dataclass(frozen=True)
class Pack:
    """A pack: title and introduction by language, and the ids of its articles in their order."""

    key: str
    title: Mapping[str, str]
    articles: tuple[str, ...]
    text: Mapping[str, str] = field(default_factory=dict)


def read_packs(folder: Path) -> tuple[dict[str, Pack], list[Problem]]:
    """Return the packs by key and what is wrong with the file; none where there is none."""
    try:
        given = _given(folder)
    except BrokenYamlError as error:
        return {}, [error_in(PACKS, error.line + 1, "packs", f"{error}.", error.hint)]
    except (OSError, UnicodeDecodeError) as error:
        why = f"cannot be read ({type(error).__name__})."
        return {}, [error_in(PACKS, 0, "packs", why, "Save it as UTF-8.")]
    if given is None:
        return {}, []
    if not isinstance(given, dict):
        return {}, [error_in(PACKS, 1, "packs", "does not have packs by name.", _EXAMPLE)]
    packs: dict[str, Pack] = {}
    problems: list[Problem] = []
    lines = given.lc.data if hasattr(given, "lc") else {}
    if len(given) > MOST_PACKS:
        why = f"has more than {MOST_PACKS} packs; the others are left out."
        problems.append(error_in(PACKS, 1, "packs", why, "Take out those that nobody uses."))
    for key, value in list(plain(given).items())[:MOST_PACKS]:
        pack, why = _pack(str(key), value)
        if pack is not None:
            packs[pack.key] = pack
        else:
            line = lines[key][0] + 1 if key in lines else 1
            problems.append(error_in(PACKS, line, "packs", f"{str(key)[:60]!r} {why}", _EXAMPLE))
    return packs, problems


def _given(folder: Path) -> Any:
    """What the file holds; None without one. Raises BrokenYamlError, also where it is too large."""
    path = folder / PACKS
    if not path.is_file():
        return None
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        why = f"the file is larger than {MAX_BYTES // 1024} KB"
        raise BrokenYamlError(why, 0, "Take out packs or shorten texts.")
    return read_yaml(content.decode("utf-8-sig"))


def pack_problems(packs: Mapping[str, Pack], known: Collection[str]) -> list[Problem]:
    """Articles of packs that there are not."""
    return [
        Problem(
            PACKS,
            1,
            "warning",
            "packs",
            f"the pack {pack.key!r} has an article that there is not: {name[:100]!r}.",
            "Take it out, or write the id of the article that has its place.",
        )
        for pack in packs.values()
        for name in pack.articles
        if name not in known
    ]


def size_of(values: Mapping[str, Any]) -> int:
    """About how many bytes the packs of a file take."""
    return len(json.dumps(plain(values), ensure_ascii=False).encode("utf-8", "replace"))


def digest_of_pack(pack: Pack) -> str:
    """Tells one version of a pack from another."""
    return hashlib.sha256(
        json.dumps([pack.key, dict(pack.title), dict(pack.text), pack.articles]).encode()
    ).hexdigest()


def problem_of(pack: Pack) -> str:
    """Why a pack cannot be kept, with what to do; "" if it can."""
    if not KEY.fullmatch(pack.key):
        return "A name has small letters, digits and dashes, as in getting-started."
    if not pack.title or any(len(text) > LONGEST_TITLE for text in pack.title.values()):
        return f"Give it a title of at most {LONGEST_TITLE} letters."
    if any(len(text) > LONGEST_TEXT for text in pack.text.values()):
        return f"Write an introduction of at most {LONGEST_TEXT} letters."
    if not 0 < len(pack.articles) <= MOST_ARTICLES:
        return f"Choose 1 to {MOST_ARTICLES} articles."
    return ""


def _pack(key: str, value: Any) -> tuple[Pack | None, str]:
    """The pack, or None and what is wrong with it."""
    if not isinstance(value, dict):
        return None, "needs a title and articles."
    unknown = sorted(set(map(str, value)) - {"title", "text", "articles"})
    if unknown:
        return None, f"has {unknown[0][:40]!r}, which nothing reads."
    title, text = _by_language(value.get("title")), _by_language(value.get("text", {}))
    articles = value.get("articles")
    if title is None or text is None:
        return None, "needs its title and text by language."
    if not isinstance(articles, list) or not all(isinstance(one, str) for one in articles):
        return None, "needs a list of the ids of its articles."
    pack = Pack(key, title, tuple(dict.fromkeys(articles)), text)
    why = problem_of(pack)
    return (None, f"cannot be used. {why}") if why else (pack, "")


def _by_language(given: Any) -> dict[str, str] | None:
    if not isinstance(given, dict):
        return None
    texts = {str(lang): text for lang, text in given.items()}
    if not all(is_language(lang) and isinstance(text, str) for lang, text in texts.items()):
        return None
    return {lang: text.strip() for lang, text in texts.items() if text.strip()}
