"""``python -m indexer answers``: what changed articles do to questions, as lines of text."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from indexer.answer_changes import (
    AnswerChange,
    AskedQuestion,
    Comparison,
    Outcome,
    changed_engine,
    compare,
    nearest,
)
from indexer.build import Paths
from indexer.editing.editor import SYNONYMS
from indexer.editing.front_text import published, with_values
from indexer.editing.model import EditConflictError
from indexer.errors import IndexerError
from indexer.model import Article
from search.engine import Engine
from search.errors import SearchError
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.ports import Embedder, Vector
from search.ranking.answerability import Calibration, read
from search.vectors.centering import centre, sample_means

MAX_QUESTIONS, LONGEST_LINE = 100_000, 10_000
NAMES = {
    "lost": "no longer answered",
    "taken": "answered by another article",
    "worse": "found further down",
    "gained": "newly answered",
    "better": "found further up",
    "reworded": "answered in other words",
}


def report_changes(
    folder: Path,
    data: Path,
    embedder: Embedder,
    zone: tzinfo,
    files: Sequence[Path],
    questions_file: Path | None,
    calibration_file: Path | None,
) -> int:
    """Print the changes from the index in ``data`` to the folder; 1 if a question is lost."""
    try:
        names = [_name(folder, file) for file in files]
        calibration = read(calibration_file) if calibration_file else None
        before = Engine(open_corpus(Builds(data / "index").open_current()), embedder)
        asked = read_questions(questions_file) if questions_file else list(own_questions(before))
        found = list(
            _compared(Paths(folder, data), embedder, zone, names, before, asked, calibration)
        )
    except (IndexerError, SearchError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for name, comparison in found:
        _print(name, comparison)
    return 1 if any(comparison.of("lost") for _name, comparison in found) else 0


def read_questions(file: Path) -> list[AskedQuestion]:
    """Questions of a file: one a line, as text or as JSON with text, lang and people.

    Raises OSError, and IndexerError naming the line that cannot be read.
    """
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8-sig").splitlines(), 1):
        text = line.strip()[:LONGEST_LINE]
        if not text or number > MAX_QUESTIONS:
            continue
        if not text.startswith("{"):
            found.append(AskedQuestion(text))
            continue
        try:
            values = json.loads(text)
            asked = AskedQuestion(
                str(values["text"]), str(values.get("lang", "")), int(values.get("people", 1))
            )
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise IndexerError(
                f'{file}:{number}: write a question, or {{"text": "...", "lang": "ja"}}.'
            ) from error
        found.append(asked)
    return found


def own_questions(engine: Engine) -> Iterator[AskedQuestion]:
    """The titles, questions and learned questions of the articles that everybody may read."""
    for document in engine.corpus.documents:
        if document.audience == "public" and document.status == "published":
            texts = (document.title, *document.questions, *document.confirmed_questions)
            yield from (AskedQuestion(text, document.lang) for text in dict.fromkeys(texts))


def _compared(
    paths: Paths,
    embedder: Embedder,
    zone: tzinfo,
    names: Sequence[str],
    before: Engine,
    asked: Sequence[AskedQuestion],
    calibration: Calibration | None,
) -> Iterator[tuple[str, Comparison]]:
    texts = {name: _published(paths.articles, name) for name in names if name != SYNONYMS}
    now = datetime.now(UTC)
    with changed_engine(paths, embedder, zone, texts, calibration) as (after, articles):
        for name in names:
            article = articles.get(name)
            # Words and the verdict may change any answer: all questions are asked.
            everywhere = article is None or calibration is not None
            near = asked if everywhere else _nearest(asked, article, embedder)
            comparison = compare(
                before, after, near, article.id if article else "", now, len(asked)
            )
            yield name, comparison


def _nearest(
    asked: Sequence[AskedQuestion], article: Article | None, embedder: Embedder
) -> Sequence[AskedQuestion]:
    def encode(texts: Sequence[str], langs: Sequence[str]) -> Vector:
        vectors = embedder.encode(texts, "query")
        return centre(vectors, langs, sample_means()) if embedder.calibrated else vectors

    ready = getattr(embedder, "state", "ready") == "ready"
    return nearest(asked, [article] if article else [], encode if ready else None)


def _published(folder: Path, name: str) -> str:
    """The article's text as a published one. Raises IndexerError if it cannot be read."""
    try:
        text = (folder / name).read_bytes().decode("utf-8-sig")
        values = published(name, text) | {"publish_at": None, "expire_at": None}
        return with_values(name, text, values)
    except (OSError, UnicodeDecodeError, EditConflictError) as error:
        raise IndexerError(f"{folder / name} cannot be read: {error}") from error


def _name(folder: Path, file: Path) -> str:
    """The name of a file inside the folder. Raises IndexerError for one outside."""
    for path in (file, folder / file):
        if path.is_file() and path.resolve().is_relative_to(folder.resolve()):
            return path.resolve().relative_to(folder.resolve()).as_posix()
    raise IndexerError(f"{file} is not a file of the articles folder {folder}.")


def _print(name: str, comparison: Comparison) -> None:
    print(f"{name}: the nearest {comparison.asked} of {comparison.known} questions were tried")
    for kind, shown in NAMES.items():
        for change in comparison.of(kind):
            print(f"  {shown}: {_line(change)}")
    print(f"  unchanged: {len(comparison.of('same'))}")


def _line(change: AnswerChange) -> str:
    return f"{change.question.text!r}: {_said(change.before)} -> {_said(change.after)}"


def _said(outcome: Outcome) -> str:
    if outcome.answered:
        return f"{outcome.article_id} says {outcome.quote[:80]!r}"
    return f"place {outcome.rank}, no answer" if outcome.rank else "not found, no answer"
