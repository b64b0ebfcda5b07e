"""Japanese words and readings by Sudachi. The only module that imports sudachipy."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any

from search.analysis.latin import ENGLISH_FUNCTION_WORDS, latin_words
from search.analysis.normalize import fold, fold_kana, fold_sounds
from search.analysis.scripts import IDEOGRAPH, RUN, latin_runs
from search.analysis.sentences import lines
from search.analysis.tokens import Token

if TYPE_CHECKING:
    from sudachipy import Tokenizer

_FUNCTION_WORDS = Path(__file__).resolve().parents[1] / "data" / "japanese_function_words.txt"
# Sudachi accepts at most 49,149 bytes per call.
_SUDACHI_CHARS = 8_000
_CONTENT_FREE = ("助詞", "助動詞", "補助記号", "空白", "記号")


def japanese_words(folded: str, spoken: set[tuple[str, str]] | None = None) -> Iterator[Token]:
    """Yield the words of a folded Japanese text.

    Codes and Latin names stay whole. The rest gives the dictionary forms of long units and of the
    short units in them. ``spoken`` collects (surface, reading in katakana) of the words written
    with ideographs.
    """
    covered = bytearray(len(folded))
    for match in latin_runs(folded):
        covered[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    yield from latin_words(folded, lambda word: word)
    for start, end, morpheme in _morphemes(folded):
        if _is_function_word(morpheme):
            continue
        if spoken is not None and IDEOGRAPH.search(morpheme.surface()):
            spoken.add((morpheme.surface(), _reading_of(morpheme.reading_form())))
        if 0 in covered[start:end]:
            yield from _units(morpheme, start, end)


def morphemes_with_reading(folded: str) -> Iterator[tuple[str, str]]:
    """Yield (surface, reading in katakana) of each morpheme of a folded text."""
    for _start, _end, morpheme in _morphemes(folded):
        surface = morpheme.surface()
        pronounced = morpheme.reading_form() if RUN.search(surface) else surface
        yield surface, fold_kana(pronounced)


def surfaces_with_reading(text: str) -> Iterator[tuple[str, str]]:
    """Yield each short unit of a text as it is written, with its reading in katakana.

    The surfaces together are the text.
    """
    at = 0
    for start, line in _lines(text):
        if at < start:
            yield text[at:start], ""
        for morpheme in _sudachi().tokenize(line, _short_units()):
            yield morpheme.surface(), morpheme.reading_form()
        at = start + len(line)
    if at < len(text):
        yield text[at:], ""


def reading(text: str) -> str:
    """Return the text in katakana, with dictionary readings of kanji; other scripts unchanged."""
    return "".join(fold_sounds(part) for _surface, part in morphemes_with_reading(fold(text)))


def in_dictionary(folded: str) -> bool:
    """Whether all of a text is words of the dictionary; False for a text without any."""
    parts = [morpheme for line in lines(folded) for morpheme in _sudachi().tokenize(line[1])]
    return bool(parts) and not any(morpheme.is_oov() for morpheme in parts)


def japanese_function_words() -> frozenset[str]:
    """Return Japanese function words, and the English ones, which occur in Japanese texts too."""
    lines = _FUNCTION_WORDS.read_text(encoding="utf-8").splitlines()
    forms = (line.strip() for line in lines if line and not line.startswith("#"))
    return frozenset(_one_spelling(form) for form in forms) | ENGLISH_FUNCTION_WORDS


def _morphemes(folded: str) -> Iterator[tuple[int, int, Any]]:
    """Yield (start, end, long unit) of the parts that contain Japanese."""
    for at, line in _lines(folded):
        for morpheme in _sudachi().tokenize(line):
            yield at + morpheme.begin(), at + morpheme.end(), morpheme


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield (start, text) of the parts that contain Japanese, each short enough for Sudachi."""
    for at, line in lines(text):
        if RUN.search(line):
            for offset in range(0, len(line), _SUDACHI_CHARS):
                yield at + offset, line[offset : offset + _SUDACHI_CHARS]


def _units(morpheme: Any, start: int, end: int) -> Iterator[Token]:
    yield Token(_one_spelling(morpheme.normalized_form()), start, end)
    if end - start < 2:
        return
    for short in morpheme.split(_short_units(), add_single=False):
        first, last = short.begin() - morpheme.begin(), short.end() - morpheme.begin()
        if last - first > 1:
            yield Token(_one_spelling(short.normalized_form()), start + first, start + last)


@lru_cache(maxsize=50_000)
def _one_spelling(form: str) -> str:
    """Return one spelling for variants of a word: サーバ and サーバー, ビーガン and ヴィーガン."""
    folded = fold(form)
    return folded if IDEOGRAPH.search(folded) else fold_sounds(fold_kana(folded))


@lru_cache(maxsize=50_000)
def _reading_of(form: str) -> str:
    return fold_sounds(fold_kana(fold(form)))


_free_of_content: dict[int, bool] = {}


def _is_function_word(morpheme: Any) -> bool:
    """Return whether it is a particle, auxiliary, symbol or space; cached per part-of-speech id."""
    pos_id = morpheme.part_of_speech_id()
    if pos_id not in _free_of_content:
        _free_of_content[pos_id] = morpheme.part_of_speech()[0] in _CONTENT_FREE
    return _free_of_content[pos_id]


_thread = local()


def _sudachi() -> Tokenizer:
    """Return this thread's tokeniser over the shared dictionary."""
    if not hasattr(_thread, "tokenizer"):
        _thread.tokenizer = _dictionary().tokenizer(_long_units())
    tokenizer: Tokenizer = _thread.tokenizer
    return tokenizer


@lru_cache(maxsize=1)
def _dictionary() -> Any:
    from sudachipy import Dictionary

    return Dictionary(dict="core")


def _long_units() -> Any:
    from sudachipy import SplitMode

    return SplitMode.C


def _short_units() -> Any:
    from sudachipy import SplitMode

    return SplitMode.A
