"""The writing stage of a build: articles in, the current bundle out."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import orjson

from indexer.article_store import write_article_store
from indexer.bundling.build_cache import BuildCache
from indexer.bundling.links import link
from indexer.bundling.passages import to_passages
from indexer.bundling.tokens import analyse, key_of
from indexer.bundling.vectors import Embedded, embed
from indexer.model import Article, BuildReport, SectionInfo, to_document
from indexer.progress import Progress, quiet
from indexer.reading.markdown.render import VERSION as RENDER_VERSION
from indexer.targets import Targets
from search.analysis.analyzer import VERSION as ANALYSER_VERSION
from search.errors import EmbedderUnavailableError
from search.index.bundle import KEEP, SCHEMA, Builds, Bundle, Checksum, seal
from search.index.contents import Contents
from search.index.reader import known_keys
from search.index.synonyms import Rule
from search.index.writer import write_lexical, write_texts, write_vectors
from search.model import Document, Passage
from search.ports import Embedder

WRITERS = 5


@dataclass(frozen=True)
class BuildContext:
    """What one build works with: it writes into ``work`` and reuses what ``previous`` has."""

    builds: Builds
    work: Path
    embedder: Embedder
    cache: BuildCache
    progress: Progress = quiet
    previous: Bundle | None = None


@dataclass(frozen=True)
class Source:
    """What a bundle is made of. ``folder`` is where the articles' images are."""

    articles: Sequence[Article]
    folder: Path
    sections: Mapping[str, SectionInfo]
    synonyms: Sequence[Rule] = ()
    targets: Targets | None = None


# Of the hash of its inputs, as the version of a build.
VERSION_LETTERS = 16


@dataclass(frozen=True)
class _Prepared:
    """A source ready to be written. ``images`` maps a name in the bundle to its file."""

    articles: Sequence[Article]
    documents: Sequence[Document]
    hashes: Mapping[str, str]
    sections: Mapping[str, SectionInfo]
    images: Mapping[str, Path]
    passages: Sequence[Passage]
    token_keys: Sequence[str]
    synonyms: Sequence[Rule]


@dataclass(frozen=True)
class _Written:
    """Files in ``work``: ``reused`` are copies from the previous bundle, ``sealed`` are new."""

    embedded: Embedded
    reused: set[str]
    sealed: Mapping[str, Checksum]


def publish(context: BuildContext, source: Source) -> BuildReport:
    """Write a bundle and make it the current one; nothing is published where nothing changed."""
    prepared = _prepare(source)
    inputs = _hash_inputs(prepared, context.embedder)
    if context.previous is not None and _stored_inputs(context.previous) == inputs:
        return _unchanged(context.previous, prepared)
    written = _write(context, prepared)
    inputs = _marked(inputs, written.embedded)
    (context.work / "inputs.txt").write_text(inputs, encoding="utf-8")
    bundle = _make_current(context, prepared, written, inputs)
    _prune_cache(context.cache, prepared, written.embedded)
    return BuildReport(
        version=bundle.version,
        articles=len(prepared.articles),
        passages=len(prepared.passages),
        embedded=written.embedded.texts,
        changed=_changed(prepared.hashes, context.previous),
        degraded=written.embedded.degraded,
    )


def _prepare(source: Source) -> _Prepared:
    targets = source.targets or Targets(source.articles, source.folder)
    linked, images = link(source.articles, source.folder, targets)
    return _Prepared(
        articles=linked,
        documents=[to_document(article) for article in linked],
        hashes={article.id: article.digest for article in linked},
        sections=source.sections,
        images=images,
        passages=[passage for article in linked for passage in to_passages(article)],
        token_keys=[key_of(article) for article in linked],
        synonyms=source.synonyms,
    )


def _unchanged(previous: Bundle, prepared: _Prepared) -> BuildReport:
    counts = len(prepared.articles), len(prepared.passages)
    return BuildReport(previous.version, *counts, published=False)


