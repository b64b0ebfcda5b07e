"""The pipeline: articles on disk in, a published bundle out. Reads as a list of verbs."""

from __future__ import annotations

import hashlib
import logging
import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path

import orjson

from indexer.article_store import write_article_store
from indexer.bundling.build_cache import BuildCache, CacheCorruptError, text_key
from indexer.bundling.links import link
from indexer.bundling.passages import to_passages
from indexer.bundling.tokens import analyse, key_of
from indexer.bundling.vectors import Embedded, embed
from indexer.checking.cross_checks import Collection, check, without_duplicates
from indexer.errors import BuildFailedError
from indexer.model import Article, BuildReport, Problem, SectionInfo, to_document
from indexer.progress import Progress, quiet
from indexer.reading.files import SourceFile, require_folder, walk
from indexer.reading.front_matter import read
from indexer.reading.learned_file import read_learned
from indexer.reading.markdown import VERSION as RENDER_VERSION
from indexer.reading.markdown import render
from indexer.reading.sections_file import read_sections
from indexer.reading.synonyms_file import read_synonyms
from search.analysis.analyzer import VERSION as ANALYSER_VERSION
from search.errors import BundleError, EmbedderUnavailableError
from search.index.bundle import KEEP, SCHEMA, Builds, Bundle, Checksum, seal
from search.index.contents import Contents
from search.index.reader import known_keys
from search.index.synonyms import Rule
from search.index.writer import write_lexical, write_texts, write_vectors
from search.model import Document, Passage
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


@dataclass(frozen=True)
class _Ready:
    """Everything a bundle is made of. ``images`` maps a name in the bundle to its file."""

    articles: Sequence[Article]
    documents: Sequence[Document]
    hashes: Mapping[str, str]
    sections: Mapping[str, SectionInfo]
    images: Mapping[str, Path]
    passages: Sequence[Passage]
    token_keys: Sequence[str]
    synonyms: Sequence[Rule] = ()


