"""Runs the ``tests:`` queries of articles against an engine and reports their ranks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from pathlib import Path

from indexer.build import Paths
from indexer.bundling.build_cache import BuildCache
from indexer.collect import collect
from indexer.model import Article, Problem
from indexer.progress import Progress, quiet
from indexer.publish import BuildContext, Source, publish
from indexer.reading.synonyms_file import read_synonyms
from search.analysis.normalize import fold
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.model import Filters, Query, Results
from search.ports import Embedder

DEPTH = 50


@dataclass(frozen=True)
class Trial:
    """The result of one test query.

    ``rank`` counts from 1; 0 means that the article is not among the first DEPTH results.
    ``above`` holds the titles of up to three results ranked above it. ``lacks`` are the expected
    texts that the quote does not hold; ``quote`` is "" where nothing is quoted.
    ``disagrees`` has the titles of two articles that answer it differently, or "".
    """

    article_id: str
    query: str
    rank: int
    above: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    quote: str = ""
    disagrees: str = ""

    @property
    def passed(self) -> bool:
        """Whether the article ranked first, and the quote holds what is expected."""
        return self.rank == 1 and not self.lacks


def try_article(
    engine: Engine,
    article_id: str,
    lang: str,
    tests: Iterable[str],
    now: datetime,
    audiences: frozenset[str],
    expect: Sequence[tuple[str, tuple[str, ...]]] = (),
) -> list[Trial]:
    """Run each test query with the filters of a visitor who reads the article's language.

    ``expect`` has the texts that the quotes of some of them must hold.
    """
    expected = dict(expect)
    trials: list[Trial] = []
    for test in tests:
        query = Query(
            test, lang=lang, limit=DEPTH, filters=Filters(lang=lang), now=now, audiences=audiences
        )
        trials.append(_tried(engine.search(query), article_id, test, expected.get(test, ())))
    return trials


def _tried(results: Results, article_id: str, test: str, expected: Sequence[str]) -> Trial:
    hits = results.hits
    rank = next((place for place, hit in enumerate(hits, 1) if hit.article_id == article_id), 0)
    above = hits[: rank - 1] if rank else hits
    titles = tuple(hit.document.title for hit in above[:3])
    quote = results.answer.text if results.answer else ""
    lacks = tuple(text for text in expected if _plain(text) not in _plain(quote))
    return Trial(article_id, test, rank, titles, lacks, quote, _disagreeing(results))


def _disagreeing(results: Results) -> str:
    """The titles of two articles that answer differently, the first one first; "" without any."""
    if results.answer is None or results.other_answer is None:
        return ""
    titles = {hit.article_id: hit.document.title for hit in results.hits}
    answers = (results.answer, results.other_answer)
    return " / ".join(titles.get(answer.article_id, answer.article_id) for answer in answers)


def _plain(text: str) -> str:
    return "".join(fold(text).split())


def failed_tests(
    folder: Path, data: Path, embedder: Embedder, zone: tzinfo = UTC, progress: Progress = quiet
) -> list[Problem]:
    """Index the articles in a temporary folder, run every test query and report the failures.

    The served bundle is not touched. Texts that are already embedded come from the build cache
    in ``data``.
    """
    with tempfile.TemporaryDirectory() as temporary:
        cache = BuildCache(Paths(folder, data).cache)
        builds = Builds(Path(temporary))
        try:
            found = collect(folder, cache, zone)
            synonyms, _ = read_synonyms(folder)
            with builds.building() as work:
                context = BuildContext(builds, work, embedder, cache, progress)
                source = Source(found.articles, folder, found.sections, synonyms, found.targets)
                publish(context, source)
        finally:
            cache.close()
        engine = Engine(open_corpus(builds.open_current()), embedder)
        return [problem for article in found.articles for problem in _failures(engine, article)]


def _failures(engine: Engine, article: Article) -> list[Problem]:
    """Return the failed tests of an article. Articles that are not visible now are skipped."""
    now, audiences = datetime.now(UTC), frozenset({article.audience, "public"})
    if (
        article.status != "published"
        or (article.publish_at and now < article.publish_at)
        or (article.expire_at and article.expire_at <= now)
    ):
        return []
    trials = try_article(
        engine, article.id, article.lang, article.tests, now, audiences, article.expect
    )
    failures = [_problem(article, trial) for trial in trials if not trial.passed]
    return failures + [_disagreement(article, trial) for trial in trials if trial.disagrees]


def _disagreement(article: Article, trial: Trial) -> Problem:
    return Problem(
        article.path,
        1,
        "warning",
        "disagrees",
        f"the test {trial.query!r} is answered differently by two articles: {trial.disagrees}. "
        f"The first says {trial.quote[:80]!r}.",
        "If both hold, say in each for which case; else correct the one that is out of date.",
    )


def _problem(article: Article, trial: Trial) -> Problem:
    if trial.rank == 1:
        lacks = ", ".join(map(repr, trial.lacks))
        quoted = f"quotes {trial.quote[:200]!r}" if trial.quote else "quotes nothing"
        message = f"the test {trial.query!r} {quoted}, without {lacks}."
        hint = "Answer in the first paragraph of its section, or name the section under answers:."
        return Problem(article.path, 1, "error", "search-quote", message, hint)
    place = (
        f"finds it at rank {trial.rank}"
        if trial.rank
        else f"does not find it among the first {DEPTH}"
    )
    above = f"; above it: {', '.join(trial.above)}" if trial.above else ""
    hint = (
        "Add the customer's words to questions: or keywords:, "
        "or remove the test if the article above answers it better."
    )
    return Problem(
        article.path, 1, "error", "search-test", f"the test {trial.query!r} {place}{above}.", hint
    )
