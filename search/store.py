"""Writes a corpus into the folder of a bundle and opens it again: the one place that knows both sides of the format."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from search.bundle import Bundle, RecordFile, StringFile
from search.centring import Centres
from search.corpus import Corpus, LanguageImpacts, Meaning
from search.errors import BundleError
from search.impacts import TermImpacts
from search.keyword import KeywordEntry, WhooshIndex, write_index
from search.model import Document, Passage
from search.ports import Vector
from search.suggest import Entry, SuggestIndex, build_suggest
from search.synonyms import Rule, Synonyms
from search.vector import FaissVectors

_DOCUMENTS, _PASSAGES = "documents.jsonl", "passages.jsonl"
_PASSAGE_VECTORS, _QUESTION_VECTORS = "passages.npy", "questions.npy"
# Passages that were shown last stay in memory.
PASSAGES_KEPT = 4096
_DOCUMENT_KEYS, _SYNONYMS, _CENTRES = "token-keys.json", "synonyms.json", "question-centres.npz"
_SUGGEST, _SUGGEST_KEYS, _SUGGEST_TEXTS = "suggest.npz", "suggest-keys.bin", "suggest-texts.bin"


@dataclass(frozen=True)
class DocumentTokens:
    """What the keyword arm reads of a document. ``key`` changes with them; an equal key means equal tokens."""

    key: str
    words: Sequence[str]
    grams: Sequence[str]
    surfaces: Sequence[str]


@dataclass(frozen=True)
class Vectors:
    """Unit vectors: one a passage, and a centred one a question with the row of its document."""

    passages: Vector
    questions: Vector
    question_documents: NDArray[np.int64]
    centres: Centres


@dataclass(frozen=True)
class Contents:
    """What a bundle is searched by, but for vectors; ``tokens[i]`` belongs to ``documents[i]``."""

    documents: Sequence[Document]
    passages: Sequence[Passage]
    tokens: Sequence[DocumentTokens]
    synonyms: Sequence[Rule] = ()


def write_words(folder: Path, contents: Contents, previous: Bundle | None = None) -> set[str]:
    """Write all files of a corpus but its vectors; returns the names of those taken over from the previous bundle, unchanged."""
    documents = contents.documents
    rows = {document.id: row for row, document in enumerate(documents)}
    RecordFile.write(folder / _DOCUMENTS, (_document_to_json(document) for document in documents))
    RecordFile.write(folder / _PASSAGES, (dict(vars(passage)) for passage in contents.passages))
    owners = np.array([rows[passage.article_id] for passage in contents.passages], dtype=np.int64)
    np.save(folder / "passage-documents.npy", owners)
    _write_impacts(folder / "impacts", contents)
    (folder / _SYNONYMS).write_text(json.dumps([vars(rule) for rule in contents.synonyms], ensure_ascii=False), encoding="utf-8")
    _write_suggest(folder, documents)
    return _write_keyword(folder, contents, previous)


def write_vectors(folder: Path, vectors: Vectors) -> None:
    """Write a corpus's vectors."""
    FaissVectors(vectors.passages).save(folder / _PASSAGE_VECTORS)
    FaissVectors(vectors.questions).save(folder / _QUESTION_VECTORS)
    np.savez(folder / _CENTRES, **dict(vectors.centres))  # type: ignore[arg-type]
    np.save(folder / "question-documents.npy", vectors.question_documents)


def open_corpus(bundle: Bundle) -> Corpus:
    """Open a bundle's corpus for serving; raises BundleError when its parts do not fit together."""
    folder = bundle.path
    try:
        stored = RecordFile(folder / _DOCUMENTS)
        documents = [_document_from_json(stored[row]) for row in range(len(stored))]
        passages = RecordFile(folder / _PASSAGES)
        read = lru_cache(maxsize=PASSAGES_KEPT)(lambda row: Passage(**passages[row]))
        return Corpus(
            documents=documents,
            passage=read,
            passage_documents=np.load(folder / "passage-documents.npy"),
            impacts=_open_impacts(folder / "impacts"),
            keyword=WhooshIndex(folder / "whoosh"),
            suggest=_open_suggest(folder),
            meaning=_open_meaning(bundle, len(passages)),
            synonyms=_open_synonyms(folder / _SYNONYMS),
            version=bundle.version,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder} cannot be opened ({error}). Run: python -m indexer build") from error


def _open_synonyms(path: Path) -> Synonyms:
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Synonyms.of([Rule(rule["lang"], rule["said"], tuple(rule["meant"])) for rule in stored])


