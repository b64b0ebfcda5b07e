"""Fits the verdict to an operator's queries with known answers.

Reads a JSON Lines file and writes DATA/calibration.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from search.engine import Engine
from search.errors import CalibrationError
from search.model import Query
from search.ranking.answerability import Calibration, shipped, write
from search.ranking.calibration import WITHOUT_MODEL, Sample, fit

KEYWORD = frozenset({"keyword"})


@dataclass(frozen=True)
class Known:
    """A query with a label: whether the knowledge base answers it."""

    query: Query
    answered: bool


def read_known(path: Path) -> list[Known]:
    """Read a JSON Lines file: {"query": "...", "answered": true, "lang": "ja"}; lang is optional.

    Raises CalibrationError, which names the first invalid line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CalibrationError(f"{path} cannot be read: {error}") from error
    return [_known(path, number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _known(path: Path, number: int, line: str) -> Known:
    example = 'For example: {"query": "返品したい", "answered": true, "lang": "ja"}'
    try:
        record = json.loads(line)
        text, answered, lang = record["query"], record["answered"], record.get("lang", "")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CalibrationError(
            f"{path}:{number}: not a query with a known answer ({error}). {example}"
        ) from error
    if (
        not isinstance(text, str)
        or not text.strip()
        or not isinstance(answered, bool)
        or not isinstance(lang, str)
    ):
        raise CalibrationError(
            f"{path}:{number}: query must be a text and answered true or false. {example}"
        )
    return Known(Query(text, lang=lang, highlight=False), answered)


def calibrate(engine: Engine, known: list[Known], target: Path, source: str) -> Calibration:
    """Fit the calibration and write it to ``target``.

    Raises CalibrationError where there are too few answered or unanswered queries.
    """
    model = engine.corpus.semantic.fingerprint if engine.corpus.semantic else WITHOUT_MODEL
    sheet = {"fitted_to": source, "index": engine.version}
    keyword = list(
        _samples(engine, [replace(one, query=replace(one.query, arms=KEYWORD)) for one in known])
    )
    both = list(_samples(engine, known)) if engine.corpus.semantic else []
    before = shipped()
    if both and not both[0][0].has_vectors:
        raise CalibrationError(
            "Search by meaning is not ready, so the verdict cannot be fitted to it. "
            "Try again when it is, or set KB_EMBEDDING_MODEL=off."
        )
    fitted = fit([both or keyword], [keyword], model, before.strict, before.weak, sheet)
    fitted = fitted if both else replace(fitted, both=before.both)
    write(target, fitted)
    return fitted


def _samples(engine: Engine, known: list[Known]) -> Iterator[Sample]:
    for one in known:
        answer_features = engine.answer_features(one.query)
        if answer_features is not None:
            yield answer_features, one.answered
