"""What a change of articles does to questions that were asked: newly answered, lost, moved.

Two engines answer the same questions: that of the served index, and one of the folder with the
change. Only the questions nearest to the changed articles are asked, since others stay as they are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, tzinfo
from pathlib import Path

import numpy as np

from indexer.build import Paths
from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.errors import BuildFailedError
from indexer.model import Article
from indexer.publish import BuildContext, Source, publish
from indexer.reading.synonyms_file import read_synonyms
from search.analysis.normalize import fold
from search.engine import Engine
from search.errors import BundleError
from search.index.bundle import Builds, Bundle
from search.index.reader import open_corpus
from search.model import Query, Results
from search.ports import Embedder, Vector
from search.ranking.answerability import Calibration

# Questions asked of both engines, and results looked at for the article's place.
MOST_ASKED, DEPTH = 40, 10
# Texts of an article that questions are compared with.
MOST_TEXTS, TEXT_LETTERS = 40, 200
PUBLIC = frozenset({"public"})
KINDS = ("lost", "taken", "worse", "gained", "better", "reworded", "same")


@dataclass(frozen=True)
class AskedQuestion:
    """A question that was asked, by how many people."""

    text: str
    lang: str = ""
    people: int = 1


@dataclass(frozen=True)
class Outcome:
    """What one engine answers: the first article, the verdict, the quote.

    ``rank`` is the place of the changed article among the first DEPTH, 0 if it is not there.
    """

    article_id: str
    title: str
    verdict: str
    quote: str
    rank: int

    @property
    def answered(self) -> bool:
        """Whether something is quoted as the answer."""
        return self.verdict == "strict"


@dataclass(frozen=True)
class AnswerChange:
    """One question before and after the change."""

    question: AskedQuestion
    before: Outcome
    after: Outcome

    @property
    def kind(self) -> str:
        """One of KINDS.

        "lost" is answered no more, "taken" is answered by another article than before; "better"
        and "worse" are about the place of the changed article.
        """
        before, after = self.before, self.after
        if before.answered and not after.answered:
            return "lost"
        if after.answered and not before.answered:
            return "gained"
        if before.answered and before.article_id != after.article_id:
            return "taken"
        if before.rank != after.rank:
            return "better" if after.rank and after.rank < (before.rank or DEPTH + 1) else "worse"
        return "reworded" if before.answered and before.quote != after.quote else "same"


@dataclass(frozen=True)
class Comparison:
    """The changes, lost ones first, and how many of how many questions were asked."""

    changes: Sequence[AnswerChange]
    asked: int
    known: int

    def of(self, kind: str) -> list[AnswerChange]:
        """The changes of one kind."""
        return [change for change in self.changes if change.kind == kind]


@contextmanager
def changed_engine(
    paths: Paths,
    embedder: Embedder,
    zone: tzinfo,
    texts: Mapping[str, str] | None = None,
    calibration: Calibration | None = None,
    confirmed: Mapping[str, Sequence[str]] | None = None,
) -> Iterator[tuple[Engine, dict[str, Article]]]:
    """An engine of the folder as it is, with ``texts`` in the place of some files.

    ``confirmed`` are further confirmed questions of articles. Yields the engine with the articles
    by path. What is served does not change. Raises BuildFailedError if one of the texts is no valid
    article.
    """
    builds_before = Builds(paths.index)
    with tempfile.TemporaryDirectory(prefix="kb-answers-") as temporary:
        builds, cache = Builds(Path(temporary)), BuildCache(paths.cache)
        try:
            found = collect(
                paths.articles, cache, zone, texts=texts or {}, confirmed=confirmed or {}
            )
            articles = {article.path: article for article in found.articles}
            for name in texts or {}:
                if name not in articles:
                    wrong = [str(problem) for problem in found.problems if problem.path == name]
                    raise BuildFailedError("\n".join(wrong[:1]) or f"{name} is no article.")
            synonyms, _problems = read_synonyms(paths.articles)
            previous = _opened(builds_before)
            with builds.building() as work:
                context = BuildContext(builds, work, embedder, cache, previous=previous)
                source = Source(
                    found.articles, paths.articles, found.sections, synonyms, found.targets
                )
                publish(context, source)
        finally:
            cache.close()
        # Without any change nothing is published: what is served stays the same.
        current = _opened(builds) or previous
        if current is None:
            raise BuildFailedError("There is no index yet: run python -m indexer build.")
        yield Engine(open_corpus(current), embedder, calibration), articles


def _opened(builds: Builds) -> Bundle | None:
    try:
        return builds.open_current() if builds.names() else None
    except BundleError:
        return None


def compare(
    before: Engine,
    after: Engine,
    questions: Sequence[AskedQuestion],
    article_id: str,
    now: datetime,
    known: int | None = None,
) -> Comparison:
    """Ask both engines; ``known`` is of how many questions these are the nearest."""
    changes = [
        AnswerChange(
            question,
            _outcome(before, question, article_id, now),
            _outcome(after, question, article_id, now),
        )
        for question in questions
    ]
    order = {kind: place for place, kind in enumerate(KINDS)}
    changes.sort(key=lambda change: (order[change.kind], -change.question.people))
    return Comparison(changes, len(questions), known or len(questions))


def nearest(
    questions: Sequence[AskedQuestion],
    articles: Iterable[Article],
    encode: Callable[[Sequence[str], Sequence[str]], Vector] | None,
    vectors: Vector | None = None,
    most: int = MOST_ASKED,
) -> list[AskedQuestion]:
    """The questions nearest to the articles, by words and by meaning.

    ``vectors`` are those of the questions as ``encode`` makes them, shape (questions, dimension).
    """
    articles = list(articles)
    if len(questions) <= most:
        return list(questions)
    nearness = _by_words(questions, articles)
    if encode is not None:
        pieces = [(text, one.lang) for one in articles for text in _texts(one)]
        own = encode([text for text, _ in pieces], [lang for _, lang in pieces])
        if vectors is None:
            vectors = encode([one.text for one in questions], [one.lang for one in questions])
        by_meaning = (vectors @ own.T).max(axis=1)
        # Half of them by each arm: a code is found by its letters, a paraphrase by its meaning.
        first = np.argsort(-by_meaning, kind="stable")[: most - most // 3]
        nearness[first] = np.inf
    chosen = np.sort(np.argsort(-nearness, kind="stable")[:most])
    return [questions[row] for row in chosen]


def _by_words(questions: Sequence[AskedQuestion], articles: Sequence[Article]) -> Vector:
    """The share of each question's letter pairs that the articles have, shape (questions,)."""
    text = fold("\n".join(part for one in articles for part in _all_texts(one)))
    known = {text[at : at + 2] for at in range(len(text) - 1)}
    shares = np.zeros(len(questions), dtype=np.float32)
    for row, question in enumerate(questions):
        folded = fold(question.text)[:TEXT_LETTERS]
        pairs = [folded[at : at + 2] for at in range(len(folded) - 1)]
        shares[row] = sum(pair in known for pair in pairs) / max(1, len(pairs))
    return shares


