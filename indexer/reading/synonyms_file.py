"""Reads and checks synonyms.yml and converts it to synonym rules for the engine.

ja:
  - [キャンセル, 取り消し, 解約]          # a group: each word matches the others
  - スマホ: [スマートフォン, 携帯電話]  # one way: スマホ also matches these, not the reverse
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.model import Problem
from indexer.reading.yaml_loader import Lines, load_yaml
from search.analysis.scripts import has_letters
from search.index.synonyms import Rule, phrase_key

NAME = "synonyms.yml"
MAX_WORDS = 20
_EXAMPLE = "For example: ja: [[キャンセル, 取り消し], {スマホ: [スマートフォン]}]"


@dataclass(frozen=True)
class _Entry:
    """One entry of the file: a group (``phrase`` is empty) or a phrase with its synonyms."""

    lang: str
    phrase: str
    words: tuple[str, ...]


def read_synonyms(folder: Path) -> tuple[tuple[Rule, ...], list[Problem]]:
    """Return the valid rules of synonyms.yml and the problems found."""
    path = folder / NAME
    if not path.is_file():
        return (), []
    values, lines, problem = load_yaml(NAME, path.read_text(encoding="utf-8", errors="replace"))
    if problem:
        return (), [problem]
    positions = Lines(NAME, lines)
    entries: list[_Entry] = []
    problems: list[Problem] = []
    for lang, groups in values.items():
        if not isinstance(groups, list):
            problems.append(
                positions.error(lang, "synonyms", f"{lang} needs a list of groups.", _EXAMPLE)
            )
            continue
        for number, value in enumerate(groups, 1):
            entry = _entry(lang, value)
            if isinstance(entry, str):
                problems.append(
                    positions.error(lang, "synonyms", f"{lang}, entry {number} {entry}", _EXAMPLE)
                )
            else:
                entries.append(entry)
    consistent, contradictions = _without_contradictions(entries, positions)
    return tuple(rule for entry in consistent for rule in _rules(entry)), [
        *problems,
        *contradictions,
    ]


def _entry(lang: str, value: Any) -> _Entry | str:
    """Return the entry, or a description of what is wrong with it."""
    phrase, words = "", value
    if isinstance(value, dict):
        if len(value) != 1:
            return "has several one-way synonyms; write one per line."
        ((phrase, words),) = value.items()
    if not isinstance(words, list) or not all(
        isinstance(word, str | int | float) for word in words
    ):
        return "is no list of words."
    texts = tuple(dict.fromkeys(str(word).strip() for word in words))
    if any(
        not has_letters(word) for word in (*texts, *([phrase] if isinstance(value, dict) else []))
    ):
        return "holds a word without letters."
    keys = {phrase_key(lang, word) for word in texts} | (
        {phrase_key(lang, phrase)} if phrase else set()
    )
    if len(keys) < 2:
        return (
            "holds one word only, or the same one twice: "
            "case and width variants already match each other."
        )
    return (
        f"has more than {MAX_WORDS} words."
        if len(texts) > MAX_WORDS
        else _Entry(lang, phrase, texts)
    )


def _rules(entry: _Entry) -> Iterator[Rule]:
    if entry.phrase:
        yield Rule(entry.lang, entry.phrase, entry.words)
        return
    for word in entry.words:
        yield Rule(entry.lang, word, tuple(other for other in entry.words if other != word))


def _without_contradictions(
    entries: Sequence[_Entry], where: Lines
) -> tuple[list[_Entry], list[Problem]]:
    """Return the consistent entries: no word is explained twice and no one-way entry loops."""
    problems: list[Problem] = []
    kept: list[_Entry] = []
    explained: dict[tuple[str, str], str] = {}
    for entry in entries:
        phrase = [entry.phrase] if entry.phrase else list(entry.words)
        keys = [(entry.lang, phrase_key(entry.lang, word)) for word in phrase]
        duplicate = next((key for key in keys if key in explained), None)
        if duplicate is not None:
            message = f"{entry.lang}: {explained[duplicate]} is explained twice."
            problems.append(
                where.error(
                    entry.lang,
                    "synonyms",
                    message,
                    "Put all its words into one group. Until then only the first entry is used.",
                )
            )
            continue
        explained.update(zip(keys, phrase, strict=True))
        kept.append(entry)
    looping = _loops(kept)
    for entry in looping:
        message = f"{entry.lang}: {entry.phrase} leads back to itself."
        problems.append(
            where.error(
                entry.lang,
                "synonyms-loop",
                message,
                f"Make it a group: [{', '.join([entry.phrase, *entry.words])}]. "
                "Until then it is ignored.",
            )
        )
    return [entry for entry in kept if entry not in looping], problems


def _loops(entries: Sequence[_Entry]) -> list[_Entry]:
    """Return the one-way entries whose synonyms lead back to their own phrase."""
    leads: dict[tuple[str, str], set[str]] = {}
    for entry in entries:
        for rule in _rules(entry):
            leads.setdefault((rule.lang, phrase_key(rule.lang, rule.phrase)), set()).update(
                phrase_key(rule.lang, word) for word in rule.alternatives
            )
    return [
        entry
        for entry in entries
        if entry.phrase and _comes_back(entry.lang, phrase_key(entry.lang, entry.phrase), leads)
    ]


def _comes_back(lang: str, start: str, leads: Mapping[tuple[str, str], set[str]]) -> bool:
    seen: set[str] = set()
    to_do = list(leads.get((lang, start), ()))
    while to_do:
        word = to_do.pop()
        if word == start:
            return True
        if word not in seen:
            seen.add(word)
            to_do += leads.get((lang, word), ())
    return False
