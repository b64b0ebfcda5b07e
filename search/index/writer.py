"""Writes a corpus into the folder of a bundle and opens it again: the one place that knows both sides of the format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import orjson

from search.index.autocomplete import Entry, SuggestIndex, build_suggest, edited_suggest
from search.index.bm25 import Bm25Index
from search.index.bundle import Bundle
from search.index.contents import Contents, DocumentTokens, Vectors
from search.index.phrase_index import KeywordEntry, write_index
from search.index.postings import Postings
from search.index.reader import (
    _CENTRES,
    _DOCUMENT,
    _DOCUMENT_KEYS,
    _DOCUMENTS,
    _IMPACTS,
    _MOVED,
    _NAMED,
    _PASSAGE,
    _PASSAGE_KEYS,
    _PASSAGE_VECTORS,
    _PASSAGES,
    _QUESTION_KEYS,
    _QUESTION_VECTORS,
    _SUGGEST,
    _SUGGEST_KEYS,
    _SUGGEST_TEXTS,
    _SYNONYMS,
    _open_suggest,
    known_keys,
)
from search.index.record_files import RecordFile, StringFile
from search.model import Document, Passage
from search.ports import Rows
from search.vectors.vector_index import save_vectors, vector_files


def write_texts(folder: Path, contents: Contents, previous: Bundle | None = None) -> set[str]:
    """Write all files of a corpus but impacts and vectors; returns the names of those taken over from the previous bundle, unchanged."""
    documents = contents.documents
    rows = {document.id: row for row, document in enumerate(documents)}
    RecordFile.write(folder / _DOCUMENTS, map(_document_record, documents))
    RecordFile.write(folder / _PASSAGES, map(_passage_record, contents.passages))
    owners = np.array([rows[passage.article_id] for passage in contents.passages], dtype=np.int64)
    np.save(folder / "passage-documents.npy", owners)
    (folder / _SYNONYMS).write_text(
        json.dumps([vars(rule) for rule in contents.synonyms], ensure_ascii=False), encoding="utf-8"
    )
    _write_named(folder, contents, previous)
    _write_suggest(folder, contents, previous)
    return _write_keyword(folder, contents, previous)


def write_vectors(
    folder: Path, vectors: Vectors, previous: Bundle | None = None
) -> tuple[list[Path], set[str]]:
    """Write a corpus's vectors; returns the large files written, and the names of those taken over from the previous bundle."""
    large, taken = save_vectors(folder / _PASSAGE_VECTORS, vectors.passages), set[str]()
    if previous is not None and vectors.same_questions:
        # An edit changes an article's text more often than what it answers.
        taken = {path.name for path in vector_files(previous.path / _QUESTION_VECTORS)}
        for name in taken:
            shutil.copyfile(previous.path / name, folder / name)
    else:
        large += save_vectors(folder / _QUESTION_VECTORS, vectors.questions)
    np.savez(folder / _CENTRES, **dict(vectors.centres))  # type: ignore[arg-type]
    np.save(folder / "question-documents.npy", vectors.question_documents)
    for name, keys in (
        (_PASSAGE_KEYS, vectors.passage_keys),
        (_QUESTION_KEYS, vectors.question_keys),
    ):
        (folder / name).write_text("\n".join(keys), encoding="ascii")
    (folder / _MOVED).write_text(str(vectors.moved), encoding="ascii")
    return large, taken


def write_lexical(into: Path, contents: Contents, previous: Bundle | None = None) -> list[Path]:
    """Write what plain questions are scored by, most of it by numpy, which leaves Python's lock to others; returns the files."""
    folder = into / _IMPACTS
    folder.mkdir()
    entries, langs = (
        list(known_keys(previous).items()),
        sorted({document.lang for document in contents.documents}),
    )
    for lang in langs:
        rows = [row for row, document in enumerate(contents.documents) if document.lang == lang]
        np.save(folder / f"{lang}.npy", np.array(rows, dtype=np.int64))
        wanted = {contents.documents[row].id: contents.keys[row] for row in rows}
        old = previous.path / _IMPACTS if previous is not None and entries else None
        for stream in ("words", "grams"):
            read = partial(_tokens_of, contents.tokens, stream)
            name = f"{lang}-{stream}"
            if old is None or not (old / name).is_dir():
                Bm25Index.write(folder / name, Postings.of([read(key) for key in wanted.values()]))
                continue
            had = [entries[row] for row in np.load(old / f"{lang}.npy").tolist()]
            if had == list(wanted.items()):
                # An edit touches one language as a rule.
                shutil.copytree(old / name, folder / name)
            else:
                Bm25Index.write(
                    folder / name,
                    _edited(Postings.open(old / name, mapped=False), had, wanted, read),
                )
    return [path for path in folder.rglob("*") if path.is_file()]


def _tokens_of(tokens: Mapping[str, DocumentTokens], stream: str, key: str) -> Sequence[str]:
    return tokens[key].words if stream == "words" else tokens[key].bigrams