def _write(context: BuildContext, prepared: _Prepared) -> _Written:
    """Write all files, side by side where they wait for the disk, numpy or the model."""
    work, previous = context.work, context.previous
    with ThreadPoolExecutor(WRITERS, "writing") as pool:
        # The model first: it takes longest.
        embedding = pool.submit(_embed, context, prepared)
        pool.submit(context.builds.prune, KEEP - 1, previous.name if previous else "")
        store = pool.submit(_write_articles, context, prepared)
        contents = _analyse(context, prepared)
        lexical = pool.submit(lambda: seal(work, write_lexical(work, contents, previous)))
        vectors = pool.submit(lambda: _write_vectors(work, embedding.result(), previous))
        texts = write_texts(work, contents, previous)
        images = _write_images(work / "images", prepared.images, previous)
        embedded = embedding.result()
        context.progress("writing the index", 0, 1)
        reused = texts | images | store.result()
        return _Written(embedded, reused, vectors.result() | lexical.result())


def _embed(context: BuildContext, prepared: _Prepared) -> Embedded:
    cache, progress = context.cache, context.progress
    return embed(prepared.articles, context.embedder, cache, progress, context.previous)


def _write_articles(context: BuildContext, prepared: _Prepared) -> set[str]:
    articles, hashes = prepared.articles, prepared.hashes
    return write_article_store(context.work, articles, hashes, prepared.sections, context.previous)


def _analyse(context: BuildContext, prepared: _Prepared) -> Contents:
    known = known_keys(context.previous)
    tokens = analyse(prepared.articles, known, context.cache, context.progress)
    return Contents(
        prepared.documents, prepared.passages, prepared.token_keys, tokens, prepared.synonyms
    )


def _write_vectors(work: Path, embedded: Embedded, previous: Bundle | None) -> dict[str, Checksum]:
    """Write and seal the vectors; the checksums of the large files."""
    if embedded.vectors is None:
        return {}
    written, taken = write_vectors(work, embedded.vectors, previous)
    reused = {name: previous.checksums[name] for name in taken} if previous is not None else {}
    return seal(work, written) | reused


def _make_current(
    context: BuildContext, prepared: _Prepared, written: _Written, inputs: str
) -> Bundle:
    known = context.previous.checksums if context.previous else {}
    reused = {name: known[name] for name in written.reused if name in known}
    counts = {"articles": len(prepared.articles), "passages": len(prepared.passages)}
    checksums = reused | dict(written.sealed)
    version = "-".join((inputs[:VERSION_LETTERS], *inputs.split()[1:]))
    bundle = context.builds.publish(
        context.work, written.embedded.model, counts, checksums, version
    )
    context.progress("writing the index", 1, 1)
    return bundle


def _prune_cache(cache: BuildCache, prepared: _Prepared, embedded: Embedded) -> None:
    cache.prune_tokens(set(prepared.token_keys))
    if embedded.vectors is not None:
        # A build without the model must keep the vectors that the model made.
        cache.prune_vectors(embedded.used)


def _marked(inputs: str, embedded: Embedded) -> str:
    """The hash of the inputs, marked where the model failed: the next build retries."""
    return f"{inputs} {embedded.degraded}" if embedded.degraded == "failed" else inputs


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


def _hash_inputs(prepared: _Prepared, embedder: Embedder) -> str:
    """A hash of everything that a bundle depends on."""
    digest = hashlib.sha256(
        f"{SCHEMA}/{ANALYSER_VERSION}/{RENDER_VERSION}/{_fingerprint(embedder)}".encode()
    )
    digest.update(repr(tuple(prepared.synonyms)).encode("utf-8", "replace"))
    for part in (
        *prepared.hashes.values(),
        *sorted(prepared.images),
        *(repr(section) for section in prepared.sections.values()),
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
    """Ids of the articles that the previous bundle does not have in this version."""
    if previous is None:
        return ()
    try:
        before = orjson.loads((previous.path / "article-hashes.json").read_bytes())
    except (OSError, ValueError):
        return ()
    return tuple(name for name, digest in hashes.items() if before.get(name) != digest)
