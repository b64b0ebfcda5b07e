"""Writes a corpus into the folder of a bundle and opens it again: the one place that knows both sides of the format."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import orjson
from numpy.typing import NDArray

from search.errors import BundleError
from search.index.autocomplete import Entry, SuggestIndex, build_suggest, edited_suggest
from search.index.bm25 import TermImpacts
from search.index.bundle import Bundle, ModelStamp
from search.index.corpus import Corpus, LanguageImpacts, Meaning
from search.index.phrase_index import KeywordEntry, WhooshIndex, write_index
from search.index.postings import Postings
from search.index.record_codec import RecordCodec
from search.index.record_files import RecordFile, StringFile
from search.index.synonyms import Rule, Synonyms
from search.model import Document, Passage
from search.ports import Rows, Vector
from search.vectors.centering import Centres
from search.vectors.vector_index import FileVectors, save_vectors, vector_files

_DOCUMENTS, _PASSAGES, _NAMED, _IMPACTS = "documents.jsonl", "passages.jsonl", "named.jsonl", "impacts"
_PASSAGE_VECTORS, _QUESTION_VECTORS = "passages.npy", "questions.npy"
_PASSAGE_KEYS, _QUESTION_KEYS, _MOVED = "passage-keys.txt", "question-keys.txt", "centres-moved.txt"
# Passages that were shown last stay in memory.
PASSAGES_KEPT = 16_384
_DOCUMENT_KEYS, _SYNONYMS, _CENTRES = "token-keys.json", "synonyms.json", "question-centres.npz"
_SUGGEST, _SUGGEST_KEYS, _SUGGEST_TEXTS = "suggest.npz", "suggest-keys.bin", "suggest-texts.bin"


@dataclass(frozen=True)
class DocumentTokens:
    """What the keyword arm reads of a document, and the words of its title and of each question (``named``).

    ``key`` changes with them; an equal key means equal tokens.
    """

    key: str
    words: Sequence[str]
    grams: Sequence[str]
    surfaces: Sequence[str]
    named: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Vectors:
    """Unit vectors: one a passage, and a centred one a question with the row of its document.

    ``passage_keys`` and ``question_keys`` say what each was made of: an equal key means an equal vector. ``moved`` is
    how many questions came or went since the centres were worked out; ``same_questions`` says that the bundle before has the very same
    question vectors.
    """

    passages: Vector
    questions: Vector
    question_documents: NDArray[np.int64]
    centres: Centres
    passage_keys: Sequence[str]
    question_keys: Sequence[str]
    moved: int = 0
    same_questions: bool = False


@dataclass(frozen=True)
class Contents:
    """What a bundle is searched by, but for vectors.

    ``keys[i]`` is that of the tokens of ``documents[i]``; ``tokens`` has, by key, at least those that the previous bundle does not know
    (``known_keys``).
    """

    documents: Sequence[Document]
    passages: Sequence[Passage]
    keys: Sequence[str]
    tokens: Mapping[str, DocumentTokens]
    synonyms: Sequence[Rule] = ()


def write_texts(folder: Path, contents: Contents, previous: Bundle | None = None) -> set[str]:
    """Write all files of a corpus but impacts and vectors; returns the names of those taken over from the previous bundle, unchanged."""
    documents = contents.documents
    rows = {document.id: row for row, document in enumerate(documents)}
    RecordFile.write(folder / _DOCUMENTS, map(_document_record, documents))
    RecordFile.write(folder / _PASSAGES, map(_passage_record, contents.passages))
    owners = np.array([rows[passage.article_id] for passage in contents.passages], dtype=np.int64)
    np.save(folder / "passage-documents.npy", owners)
    (folder / _SYNONYMS).write_text(json.dumps([vars(rule) for rule in contents.synonyms], ensure_ascii=False), encoding="utf-8")
    _write_named(folder, contents, previous)
    _write_suggest(folder, contents, previous)
    return _write_keyword(folder, contents, previous)


def write_vectors(folder: Path, vectors: Vectors, previous: Bundle | None = None) -> tuple[list[Path], set[str]]:
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
    for name, keys in ((_PASSAGE_KEYS, vectors.passage_keys), (_QUESTION_KEYS, vectors.question_keys)):
        (folder / name).write_text("\n".join(keys), encoding="ascii")
    (folder / _MOVED).write_text(str(vectors.moved), encoding="ascii")
    return large, taken


def known_vectors(previous: Bundle | None, fingerprint: str) -> tuple[Vectors, ModelStamp] | None:
    """The vectors of a bundle and their model's stamp, to be taken over where they are of this model; None where there are none."""
    if previous is None or previous.model is None or previous.model.fingerprint != fingerprint:
        return None
    folder = previous.path
    try:
        # Read, not mapped, as all that a build takes over: each page of a mapped file that is touched first is fetched on its own.
        passages, questions = (np.load(folder / name) for name in (_PASSAGE_VECTORS, _QUESTION_VECTORS))
        passage_keys, question_keys = ((folder / name).read_text(encoding="ascii").split("\n") for name in (_PASSAGE_KEYS, _QUESTION_KEYS))
        owners, moved = np.load(folder / "question-documents.npy"), int((folder / _MOVED).read_text(encoding="ascii"))
        known = Vectors(passages, questions, owners, _open_centres(folder / _CENTRES), passage_keys, question_keys, moved)
    except (OSError, ValueError):
        return None
    return (known, previous.model) if len(passages) == len(passage_keys) and len(questions) == len(question_keys) else None