def _edited(
    postings: Postings,
    had: Sequence[tuple[str, str]],
    wanted: Mapping[str, str],
    read: Callable[[str], Sequence[str]],
) -> Postings:
    """The postings of a bundle brought up to date: ``had`` are the ids and keys of its documents in order, ``wanted`` the keys by id now."""
    place = {name: row for row, name in enumerate(wanted)}
    places = np.array(
        [place[name] if wanted.get(name) == key else -1 for name, key in had], dtype=np.int64
    )
    kept = {name for (name, _), at in zip(had, places.tolist(), strict=True) if at >= 0}
    return postings.edited(
        places, {place[name]: read(key) for name, key in wanted.items() if name not in kept}
    )


def _write_named(folder: Path, contents: Contents, previous: Bundle | None) -> None:
    before = {name: (row, key) for row, (name, key) in enumerate(known_keys(previous).items())}
    known = (
        RecordFile(previous.path / _NAMED).every_raw() if previous is not None and before else []
    )
    lines: list[bytes] = []
    for document, key in zip(contents.documents, contents.keys, strict=True):
        row, old_key = before.get(document.id, (0, ""))
        lines.append(
            known[row]
            if old_key == key
            else orjson.dumps(contents.tokens[key].named, option=orjson.OPT_APPEND_NEWLINE)
        )
    RecordFile.write(folder / _NAMED, lines)


def _write_suggest(folder: Path, contents: Contents, previous: Bundle | None) -> None:
    documents = contents.documents
    entries = [
        Entry(row, text, title)
        for row, document in enumerate(documents)
        if document.status == "published"
        for text, title in [
            (document.title, True),
            *((question, False) for question in document.questions),
        ]
    ]
    langs, before = [documents[entry.document].lang for entry in entries], known_keys(previous)
    if previous is not None and before:
        old = _open_suggest(previous.path, mapped=False)
        index = edited_suggest(old, _entry_places(old, before, contents, entries), entries, langs)
    else:
        index = build_suggest(entries, langs)
    StringFile.of(index.keys).save(folder / _SUGGEST_KEYS)
    StringFile.of(index.texts).save(folder / _SUGGEST_TEXTS)
    np.savez(
        folder / _SUGGEST,
        owners=index.owners,
        heads=index.heads,
        documents=index.documents,
        ranks=index.ranks,
    )


def _entry_places(
    old: SuggestIndex, before: Mapping[str, str], contents: Contents, entries: Sequence[Entry]
) -> Rows:
    """Which entry each of the bundle before has become; -1 where its document was edited or is gone.

    ``before`` are the ids and token keys of that bundle's documents, in their order. A document's entries stand together, and an
    unchanged one has the same.
    """
    rows = {
        document.id: row
        for row, (document, key) in enumerate(zip(contents.documents, contents.keys, strict=True))
        if before.get(document.id) == key
    }
    row_now = np.array([rows.get(name, -1) for name in before], dtype=np.int64)[old.documents]
    now = np.array([entry.document for entry in entries], dtype=np.int64)
    ordinal = np.arange(len(old.documents)) - np.searchsorted(old.documents, old.documents)
    first, after = np.searchsorted(now, row_now), np.searchsorted(now, row_now, side="right")
    stays = (row_now >= 0) & (first + ordinal < after)
    return np.where(stays, first + ordinal, -1)


def _write_keyword(folder: Path, contents: Contents, previous: Bundle | None) -> set[str]:
    """The whoosh index: only documents whose tokens changed are written anew."""
    keys = {
        document.id: key for document, key in zip(contents.documents, contents.keys, strict=True)
    }
    before = known_keys(previous)
    source = previous.path / "whoosh" if previous is not None and before else None
    changed = [
        document for document in contents.documents if before.get(document.id) != keys[document.id]
    ]
    entries = [
        KeywordEntry(
            document.id,
            document.lang,
            tokens.words,
            tokens.bigrams,
            tokens.surfaces if document.open_to_all else (),
        )
        for document, tokens in (
            (document, contents.tokens[keys[document.id]]) for document in changed
        )
    ]
    gone = [name for name in before if keys.get(name) != before[name]]
    write_index(folder / "whoosh", entries, gone, source)
    (folder / _DOCUMENT_KEYS).write_bytes(orjson.dumps(keys))
    if source is None:
        return set()
    return {
        f"whoosh/{path.name}"
        for path in (folder / "whoosh").iterdir()
        if _same(path, source / path.name)
    }


def _same(path: Path, before: Path) -> bool:
    """Whether whoosh left a file as it was: it writes segments once and never again."""
    return (
        before.is_file() and path.suffix == ".seg" and path.stat().st_size == before.stat().st_size
    )


# Remembered: at every save all are written.
@lru_cache(maxsize=50_000)
def _document_record(document: Document) -> bytes:
    return _DOCUMENT.encode(document)


@lru_cache(maxsize=200_000)
def _passage_record(passage: Passage) -> bytes:
    return _PASSAGE.encode(passage)
