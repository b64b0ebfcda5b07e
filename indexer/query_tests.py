"""Runs the ``tests:`` queries of articles against an engine and reports their ranks."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
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
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.model import Filters, Query
from search.ports import Embedder

DEPTH = 50


@dataclass(frozen=True)
class Trial:
    """The result of one test query.

    ``rank`` counts from 1; 0 means that the article is not among the first DEPTH results.
    ``above`` holds the titles of up to three results ranked above it.
    """

    article_id: str
    query: str
    rank: int
    above: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the article ranked first."""
        return self.rank == 1


def try_article(
    engine: Engine,
    article_id: str,
    lang: str,
    tests: Iterable[str],
    now: datetime,
    audiences: frozenset[str],
) -> list[Trial]:
    """Run each test query with the filters of a visitor who reads the article's language."""
    return [_try(engine, article_id, lang, test, now, audiences) for test in tests]


def _try(
    engine: Engine, article_id: str, lang: str, test: str, now: datetime, audiences: frozenset[str]
) -> Trial:
    query = Query(
        test, lang=lang, limit=DEPTH, filters=Filters(lang=lang), now=now, audiences=audiences
    )
    hits = engine.search(query).hits
    rank = next((place for place, hit in enumerate(hits, 1) if hit.article_id == article_id), 0)
    above = hits[: rank - 1] if rank else hits
    return Trial(article_id, test, rank, tuple(hit.document.title for hit in above[:3]))


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
    trials = try_article(engine, article.id, article.lang, article.tests, now, audiences)
    return [_problem(article, trial) for trial in trials if not trial.passed]


def _problem(article: Article, trial: Trial) -> Problem:
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