def open_corpus(bundle: Bundle) -> Corpus:
    """Open a bundle's corpus for serving; raises BundleError when its parts do not fit together."""
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
            passage_documents=np.load(folder / "passage-documents.npy"),
            impacts=_open_impacts(folder / _IMPACTS),
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


def write_impacts(into: Path, contents: Contents, previous: Bundle | None = None) -> list[Path]:
    """Write what plain questions are scored by, most of it by numpy, which leaves Python's lock to others; returns the files."""
    folder = into / _IMPACTS
    folder.mkdir()
    entries, langs = list(known_keys(previous).items()), sorted({document.lang for document in contents.documents})
    for lang in langs:
        rows = [row for row, document in enumerate(contents.documents) if document.lang == lang]
        np.save(folder / f"{lang}.npy", np.array(rows, dtype=np.int64))
        wanted = {contents.documents[row].id: contents.keys[row] for row in rows}
        old = previous.path / _IMPACTS if previous is not None and entries else None
        for stream in ("words", "grams"):
            read = partial(_tokens_of, contents.tokens, stream)
            name = f"{lang}-{stream}"
            if old is None or not (old / name).is_dir():
                TermImpacts.write(folder / name, Postings.of([read(key) for key in wanted.values()]))
                continue
            had = [entries[row] for row in np.load(old / f"{lang}.npy").tolist()]
            if had == list(wanted.items()):
                # An edit touches one language as a rule.
                shutil.copytree(old / name, folder / name)
            else:
                TermImpacts.write(folder / name, _edited(Postings.open(old / name, mapped=False), had, wanted, read))
    return [path for path in folder.rglob("*") if path.is_file()]


def _tokens_of(tokens: Mapping[str, DocumentTokens], stream: str, key: str) -> Sequence[str]:
    return tokens[key].words if stream == "words" else tokens[key].grams


def _edited(postings: Postings, had: Sequence[tuple[str, str]], wanted: Mapping[str, str], read: Callable[[str], Sequence[str]]) -> Postings:
    """The postings of a bundle brought up to date: ``had`` are the ids and keys of its documents in order, ``wanted`` the keys by id now."""
    place = {name: row for row, name in enumerate(wanted)}
    places = np.array([place[name] if wanted.get(name) == key else -1 for name, key in had], dtype=np.int64)
    kept = {name for (name, _), at in zip(had, places.tolist(), strict=True) if at >= 0}
    return postings.edited(places, {place[name]: read(key) for name, key in wanted.items() if name not in kept})


def _open_impacts(folder: Path) -> dict[str, LanguageImpacts]:
    opened: dict[str, LanguageImpacts] = {}
    for path in sorted(folder.glob("*.npy")):
        words, grams = TermImpacts.open(folder / f"{path.stem}-words"), TermImpacts.open(folder / f"{path.stem}-grams")
        opened[path.stem] = LanguageImpacts(np.load(path), words, grams)
    return opened


def _write_named(folder: Path, contents: Contents, previous: Bundle | None) -> None:
    before = {name: (row, key) for row, (name, key) in enumerate(known_keys(previous).items())}
    known = RecordFile(previous.path / _NAMED).every_raw() if previous is not None and before else []
    lines: list[bytes] = []
    for document, key in zip(contents.documents, contents.keys, strict=True):
        row, old_key = before.get(document.id, (0, ""))
        lines.append(known[row] if old_key == key else orjson.dumps(contents.tokens[key].named, option=orjson.OPT_APPEND_NEWLINE))
    RecordFile.write(folder / _NAMED, lines)