def _write_impacts(folder: Path, contents: Contents) -> None:
    folder.mkdir()
    langs = sorted({document.lang for document in contents.documents})
    for lang in langs:
        rows = [row for row, document in enumerate(contents.documents) if document.lang == lang]
        np.save(folder / f"{lang}.npy", np.array(rows, dtype=np.int64))
        TermImpacts.build([contents.tokens[row].words for row in rows]).save(folder / f"{lang}-words")
        TermImpacts.build([contents.tokens[row].grams for row in rows]).save(folder / f"{lang}-grams")


def _open_impacts(folder: Path) -> dict[str, LanguageImpacts]:
    opened: dict[str, LanguageImpacts] = {}
    for path in sorted(folder.glob("*.npy")):
        words, grams = TermImpacts.open(folder / f"{path.stem}-words"), TermImpacts.open(folder / f"{path.stem}-grams")
        opened[path.stem] = LanguageImpacts(np.load(path), words, grams)
    return opened


def _write_suggest(folder: Path, documents: Sequence[Document]) -> None:
    entries = [
        Entry(row, text, title)
        for row, document in enumerate(documents)
        if document.status == "published"
        for text, title in [(document.title, True), *((question, False) for question in document.questions)]
    ]
    index = build_suggest(entries, [documents[entry.document].lang for entry in entries])
    StringFile.write(folder / _SUGGEST_KEYS, index.keys)
    StringFile.write(folder / _SUGGEST_TEXTS, index.texts)
    np.savez(folder / _SUGGEST, owners=index.owners, heads=index.heads, documents=index.documents, ranks=index.ranks)


def _open_suggest(folder: Path) -> SuggestIndex:
    with np.load(folder / _SUGGEST) as arrays:
        return SuggestIndex(keys=StringFile(folder / _SUGGEST_KEYS), texts=StringFile(folder / _SUGGEST_TEXTS), **arrays)


def _write_keyword(folder: Path, contents: Contents, previous: Bundle | None) -> set[str]:
    """The whoosh index: only documents whose tokens changed are written anew."""
    keys = {document.id: tokens.key for document, tokens in zip(contents.documents, contents.tokens, strict=True)}
    before = _token_keys(previous)
    source = previous.path / "whoosh" if previous is not None and before else None
    entries = [
        KeywordEntry(document.id, document.lang, tokens.words, tokens.grams, tokens.surfaces if document.open_to_all else ())
        for document, tokens in zip(contents.documents, contents.tokens, strict=True)
        if before.get(document.id) != tokens.key
    ]
    gone = [name for name in before if keys.get(name) != before[name]]
    write_index(folder / "whoosh", entries, gone, source)
    (folder / _DOCUMENT_KEYS).write_bytes(orjson.dumps(keys))
    if source is None:
        return set()
    return {f"whoosh/{path.name}" for path in (folder / "whoosh").iterdir() if _same(path, source / path.name)}


def _same(path: Path, before: Path) -> bool:
    """Whether whoosh left a file as it was: it writes segments once and never again."""
    return before.is_file() and path.suffix == ".seg" and path.stat().st_size == before.stat().st_size


def _token_keys(previous: Bundle | None) -> dict[str, str]:
    if previous is None:
        return {}
    try:
        return dict(orjson.loads((previous.path / _DOCUMENT_KEYS).read_bytes()))
    except (OSError, ValueError):
        return {}


def _open_meaning(bundle: Bundle, passages: int) -> Meaning | None:
    if bundle.model is None:
        return None
    question_documents = np.load(bundle.path / "question-documents.npy")
    return Meaning(
        FaissVectors.open(bundle.path / _PASSAGE_VECTORS, passages),
        FaissVectors.open(bundle.path / _QUESTION_VECTORS, len(question_documents)),
        question_documents,
        _open_centres(bundle.path / _CENTRES),
        bundle.model.fingerprint,
        bundle.model.scale,
        bundle.model.question_scale,
    )


def _open_centres(path: Path) -> dict[str, Vector]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


def _document_to_json(document: Document) -> dict[str, Any]:
    record: dict[str, Any] = dict(vars(document))
    for name in ("publish_at", "expire_at"):
        record[name] = record[name].isoformat() if record[name] else None
    return record


def _document_from_json(record: Mapping[str, Any]) -> Document:
    values = dict(record)
    for name in ("publish_at", "expire_at"):
        values[name] = datetime.fromisoformat(values[name]) if values[name] else None
    for name in ("tags", "questions", "learned", "keywords"):
        values[name] = tuple(values[name])
    return Document(**values)
