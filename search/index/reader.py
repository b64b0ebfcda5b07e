"""Opens the corpus of a bundle, and reads what a build reuses from the previous one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import orjson

from search.array_files import load_array, load_arrays
from search.errors import BundleError
from search.index.autocomplete import SuggestIndex
from search.index.bm25 import Bm25Index
from search.index.bundle import Bundle, ModelStamp
from search.index.contents import Vectors
from search.index.corpus import Corpus, LexicalIndex, SemanticIndex
from search.index.phrase_index import WhooshIndex
from search.index.record_codec import RecordCodec
from search.index.record_files import RecordFile, StringFile
from search.index.synonyms import Rule, Synonyms
from search.model import Document, Passage
from search.vectors.unit_vectors import UnitVectors
from search.vectors.vector_index import FileVectors

_DOCUMENTS, _PASSAGES, _NAMED, _IMPACTS = (
    "documents.jsonl",
    "passages.jsonl",
    "named.jsonl",
    "impacts",
)


_PASSAGE_VECTORS, _QUESTION_VECTORS = "passages.npy", "questions.npy"


_PASSAGE_KEYS, _QUESTION_KEYS, _MOVED = "passage-keys.txt", "question-keys.txt", "centres-moved.txt"


_UNIT_KEYS = "unit-keys.txt"


# Size of the LRU cache of decoded passages.
PASSAGES_KEPT = 16_384


_DOCUMENT_KEYS, _SYNONYMS, _CENTRES = "token-keys.json", "synonyms.json", "question-centres.npz"


_SUGGEST, _SUGGEST_KEYS, _SUGGEST_TEXTS = "suggest.npz", "suggest-keys.bin", "suggest-texts.bin"


def known_vectors(previous: Bundle | None, fingerprint: str) -> tuple[Vectors, ModelStamp] | None:
    """Return the vectors of the previous bundle and the stamp of their model, for reuse.

    Returns None if there is no bundle, it was built with another model, or its vectors cannot be
    read.
    """
    if previous is None or previous.model is None or previous.model.fingerprint != fingerprint:
        return None
    folder = previous.path
    try:
        # Read, not mapped: a mapped file is fetched page by page, which is slower here.
        passages, questions = (
            load_array(folder / name) for name in (_PASSAGE_VECTORS, _QUESTION_VECTORS)
        )
        passage_keys, question_keys, unit_keys = (
            (folder / name).read_text(encoding="ascii").split("\n")
            for name in (_PASSAGE_KEYS, _QUESTION_KEYS, _UNIT_KEYS)
        )
        owners, moved = (
            load_array(folder / "question-documents.npy"),
            int((folder / _MOVED).read_text(encoding="ascii")),
        )
        known = Vectors(
            passages,
            questions,
            UnitVectors.open(folder, mapped=False),
            owners,
            load_arrays(folder / _CENTRES),
            passage_keys,
            question_keys,
            unit_keys,
            moved,
        )
    except (OSError, ValueError):
        return None
    return (
        (known, previous.model)
        if len(passages) == len(passage_keys) == len(unit_keys)
        and len(questions) == len(question_keys)
        else None
    )


def open_corpus(bundle: Bundle) -> Corpus:
    """Open the corpus of a bundle for serving; raises BundleError if a part is unusable."""
    folder = bundle.path
    try:
        stored = RecordFile(folder / _DOCUMENTS)
        documents = list(map(_document, stored.every_raw()))
        passages = RecordFile(folder / _PASSAGES)
        read = lru_cache(maxsize=PASSAGES_KEPT)(lambda row: _PASSAGE.decode(passages.raw(row)))
        return Corpus(
            documents=documents,
            passage=read,
            named=RecordFile(folder / _NAMED).__getitem__,
            passage_documents=load_array(folder / "passage-documents.npy"),
            lexical=_open_lexical(folder / _IMPACTS),
            keyword=WhooshIndex(folder / "whoosh"),
            suggest=_open_suggest(folder),
            semantic=_open_semantic(bundle, len(passages)),
            synonyms=_open_synonyms(folder / _SYNONYMS),
            version=bundle.version,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{folder} cannot be opened ({error}). Run: python -m indexer build"
        ) from error


def _open_synonyms(path: Path) -> Synonyms:
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Synonyms.of(
        [Rule(rule["lang"], rule["phrase"], tuple(rule["alternatives"])) for rule in stored]
    )


def _open_lexical(folder: Path) -> dict[str, LexicalIndex]:
    opened: dict[str, LexicalIndex] = {}
    for path in sorted(folder.glob("*.npy")):
        words, bigrams = (
            Bm25Index.open(folder / f"{path.stem}-words"),
            Bm25Index.open(folder / f"{path.stem}-grams"),
        )
        opened[path.stem] = LexicalIndex(load_array(path), words, bigrams)
    return opened


def _open_suggest(folder: Path, mapped: bool = True) -> SuggestIndex:
    keys, texts = (
        StringFile.open(folder / name, mapped) for name in (_SUGGEST_KEYS, _SUGGEST_TEXTS)
    )
    return SuggestIndex(keys=keys, texts=texts, **load_arrays(folder / _SUGGEST))


def known_keys(previous: Bundle | None) -> Mapping[str, str]:
    """Map the document ids of the previous bundle to their token keys, in document order.

    The map is empty if there is no bundle or its keys cannot be read.
    """
    return _keys_in(previous.path) if previous is not None else {}


# Cached: every part of a build reads the keys, and a bundle never changes.
@lru_cache(maxsize=1)
def _keys_in(folder: Path) -> dict[str, str]:
    try:
        return dict(orjson.loads((folder / _DOCUMENT_KEYS).read_bytes()))
    except (OSError, ValueError):
        return {}


def _open_semantic(bundle: Bundle, passages: int) -> SemanticIndex | None:
    if bundle.model is None:
        return None
    question_documents = load_array(bundle.path / "question-documents.npy")
    return SemanticIndex(
        FileVectors(bundle.path / _PASSAGE_VECTORS, passages),
        FileVectors(bundle.path / _QUESTION_VECTORS, len(question_documents)),
        UnitVectors.open(bundle.path),
        question_documents,
        load_arrays(bundle.path / _CENTRES),
        bundle.model.fingerprint,
        bundle.model.scale,
        bundle.model.question_scale,
    )


_DOCUMENT, _PASSAGE = RecordCodec(Document), RecordCodec(Passage)


@lru_cache(maxsize=50_000)
def _document(record: bytes) -> Document:
    """Decode a document. Cached: opening a newer index decodes only changed documents."""
    return _DOCUMENT.decode(record)