def _all_texts(article: Article) -> Iterator[str]:
    yield from (article.title, *article.questions, *article.keywords, *article.tags)
    for section in article.sections:
        yield from (section.heading, section.text)


def _texts(article: Article) -> list[str]:
    """What customers' questions are compared with: the questions it answers, and its parts."""
    parts = [
        f"{article.title} {section.heading} {section.text[:TEXT_LETTERS]}".strip()
        for section in article.sections
    ]
    named = (article.title, *article.questions, *article.tests, *article.confirmed_questions)
    return [text[: 2 * TEXT_LETTERS] for text in (*named, *parts)][:MOST_TEXTS]


def _outcome(engine: Engine, question: AskedQuestion, article_id: str, now: datetime) -> Outcome:
    results: Results = engine.search(
        Query(question.text, question.lang, DEPTH, now=now, audiences=PUBLIC)
    )
    places = [hit.article_id for hit in results.hits]
    first = results.hits[0] if results.hits else None
    return Outcome(
        results.answer.article_id if results.answer else (first.article_id if first else ""),
        first.document.title if first else "",
        results.verdict,
        results.answer.text if results.answer else "",
        places.index(article_id) + 1 if article_id in places else 0,
    )


def displaced(
    before: Engine,
    after: Engine,
    articles: Iterable[Article],
    changed: Collection[str],
    now: datetime,
) -> list[tuple[str, str, str]]:
    """(question, its article, the changed one that takes its first place) of each that is lost.

    The questions are the tests and confirmed questions of the articles.
    """
    found = []
    for article in articles:
        if not article.visible(now, PUBLIC):
            continue
        for text in dict.fromkeys((*article.tests, *article.confirmed_questions)):
            query = Query(text, article.lang, 1, now=now, audiences=PUBLIC)
            first, then = (_first(engine.search(query)) for engine in (before, after))
            if first == article.id and then != first and then in changed:
                found.append((text, article.id, then))
    return found


def _first(results: Results) -> str:
    return results.hits[0].article_id if results.hits else ""
