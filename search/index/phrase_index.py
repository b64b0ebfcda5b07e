"""The inverted index: phrases, excluded words, prefixes, spelling. Only this file and segments.py import whoosh.

Plain questions are scored elsewhere (impacts.py). Fields hold tokens that search/text.py made, one field a language and
stream, so that whoosh's own analysis and query parser, which turn a question into an AND of wildcards, are never asked.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
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

# Files of a folder that is still being written to; never carried over.
_NOT_LINKED = ("WRITELOCK",)
# More segments than this make every look-up slow (22 of them cost a third); then small ones are merged.
MAX_SEGMENTS = 12
# A segment with this share of all documents is large; one of which more than this share is gone is written anew.
LARGE_SHARE = 0.05
GONE_SHARE = 0.25
# Words near a misspelt one: some may stand in no article any more.
NEAREST_LOOKED_AT = 8


@dataclass(frozen=True)
class KeywordEntry:
    """The tokens of one document. ``surfaces`` feed spelling and are empty where not everybody may see the document."""

    document_id: str
    lang: str
    words: Sequence[str]
    bigrams: Sequence[str]
    surfaces: Sequence[str] = ()


class WhooshIndex:
    """Implements ports.KeywordIndex on a folder."""

    def __init__(self, folder: Path) -> None:
        self._index = MappedStorage(folder).open_index()
        self._searcher = self._index.searcher()
        # Whoosh reads its file anew whenever it is asked for the schema.
        self._fields = frozenset(self._index.schema.names())

    def close(self) -> None:
        """Release the files."""
        self._searcher.close()
        self._index.close()

    def matching(self, lang: str, phrases: Sequence[str], excluded: Sequence[str]) -> set[str]:
        """Ids of the language's documents that hold every phrase and none of the excluded ones."""
        wanted = [_phrase(lang, phrase) for phrase in phrases]
        unwanted = [_phrase(lang, phrase) for phrase in excluded]
        positive = query.And([query.Term("lang", lang), *wanted])
        asked = query.AndNot(positive, query.Or(unwanted)) if unwanted else positive
        return {
            str(self._searcher.stored_fields(number)["id"])
            for number in self._searcher.docs_for_query(asked)
        }

    def correct(self, lang: str, word: str) -> str | None:
        """The word that was probably meant: read alike, else one or two letters away; None when this one is there or nothing is near."""
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
        corrector = self._searcher.corrector(field)
        # The nearest one nearly always stands in some article; to look for more of them takes many times as long.
        for count in (1, NEAREST_LOOKED_AT):
            nearest = [
                self._written(lang, str(near))
                for near in corrector.suggest(key, limit=count, maxdist=distance, prefix=1)
            ]
            found = next((words[0] for words in nearest if words), None)
            if found or not nearest:
                return found
        return None

    def _written(self, lang: str, key: str) -> list[str]:
        """How articles write what has this key, the commonest first."""
        reader, field = self._searcher.reader(), f"written_{lang}"
        found = [
            entry.decode()
            for entry in reader.expand_prefix(field, f"{key}|")
            if self._stands(field, entry)
        ]
        return [
            entry.partition("|")[2]
            for entry in sorted(
                found, key=lambda entry: (-reader.doc_frequency(field, entry), entry)
            )
        ]

    def _stands(self, field: str, entry: bytes) -> bool:
        """Whether a word stands in a document that is still there: whoosh keeps words of deleted ones until it merges their segment."""
        return bool(self._searcher.reader().postings(field, entry).is_active())


def write_index(
    folder: Path,
    entries: Iterable[KeywordEntry],
    gone: Iterable[str] = (),
    previous: Path | None = None,
) -> None:
    """Write an index into the new ``folder``: the previous one with some documents replaced, or a new one.

    Files of the previous index are copied, so that no two builds share one; whoosh adds segments beside them.
    """
    folder.mkdir(parents=True)
    if previous is not None:
        _copy(previous, folder)
        whole = MappedStorage(folder).open_index()
    else:
        whole = MappedStorage(folder).create_index(
            fields.Schema(id=fields.ID(stored=True, unique=True), lang=fields.ID())
        )
    _write(whole, list(entries), list(gone))
    whole.close()
    for name in _NOT_LINKED:
        for left in folder.glob(f"*{name}*"):
            left.unlink()


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
    # Nothing is ranked here: else whoosh keeps each text's length and looks it up for every posting it writes.
    field.scorable = False
    return field


def _gathered(writer: Any, segments: list[Any]) -> list[Any]:
    """Whoosh's merge policy: gives the segments that stay, and adds the others to the one being written.

    To merge all of 10,000 documents took five seconds. So only small segments are gathered, which edits leave behind one each, and
    large ones of which much is gone.
    """
    if len(segments) < MAX_SEGMENTS:
        return segments
    total = sum(segment.doc_count_all() for segment in segments)
    kept = [segment for segment in segments if _worth_keeping(segment, total)]
    for segment in segments:
        if segment not in kept:
            reader = SegmentReader(writer.storage, writer.schema, segment)
            writer.add_reader(reader)
            reader.close()
    return kept


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
    """Adjacent words, or adjacent grams where the script has no spaces."""
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