def _write_suggest(folder: Path, contents: Contents, previous: Bundle | None) -> None:
    documents = contents.documents
    entries = [
        Entry(row, text, title)
        for row, document in enumerate(documents)
        if document.status == "published"
        for text, title in [(document.title, True), *((question, False) for question in document.questions)]
    ]
    langs, before = [documents[entry.document].lang for entry in entries], known_keys(previous)
    if previous is not None and before:
        old = _open_suggest(previous.path, mapped=False)
        index = edited_suggest(old, _entry_places(old, before, contents, entries), entries, langs)
    else:
        index = build_suggest(entries, langs)
    StringFile.of(index.keys).save(folder / _SUGGEST_KEYS)
    StringFile.of(index.texts).save(folder / _SUGGEST_TEXTS)
    np.savez(folder / _SUGGEST, owners=index.owners, heads=index.heads, documents=index.documents, ranks=index.ranks)


def _entry_places(old: SuggestIndex, before: Mapping[str, str], contents: Contents, entries: Sequence[Entry]) -> Rows:
    """Which entry each of the bundle before has become; -1 where its document was edited or is gone.

    ``before`` are the ids and token keys of that bundle's documents, in their order. A document's entries stand together, and an
    unchanged one has the same.
    """
    rows = {document.id: row for row, (document, key) in enumerate(zip(contents.documents, contents.keys, strict=True)) if before.get(document.id) == key}
    row_now = np.array([rows.get(name, -1) for name in before], dtype=np.int64)[old.documents]
    now = np.array([entry.document for entry in entries], dtype=np.int64)
    ordinal = np.arange(len(old.documents)) - np.searchsorted(old.documents, old.documents)
    first, after = np.searchsorted(now, row_now), np.searchsorted(now, row_now, side="right")
    stays = (row_now >= 0) & (first + ordinal < after)
    return np.where(stays, first + ordinal, -1)


def _open_suggest(folder: Path, mapped: bool = True) -> SuggestIndex:
    with np.load(folder / _SUGGEST) as arrays:
        keys, texts = (StringFile.open(folder / name, mapped) for name in (_SUGGEST_KEYS, _SUGGEST_TEXTS))
        return SuggestIndex(keys=keys, texts=texts, **arrays)


def _write_keyword(folder: Path, contents: Contents, previous: Bundle | None) -> set[str]:
    """The whoosh index: only documents whose tokens changed are written anew."""
    keys = {document.id: key for document, key in zip(contents.documents, contents.keys, strict=True)}
    before = known_keys(previous)
    source = previous.path / "whoosh" if previous is not None and before else None
    changed = [document for document in contents.documents if before.get(document.id) != keys[document.id]]
    entries = [
        KeywordEntry(document.id, document.lang, tokens.words, tokens.grams, tokens.surfaces if document.open_to_all else ())
        for document, tokens in ((document, contents.tokens[keys[document.id]]) for document in changed)
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


def known_keys(previous: Bundle | None) -> Mapping[str, str]:
    """Id -> key of the tokens of the documents of a bundle, in their order; nothing where there is none."""
    return _keys_in(previous.path) if previous is not None else {}


# Asked by every part of a build; a bundle never changes.
@lru_cache(maxsize=1)
def _keys_in(folder: Path) -> dict[str, str]:
    try:
        return dict(orjson.loads((folder / _DOCUMENT_KEYS).read_bytes()))
    except (OSError, ValueError):
        return {}


def _open_meaning(bundle: Bundle, passages: int) -> Meaning | None:
    if bundle.model is None:
        return None
    question_documents = np.load(bundle.path / "question-documents.npy")
    return Meaning(
        FileVectors(bundle.path / _PASSAGE_VECTORS, passages),
        FileVectors(bundle.path / _QUESTION_VECTORS, len(question_documents)),
        question_documents,
        _open_centres(bundle.path / _CENTRES),
        bundle.model.fingerprint,
        bundle.model.scale,
        bundle.model.question_scale,
    )


def _open_centres(path: Path) -> dict[str, Vector]:
    with np.load(path) as stored:
        return {name: stored[name] for name in stored.files}


_DOCUMENT, _PASSAGE = RecordCodec(Document), RecordCodec(Passage)


@lru_cache(maxsize=50_000)
def _document(record: bytes) -> Document:
    """Remembered: of a newer index only what was saved is made anew."""
    return _DOCUMENT.decode(record)


# Remembered: at every save all are written.
@lru_cache(maxsize=50_000)
def _document_record(document: Document) -> bytes:
    return _DOCUMENT.encode(document)


@lru_cache(maxsize=200_000)
def _passage_record(passage: Passage) -> bytes:
    return _PASSAGE.encode(passage)
