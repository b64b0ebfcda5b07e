"""A build: lock, collect the articles, publish the bundle."""

from __future__ import annotations

import logging
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path

from indexer.bundling.build_cache import BuildCache, CacheCorruptError, VectorStore
from indexer.collect import collect
from indexer.errors import BuildFailedError
from indexer.model import BuildReport, Problem
from indexer.progress import Progress, quiet
from indexer.publish import BuildContext, Source, publish
from indexer.reading.files import require_folder
from indexer.reading.synonyms_file import read_synonyms
from search.errors import BundleError
from search.index.bundle import Builds, Bundle
from search.ports import Embedder

log = logging.getLogger("indexer.build")


@dataclass(frozen=True)
class Paths:
    """Where a build reads and writes."""

    articles: Path
    data: Path

    @property
    def index(self) -> Path:
        """The builds."""
        return self.data / "index"

    @property
    def cache(self) -> Path:
        """The build cache."""
        return self.data / "cache" / "build.sqlite"


def build(
    paths: Paths,
    embedder: Embedder,
    zone: tzinfo = UTC,
    progress: Progress = quiet,
    shared: VectorStore | None = None,
) -> BuildReport:
    """Index the articles folder and publish the bundle. ``shared`` has the vectors of all nodes.

    A bad article is reported and left out, or stays as it was. Raises ArticlesFolderError when the
    folder is missing, BuildInProgressError when another build runs, and BuildFailedError when the
    bundle cannot be written; the bundle that is served stays.
    """
    started = time.perf_counter()
    require_folder(paths.articles)
    try:
        report, problems = _build_with_good_cache(paths, embedder, zone, progress, shared)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BuildFailedError(
            f"The index could not be written to {paths.data}: {reason}. "
            "What was served before goes on being served."
        ) from error
    found = sorted([*problems, *report.problems], key=lambda problem: (problem.path, problem.line))
    return replace(report, problems=tuple(found), seconds=round(time.perf_counter() - started, 2))


def _build_with_good_cache(
    paths: Paths,
    embedder: Embedder,
    zone: tzinfo,
    progress: Progress,
    shared: VectorStore | None,
) -> tuple[BuildReport, list[Problem]]:
    """Build; with a new cache where the old one is corrupt."""
    try:
        return _build(paths, embedder, zone, progress, shared)
    except (CacheCorruptError, sqlite3.DatabaseError) as error:
        if isinstance(error, sqlite3.OperationalError):  # a full disk, not a corrupt file
            raise
        log.warning("%s is corrupt (%s) and is made anew", paths.cache, error)
        paths.cache.unlink(missing_ok=True)
        return _build(paths, embedder, zone, progress, shared)


def _build(
    paths: Paths,
    embedder: Embedder,
    zone: tzinfo,
    progress: Progress,
    shared: VectorStore | None,
) -> tuple[BuildReport, list[Problem]]:
    """Build under the lock; the report and the problems of articles."""
    builds = Builds(paths.index)
    with builds.building() as work:
        cache = BuildCache(paths.cache, shared)
        try:
            # The previous bundle's checksums are verified while the articles are read.
            with ThreadPoolExecutor(1, "reading") as pool:
                opened = pool.submit(_previous, builds)
                collected = collect(paths.articles, cache, zone, progress)
                synonyms, wrong = read_synonyms(paths.articles)
                previous = opened.result()
            context = BuildContext(builds, work, embedder, cache, progress, previous)
            source = Source(
                collected.articles,
                paths.articles,
                collected.sections,
                synonyms,
                collected.targets,
            )
            return publish(context, source), [*collected.problems, *wrong]
        finally:
            cache.close()


def _previous(builds: Builds) -> Bundle | None:
    try:
        return builds.open_current()
    except BundleError as error:
        log.info("building anew: %s", error)
        return None
