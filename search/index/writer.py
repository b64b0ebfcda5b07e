"""Writes the files of a corpus into a bundle folder, reusing parts of the previous bundle."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import orjson

from search.array_files import load_array
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
    _UNIT_KEYS,
    _open_suggest,
    known_keys,
)
from search.index.record_files import RecordFile, StringFile
from search.model import Document, Passage
from search.ports import Rows
from search.vectors.vector_index import save_vectors, vector_files


def write_texts(folder: Path, contents: Contents, previous: Bundle | None = None) -> set[str]:
    """Write all files of a corpus except the BM25 indexes and vectors.

    Returns the names of the files copied unchanged from the previous bundle.
    """
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
    """Write the vectors of a corpus.

    Returns the large files written, and the names of files copied from the previous bundle.
    """
    large, taken = save_vectors(folder / _PASSAGE_VECTORS, vectors.passages), set[str]()
    if previous is not None and vectors.same_questions:
        # Edits change an article's text more often than its questions.
        taken = {path.name for path in vector_files(previous.path / _QUESTION_VECTORS)}
        for name in taken:
            shutil.copyfile(previous.path / name, folder / name)
    else:
        large += save_vectors(folder / _QUESTION_VECTORS, vectors.questions)
    large += vectors.units.save(folder)
    np.savez(folder / _CENTRES, **dict(vectors.centres))  # type: ignore[arg-type]
    np.save(folder / "question-documents.npy", vectors.question_documents)
    for name, keys in (
        (_PASSAGE_KEYS, vectors.passage_keys),
        (_QUESTION_KEYS, vectors.question_keys),
        (_UNIT_KEYS, vectors.unit_keys),
    ):
        (folder / name).write_text("\n".join(keys), encoding="ascii")
    (folder / _MOVED).write_text(str(vectors.moved), encoding="ascii")
    return large, taken


def write_lexical(into: Path, contents: Contents, previous: Bundle | None = None) -> list[Path]:
    """Write the BM25 indexes that score plain queries; returns the files written.

    Most of the work is in numpy, which releases the GIL.
    """
    folder = into / _IMPACTS
    folder.mkdir()
    entries, langs = (
        list(known_keys(previous).items()),
        sorted({document.lang for document in contents.documents}),
    )
    for lang in langs:
        rows = [row for row, document in enumerate(contents.documents) if document.lang == lang]
        np.save(folder / f"{lang}.npy", np.array(rows, dtype=np.int64))
        keys_by_id = {contents.documents[row].id: contents.keys[row] for row in rows}
        old_folder = previous.path / _IMPACTS if previous is not None and entries else None
        for stream in ("words", "grams"):
            read = partial(_tokens_of, contents.tokens, stream)
            name = f"{lang}-{stream}"
            if old_folder is None or not (old_folder / name).is_dir():
                Bm25Index.write(
                    folder / name, Postings.of([read(key) for key in keys_by_id.values()])
                )
                continue
            old_entries = [entries[row] for row in load_array(old_folder / f"{lang}.npy").tolist()]
            if old_entries == list(keys_by_id.items()):
                # An edit usually changes one language, so the others are copied.
                shutil.copytree(old_folder / name, folder / name)
            else:
                Bm25Index.write(
                    folder / name,
                    _edited(
                        Postings.open(old_folder / name, mapped=False),
                        old_entries,
                        keys_by_id,
                        read,
                    ),
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
    """Update the postings of the previous bundle.

    ``had`` lists the ids and token keys of its documents in row order; ``wanted`` maps the current
    ids to keys. ``read`` returns the tokens of a key.
    """
    new_row = {name: row for row, name in enumerate(wanted)}
    places = np.array(
        [new_row[name] if wanted.get(name) == key else -1 for name, key in had], dtype=np.int64
    )
    unchanged = {name for (name, _), row in zip(had, places.tolist(), strict=True) if row >= 0}
    return postings.edited(
        places, {new_row[name]: read(key) for name, key in wanted.items() if name not in unchanged}
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
    """The new row of each entry of the previous bundle; -1 if its document changed or is gone.

    ``before`` maps the ids of that bundle's documents to token keys, in document order. Entries
    of one document are adjacent, and an unchanged document has the same entries.
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
    """Write the whoosh index, adding only documents whose tokens changed; returns reused files."""
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
    """Whether whoosh left a file unchanged; it never modifies a segment after writing it."""
    return (
        before.is_file() and path.suffix == ".seg" and path.stat().st_size == before.stat().st_size
    )


# Cached: every save writes all records.
@lru_cache(maxsize=50_000)
def _document_record(document: Document) -> bytes:
    return _DOCUMENT.encode(document)


@lru_cache(maxsize=200_000)
def _passage_record(passage: Passage) -> bytes:
    return _PASSAGE.encode(passage)
