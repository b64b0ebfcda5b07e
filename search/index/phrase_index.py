"""The inverted index for phrases, excluded words, prefixes and spelling correction.

Only this file and whoosh_storage.py import whoosh. bm25.py scores plain queries. Fields hold
tokens from search/analysis, one field per language and stream. Whoosh's analyzer and query parser,
which turn a query into an AND of wildcards, are not used.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whoosh import fields, query
from whoosh.analysis import SpaceSeparatedTokenizer
from whoosh.reading import SegmentReader

from search.analysis.analyzer import analyser
from search.analysis.normalize import fold
from search.analysis.spelling import allowed_distance, spelling_key
from search.index.whoosh_storage import MappedStorage

# Files of a folder that is being written; never copied.
_NOT_LINKED = ("WRITELOCK",)
# From this number on small segments are merged: many segments slow down every lookup.
MAX_SEGMENTS = 12
# A segment with LARGE_SHARE of all documents is kept unless over GONE_SHARE of it is deleted.
LARGE_SHARE = 0.05
GONE_SHARE = 0.25
# Suggestions read per misspelled word: some may occur only in deleted documents.
NEAREST_LOOKED_AT = 8


@dataclass(frozen=True)
class KeywordEntry:
    """The tokens of one document.

    ``surfaces`` feed spelling correction; they are empty for documents that are not public.
    """

    document_id: str
    lang: str
    words: Sequence[str]
    bigrams: Sequence[str]
    surfaces: Sequence[str] = ()


class WhooshIndex:
    """Implements ports.KeywordIndex over a folder."""

    def __init__(self, folder: Path) -> None:
        self._index = MappedStorage(folder).open_index()
        self._searcher = self._index.searcher()
        # Cached: whoosh reads its file on every access to the schema.
        self._fields = frozenset(self._index.schema.names())

    def close(self) -> None:
        """Close the index files."""
        self._searcher.close()
        self._index.close()

    def matching(self, lang: str, phrases: Sequence[str], excluded: Sequence[str]) -> set[str]:
        """Ids of documents in the language that contain every phrase and no excluded phrase."""
        required_queries = [_phrase(lang, phrase) for phrase in phrases]
        excluded_queries = [_phrase(lang, phrase) for phrase in excluded]
        required = query.And([query.Term("lang", lang), *required_queries])
        matched = (
            query.AndNot(required, query.Or(excluded_queries)) if excluded_queries else required
        )
        return {
            str(self._searcher.stored_fields(number)["id"])
            for number in self._searcher.docs_for_query(matched)
        }

    def correct(self, lang: str, word: str) -> str | None:
        """Suggest a correction: a word with the same reading, or else one or two letters away.

        Returns None if the word is in the index or no similar word is.
        """
        folded, field = fold(word), f"spelling_{lang}"
        key = spelling_key(folded)
        distance = allowed_distance(key)
        if field not in self._fields or not distance:
            return None
        written = (
            self._written(lang, key) if self._searcher.reader().doc_frequency(field, key) else []
        )
        if written:
            return None if folded in written else written[0]
        # The corrector counts two letters in the wrong order as two edits.
        for swapped in _swaps(key):
            if self._searcher.reader().doc_frequency(field, swapped):
                return next(iter(self._written(lang, swapped)), None)
        corrector = self._searcher.corrector(field)
        # The nearest word is nearly always in a live document, and fetching more is slow.
        for count in (1, NEAREST_LOOKED_AT):
            nearest = [
                self._written(lang, str(near))
                for near in corrector.suggest(key, limit=count, maxdist=distance, prefix=1)
            ]
            correction = next((words[0] for words in nearest if words), None)
            if correction or not nearest:
                return correction
        return None

    def written(self, lang: str, reading: str) -> list[str]:
        """Return the written forms in the articles with this reading, most frequent first."""
        return self._written(lang, reading) if f"written_{lang}" in self._fields else []

    def _written(self, lang: str, key: str) -> list[str]:
        """Written forms with this key in the articles, most frequent first."""
        reader, field = self._searcher.reader(), f"written_{lang}"
        entries = [
            entry.decode()
            for entry in reader.expand_prefix(field, f"{key}|")
            if self._stands(field, entry)
        ]
        return [
            entry.partition("|")[2]
            for entry in sorted(
                entries, key=lambda entry: (-reader.doc_frequency(field, entry), entry)
            )
        ]

    def _stands(self, field: str, entry: bytes) -> bool:
        """Whether a term occurs in a live document.

        Whoosh keeps the terms of deleted documents until it merges their segment.
        """
        return bool(self._searcher.reader().postings(field, entry).is_active())


def _swaps(key: str) -> Iterator[str]:
    """The key with two neighbouring letters after the first in the other order."""
    for at in range(1, len(key) - 1):
        if key[at] != key[at + 1]:
            yield key[:at] + key[at + 1] + key[at] + key[at + 2 :]


def write_index(
    folder: Path,
    entries: Iterable[KeywordEntry],
    gone: Iterable[str] = (),
    previous: Path | None = None,
) -> None:
    """Write an index into the new ``folder``: the previous index with changes, or a new one.

    ``entries`` are added and the documents with the ids ``gone`` are deleted. The files of the
    previous index are copied, so that builds share no files; whoosh adds new segments.
    """
    folder.mkdir(parents=True)
    if previous is not None:
        _copy(previous, folder)
        index = MappedStorage(folder).open_index()
    else:
        index = MappedStorage(folder).create_index(
            fields.Schema(id=fields.ID(stored=True, unique=True), lang=fields.ID())
        )
    _write(index, list(entries), list(gone))
    index.close()
    for name in _NOT_LINKED:
        for path in folder.glob(f"*{name}*"):
            path.unlink()


def _write(whole: Any, entries: list[KeywordEntry], gone: list[str]) -> None:
    writer = whole.writer()
    for lang in sorted({entry.lang for entry in entries}):
        for name, phrases in (
            (f"words_{lang}", True),
            (f"grams_{lang}", True),
            (f"spelling_{lang}", False),
            (f"written_{lang}", False),
        ):
            if name not in writer.schema:
                writer.add_field(name, _field(phrases))
    for document_id in gone:
        writer.delete_by_term("id", document_id)
    for entry in entries:
        writer.add_document(
            id=entry.document_id,
            lang=entry.lang,
            **{
                f"words_{entry.lang}": _joined(entry.words),
                f"grams_{entry.lang}": _joined(entry.bigrams),
                f"spelling_{entry.lang}": _joined(
                    [surface.partition("|")[0] for surface in entry.surfaces]
                ),
                f"written_{entry.lang}": _joined(entry.surfaces),
            },
        )
    writer.commit(mergetype=_gathered)


def _field(phrases: bool) -> fields.TEXT:
    field = fields.TEXT(analyzer=SpaceSeparatedTokenizer(), phrase=phrases)
    # This index does not rank, so whoosh need not store and look up field lengths.
    field.scorable = False
    return field


def _gathered(writer: Any, segments: list[Any]) -> list[Any]:
    """Whoosh merge policy: return the segments to keep and merge the others into the new one.

    Merging everything is slow. So only small segments, one of which each edit adds, and large
    segments with many deleted documents are merged.
    """
    if len(segments) < MAX_SEGMENTS:
        return segments
    total = sum(segment.doc_count_all() for segment in segments)
    keep = [segment for segment in segments if _worth_keeping(segment, total)]
    for segment in segments:
        if segment not in keep:
            reader = SegmentReader(writer.storage, writer.schema, segment)
            writer.add_reader(reader)
            reader.close()
    return keep


def _worth_keeping(segment: Any, total: int) -> bool:
    count, gone = int(segment.doc_count_all()), int(segment.deleted_count())
    return count >= LARGE_SHARE * total and gone <= GONE_SHARE * count


def _joined(tokens: Sequence[str]) -> str:
    return " ".join(token.replace(" ", "") for token in tokens)


def _copy(source: Path, target: Path) -> None:
    for path in source.iterdir():
        if path.is_file() and not any(name in path.name for name in _NOT_LINKED):
            shutil.copyfile(path, target / path.name)


def _phrase(lang: str, text: str) -> query.Query:
    """A query for adjacent words, or adjacent bigrams in scripts without spaces."""
    analysed = analyser(lang).analyse(text)
    bigrams = [bigram for bigram in analysed.bigrams if len(bigram) > 1]
    parts: list[query.Query] = []
    if bigrams:
        parts.append(
            query.Phrase(f"grams_{lang}", bigrams)
            if len(bigrams) > 1
            else query.Term(f"grams_{lang}", bigrams[0])
        )
    elif analysed.bigrams:
        parts.append(query.Prefix(f"grams_{lang}", analysed.bigrams[0]))
    if not bigrams and len(analysed.words) > 1 and not analysed.bigrams:
        parts.append(query.Phrase(f"words_{lang}", list(analysed.words)))
    elif not analysed.bigrams:
        parts += [query.Term(f"words_{lang}", word) for word in analysed.words]
    return query.And(parts) if parts else query.NullQuery