def build(
    paths: Paths, embedder: Embedder, zone: tzinfo = UTC, progress: Progress = quiet
) -> BuildReport:
    """Index the articles folder and publish the bundle; bad articles are reported and left out, or kept as they were.

    Raises ArticlesFolderError when the folder is missing, BuildInProgress when another build is at work, and BuildFailed
    when the bundle cannot be written; what was served before goes on being served.
    """
    started = time.perf_counter()
    require_folder(paths.articles)
    try:
        try:
            report, problems = _build(paths, embedder, zone, progress)
        except (CacheCorruptError, sqlite3.DatabaseError) as error:
            if isinstance(error, sqlite3.OperationalError):  # a full disk, not a damaged file
                raise
            log.warning("%s was damaged (%s) and is made anew", paths.cache, error)
            paths.cache.unlink(missing_ok=True)
            report, problems = _build(paths, embedder, zone, progress)
    except (OSError, sqlite3.Error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BuildFailedError(
            f"The index could not be written to {paths.data}: {reason}. What was served before goes on being served."
        ) from error
    found = sorted([*problems, *report.problems], key=lambda problem: (problem.path, problem.line))
    return replace(report, problems=tuple(found), seconds=round(time.perf_counter() - started, 2))


def _build(
    paths: Paths, embedder: Embedder, zone: tzinfo, progress: Progress
) -> tuple[BuildReport, list[Problem]]:
    """Build under the lock; returns the report and the problems of articles."""
    builds = Builds(paths.index)
    with builds.building() as work:
        cache = BuildCache(paths.cache)
        try:
            # The bundle before is read through for its checksums while the articles are read.
            with ThreadPoolExecutor(1, "reading") as beside:
                before = beside.submit(_previous, builds)
                articles, problems, sections = collect(paths.articles, cache, zone, progress)
                synonyms, wrong = read_synonyms(paths.articles)
                report = publish(
                    builds,
                    work,
                    articles,
                    paths.articles,
                    sections,
                    embedder,
                    cache,
                    progress,
                    synonyms,
                    before.result,
                )
            return report, [*problems, *wrong]
        finally:
            cache.close()


# --- reading -----------------------------------------------------------------------------------------------------------


def collect(
    folder: Path, cache: BuildCache, zone: tzinfo, progress: Progress = quiet
) -> tuple[list[Article], list[Problem], dict[str, SectionInfo]]:
    """All articles that can be served, what is wrong with any, and the sections."""
    files, problems = walk(folder)
    articles: list[Article] = []
    known = cache.articles()
    for number, file in enumerate(files, 1):
        article, found = _read_cached(file, cache, known, zone)
        problems += found
        if article is not None:
            articles.append(article)
        if number % 50 == 0 or number == len(files):
            progress("reading articles", number, len(files))
    cache.forget_articles(known.keys() - {file.name for file in files})
    cache.commit()
    sections, section_problems = read_sections(folder)
    confirmed_questions = read_learned(folder)
    articles = [
        replace(article, confirmed_questions=confirmed_questions[article.id])
        if article.id in confirmed_questions
        else article
        for article in articles
    ]
    kept, duplicates = without_duplicates(articles)
    collection = Collection(kept, folder, sections)
    return kept, [*problems, *section_problems, *duplicates, *check(collection)], sections


def _read_cached(
    file: SourceFile, cache: BuildCache, known: Mapping[str, str], zone: tzinfo
) -> tuple[Article | None, list[Problem]]:
    """An article and its problems; the last good version of a file that cannot be read now."""
    stamp = cache.stamp(file, str(zone))
    before = cache.read(file.name, known[file.name]) if file.name in known else None
    if before is not None and known[file.name] == stamp:
        return before.article, list(before.problems)
    article, problems = _read_new(file, zone)
    last_good = before.article if before else None
    if article is None and last_good is not None:
        problems = [
            replace(
                problems[0],
                hint=f"{problems[0].hint} Its last good version is still served.".strip(),
            ),
            *problems[1:],
        ]
    cache.store_article(file.name, stamp, article, problems)
    return article or last_good, problems


def _read_new(file: SourceFile, zone: tzinfo) -> tuple[Article | None, list[Problem]]:
    """An article from its file; whatever goes wrong with one file is that file's problem alone."""
    try:
        parsed = read(file, zone)
        return (None, parsed) if isinstance(parsed, list) else render(parsed)
    except Exception as error:
        log.exception("an article could not be read")
        hint = "Take out what was added last, and try again."
        return None, [
            Problem(
                file.name,
                0,
                "error",
                "unreadable",
                f"cannot be read ({type(error).__name__}: {str(error)[:80]}).",
                hint,
            )
        ]


# --- making ------------------------------------------------------------------------------------------------------------


def publish(
    builds: Builds,
    work: Path,
    articles: Sequence[Article],
    folder: Path,
    sections: Mapping[str, SectionInfo],
    embedder: Embedder,
    cache: BuildCache,
    progress: Progress = quiet,
    synonyms: Sequence[Rule] = (),
    before: Callable[[], Bundle | None] = lambda: None,
) -> BuildReport:
    """Turn articles into a bundle in ``work`` and make it the current one; nothing is published where nothing changed.

    ``before`` gives the bundle to take over from what did not change.
    """
    ready = _ready(articles, folder, sections, synonyms)
    previous = before()
    stamp = _inputs(ready.hashes, ready.images, sections, synonyms, embedder)
    if previous is not None and _stored_inputs(previous) == stamp:
        return BuildReport(
            previous.version, len(ready.articles), len(ready.passages), published=False
        )
    # Beside each other what waits for disks, numpy or the model; the model first, since it takes longest.
    with ThreadPoolExecutor(5, "writing") as beside:
        embedding = beside.submit(embed, ready.articles, embedder, cache, progress, previous)
        beside.submit(builds.prune, KEEP - 1, previous.version if previous else "")
        library = beside.submit(
            write_article_store, work, ready.articles, ready.hashes, ready.sections, previous
        )
        tokens = analyse(ready.articles, known_keys(previous), cache, progress)
        contents = Contents(ready.documents, ready.passages, ready.token_keys, tokens, synonyms)
        lexical = beside.submit(lambda: seal(work, write_lexical(work, contents, previous)))
        vectors = beside.submit(lambda: _write_vectors(work, embedding.result(), previous))
        reused = (
            write_texts(work, contents, previous)
            | _write_images(work / "images", ready.images, previous)
            | library.result()
        )
        embedded = embedding.result()
        progress("writing the index", 0, 1)
        sealed = vectors.result() | lexical.result()
    # What a failing model left out is tried again by the next build.
    (work / "inputs.txt").write_text(
        f"{stamp} {embedded.degraded}" if embedded.degraded == "failed" else stamp, encoding="utf-8"
    )
    counts = {"articles": len(ready.articles), "passages": len(ready.passages)}
    taken = (
        {name: previous.checksums[name] for name in reused if name in previous.checksums}
        if previous
        else {}
    )
    bundle = builds.publish(work, embedded.model, counts, taken | sealed)
    progress("writing the index", 1, 1)
    cache.prune_tokens(set(ready.token_keys))
    if embedded.vectors is not None:
        # Only then: a build without the model must not throw away what the model made.
        cache.prune_vectors(
            {*embedded.vectors.passage_keys, *map(text_key, embedded.vectors.question_keys)}
        )
    changed = _changed(ready.hashes, previous)
    return BuildReport(
        bundle.version,
        len(ready.articles),
        len(ready.passages),
        embedded.texts,
        changed,
        degraded=embedded.degraded,
    )


def _ready(
    articles: Sequence[Article],
    folder: Path,
    sections: Mapping[str, SectionInfo],
    synonyms: Sequence[Rule],
) -> _Ready:
    """Articles as they go into a bundle."""
    linked, images = link(articles, folder)
    return _Ready(
        articles=linked,
        documents=[to_document(article) for article in linked],
        hashes={article.id: article.digest for article in linked},
        sections=sections,
        images=images,
        passages=[passage for article in linked for passage in to_passages(article)],
        token_keys=[key_of(article) for article in linked],
        synonyms=synonyms,
    )


# --- writing -----------------------------------------------------------------------------------------------------------


def _write_vectors(work: Path, embedded: Embedded, previous: Bundle | None) -> dict[str, Checksum]:
    """Write and seal the vectors; returns the checksums of the large files."""
    if embedded.vectors is None:
        return {}
    written, taken = write_vectors(work, embedded.vectors, previous)
    return seal(work, written) | (
        {name: previous.checksums[name] for name in taken} if previous is not None else {}
    )


def _write_images(folder: Path, images: Mapping[str, Path], previous: Bundle | None) -> set[str]:
    folder.mkdir()
    reused: set[str] = set()
    for name, path in images.items():
        before = previous.path / "images" / name if previous else None
        if before is not None and before.is_file():
            shutil.copyfile(before, folder / name)
            reused.add(f"images/{name}")
        else:
            shutil.copyfile(path, folder / name)
    return reused


def _previous(builds: Builds) -> Bundle | None:
    try:
        return builds.open_current()
    except BundleError as error:
        log.info("building anew: %s", error)
        return None


def _inputs(
    hashes: Mapping[str, str],
    images: Mapping[str, Path],
    sections: Mapping[str, SectionInfo],
    synonyms: Sequence[Rule],
    embedder: Embedder,
) -> str:
    """A hash over everything that a bundle depends on."""
    digest = hashlib.sha256(
        f"{SCHEMA}/{ANALYSER_VERSION}/{RENDER_VERSION}/{_fingerprint(embedder)}".encode()
    )
    digest.update(repr(tuple(synonyms)).encode("utf-8", "replace"))
    for part in (
        *hashes.values(),
        *sorted(images),
        *(repr(section) for section in sections.values()),
    ):
        digest.update(part.encode())
    return digest.hexdigest()


def _fingerprint(embedder: Embedder) -> str:
    try:
        return embedder.fingerprint
    except EmbedderUnavailableError as unavailable:
        return unavailable.reason


def _stored_inputs(bundle: Bundle) -> str:
    try:
        return (bundle.path / "inputs.txt").read_text(encoding="utf-8")
    except OSError:
        return ""


def _changed(hashes: Mapping[str, str], previous: Bundle | None) -> tuple[str, ...]:
    """Ids of the articles that the bundle before did not have like this."""
    if previous is None:
        return ()
    try:
        before = orjson.loads((previous.path / "article-hashes.json").read_bytes())
    except (OSError, ValueError):
        return ()
    return tuple(name for name, digest in hashes.items() if before.get(name) != digest)
