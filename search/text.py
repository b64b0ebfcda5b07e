"""One tokenisation per language, for index and query alike. This module alone decides what a word is.

Two streams come out of every text. *Words* are dictionary forms or stems. *Grams* are character bigrams of scripts
written without spaces, kana made one, so that a spelling no dictionary knows still meets its article. Both are indexed
and both are scored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from threading import local
from typing import TYPE_CHECKING, Any, NamedTuple

from search.folding import Folded, fold, fold_kana, fold_sounds, fold_with_offsets

if TYPE_CHECKING:
    from sudachipy import Tokenizer

VERSION = "6"
"""Changes whenever the same text would give other tokens; a bundle of another version is not opened."""

_DATA = Path(__file__).parent / "data"

# Languages whose words Snowball can stem, by their code.
STEMMERS = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali", "nl": "dutch", "no": "norwegian",
    "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil",
    "tr": "turkish", "yi": "yiddish",
}  # fmt: skip

_SPACELESS = (
    "\u3005-\u3007\u3041-\u309f\u30a0-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"
    "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff"
)
_RUN = re.compile(f"[{_SPACELESS}]+")
_IDEOGRAPH = re.compile("[\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff\uac00-\ud7af]")
# A run of letters and digits with the signs that hold codes and names together: wi-fi, e-502, c++, don't, a.b.c
_LATIN = re.compile(rf"[^\W_{_SPACELESS}]+(?:[-'._/&@][^\W_{_SPACELESS}]+)*(?:\+\+|#)?")
_ALPHANUMERIC = re.compile(rf"[^\W\d_{_SPACELESS}]+|\d+")
_SEPARATORS = re.compile(r"[-'._/&@]")
# Ideographs and katakana: what separates one word from the next in Japanese
_WRITTEN_OUT = re.compile("[\u30a1-\u30fa\u3400-\u4dbf\u4e00-\u9fff]")
# Written by sound: Latin, Greek, Cyrillic ... and katakana
_SPELT = re.compile("[^\\W\\d_\u3041-\u3096\u3400-\u9fff]+")
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\u30fc]+")
_HANGUL = re.compile("[\uac00-\ud7af]+")

# A shorter word has too many neighbours: mars is no misspelt mark.
SHORTEST_CORRECTED = 5
# A kana says as much as two letters.
SHORTEST_KANA = 4
_SENTENCE = re.compile(r"[^\n。！？]+[。！？\n]?|[。！？\n]")
# Sudachi takes 49,149 bytes at a time; lines are cut well below that.
_SUDACHI_CHARS = 8_000
_CONTENT_FREE = ("助詞", "助動詞", "補助記号", "空白", "記号")

ENGLISH_FUNCTION_WORDS = frozenset(
    """
    a about above after again all am an and any are as at be because been before being between both but by can cannot could
    did do does doing done down during each few for from further get got had has have having he her here hers him his how i
    id if im in into is it its ive just let like me more most my myself no nor not now of off on once only or other our out
    over own please same she should so some such tell than thanks that the their them then there these they this those
    through to too under until up us very want was we were what when where which while who whom why will with would you your
    yours
    """.split()  # noqa: SIM905, a list of words reads best as words
)


class Token(NamedTuple):
    """An indexed form and the stretch of the original text that it came from. ``prefix`` asks for all that start so."""

    text: str
    start: int
    end: int
    prefix: bool = False


Stretches = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Analysed:
    """The two streams of one text."""

    words: tuple[str, ...]
    grams: tuple[str, ...]


class Analyser:
    """Tokenises texts of one language (an ISO 639-1 code). Threads may share it."""

    def __init__(self, lang: str) -> None:
        self.lang = lang
        self._words = _word_finder(lang)
        self._function_words = _function_words(lang)

    def analyse(self, text: str) -> Analysed:
        """Tokens of a text to be indexed."""
        folded = fold_with_offsets(text)
        words = tuple(token.text for token in self._words(folded))
        return Analysed(words, tuple(token.text for token in _grams(folded, tail=True)))

    def surfaces(self, text: str) -> tuple[str, ...]:
        """What a misspelt word is compared with: words three letters and longer, as ``key|written``.

        The key of a word in kana or kanji is how it is read, in katakana; of any other the word itself.
        """
        folded = fold_with_offsets(text)
        words = {folded_word(text[token.start : token.end]) for token in self._words(folded)}
        found = {f"{spelling_key(word)}|{word}" for word in words if len(word) > 2 and _SPELT.fullmatch(word)}
        if self.lang == "ja":
            found |= {f"{spoken}|{surface}" for surface, spoken in _spoken_words(folded.text) if len(spoken) >= SHORTEST_KANA}
        return tuple(sorted(found))

    def analyse_query(self, text: str) -> tuple[list[Token], list[Token]]:
        """Words and grams of a question, function words left out where anything else is asked for."""
        folded = fold_with_offsets(text)
        words = list(self._words(folded))
        telling = [token for token in words if token.text not in self._function_words]
        grams = list(_grams(folded, tail=False))
        return telling or words, _telling_grams(folded, grams, telling) if telling and self.lang == "ja" else grams

    def spans(self, text: str, words: set[str], grams: set[str]) -> list[tuple[int, int]]:
        """Stretches of ``text`` that hold one of the words, or grams in a row: one bigram alone marks half of other words."""
        found, left = _written_out(text, words) if self.lang == "ja" else ([], words)
        if left:
            found += [(start, end) for word, start, end in words_of(self.lang, text) if word in left]
        rows = merge_spans([place for run in _runs_of(text) for place in _gram_places(run, grams)]) if grams else []
        return merge_spans(found + [row for row in rows if row[1] - row[0] > 2])

    def stretches(self, text: str) -> Stretches:
        """(form, start, end) of every word of a text, function words among them."""
        return tuple((token.text, token.start, token.end) for token in self._words(fold_with_offsets(text)))


def _written_out(text: str, words: set[str]) -> tuple[list[tuple[int, int]], set[str]]:
    """Where Japanese words stand as they are, and the words that may stand in another form: for those a text must be analysed.

    A word whose first character is nowhere in the text does not stand in it in any form.
    """
    folded = fold_with_offsets(text)
    kana = fold_kana(folded.text)
    found: list[tuple[int, int]] = []
    left: set[str] = set()
    for word in words:
        key = _kana_key(word)
        places = list(_places(key, kana)) if len(key) > 1 and not key.isascii() else []
        found += [folded.span(at, at + len(key)) for at in places]
        if not places and key[:1] in kana:
            left.add(word)
    return found, left


def _places(key: str, text: str) -> Iterator[int]:
    at = text.find(key)
    while at >= 0:
        yield at
        at = text.find(key, at + len(key))


@lru_cache(maxsize=4096)
def _kana_key(word: str) -> str:
    """A folded word in katakana. Remembered: each word of a question is looked for in all that is shown."""
    return fold_kana(word)


def _gram_places(run: Stretches, grams: set[str]) -> Iterator[tuple[int, int]]:
    for (left, start, _), (right, _, end) in pairwise(run):
        if left + right in grams:
            yield start, end


def words_of(lang: str, text: str) -> Stretches:
    """(form, start, end) of every word of a text."""
    return tuple((form, at + start, at + end) for at, sentence in _sentences(text) for form, start, end in _words_in(lang, sentence))


def _runs_of(text: str) -> Iterator[Stretches]:
    """(character, start, end) of each of a text's runs without spaces."""
    for at, sentence in _sentences(text):
        for run in _runs_in(sentence):
            yield tuple((char, at + start, at + end) for char, start, end in run)


def _sentences(text: str) -> Iterator[tuple[int, str]]:
    """Where each sentence or line begins, and it: no word goes on beyond."""
    for match in _SENTENCE.finditer(text):
        yield match.start(), match.group()


# Remembered: the same titles and sentences are shown again and again, in ever other stretches.
@lru_cache(maxsize=8192)
def _words_in(lang: str, sentence: str) -> Stretches:
    return analyser(lang).stretches(sentence)


@lru_cache(maxsize=8192)
def _runs_in(sentence: str) -> tuple[Stretches, ...]:
    folded = fold_with_offsets(sentence)
    runs = [_cells(match.group(), match.start()) for match in _RUN.finditer(folded.text)]
    return tuple(tuple((cell.char, *folded.span(cell.start, cell.end)) for cell in run) for run in runs)


@lru_cache(maxsize=64)
def analyser(lang: str) -> Analyser:
    """The analyser of a language; any code is fine, unknown ones split at what is not a letter."""
    return Analyser(lang)


def merge_spans(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted, overlapping and touching ones joined."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def allowed_distance(key: str) -> int:
    """How many letters a misspelt word may be away from the one that was meant; none where it is too short to say."""
    if _KANA.fullmatch(key):
        return 0 if len(key) < SHORTEST_KANA else 1
    return 0 if len(key) < SHORTEST_CORRECTED else 1 if len(key) < 8 else 2


def spelling_key(word: str) -> str:
    """A folded word as misspelt ones are compared: kana by sound, anything else as it is."""
    return fold_sounds(fold_kana(word)) if _KANA.fullmatch(word) else word


def _spoken_words(folded: str) -> Iterator[tuple[str, str]]:
    """(surface, reading in katakana) of words written with ideographs."""
    for _at, line in _sudachi_lines(folded):
        for morpheme in _sudachi().tokenize(line):
            if _IDEOGRAPH.search(morpheme.surface()) and not _tells_nothing(morpheme):
                yield morpheme.surface(), fold_sounds(fold_kana(fold(morpheme.reading_form())))


def folded_word(text: str) -> str:
    """One word folded, without the signs around it."""
    return fold(text).strip(" '\"-_.,")


def has_letters(text: str) -> bool:
    """Whether anything in the text could be searched for."""
    return any(char.isalnum() for char in text)


def sound_key(text: str) -> str:
    """What two spellings of one word share: folded, kana as katakana, one spelling for one sound."""
    return fold_sounds(fold_kana(fold(text)))


def reading(text: str) -> str:
    """The text in katakana, kanji read aloud by the dictionary; other scripts as they are."""
    return "".join(fold_sounds(part) for _surface, part in morphemes_with_reading(fold(text)))


def morphemes_with_reading(folded: str) -> Iterator[tuple[str, str]]:
    """(surface, reading in katakana) of each morpheme of a folded text."""
    for line in _sudachi_lines(folded):
        for morpheme in _sudachi().tokenize(line[1]):
            surface = morpheme.surface()
            spoken = morpheme.reading_form() if _RUN.search(surface) else surface
            yield surface, fold_kana(spoken)


# --- words -----------------------------------------------------------------------------------------------------------

_Finder = Callable[[Folded], Iterator[Token]]


def _word_finder(lang: str) -> _Finder:
    if lang == "ja":
        return _japanese_words
    stem = _stemmer(lang)

    def find(folded: Folded) -> Iterator[Token]:
        yield from _latin_words(folded, stem)
        for match in _HANGUL.finditer(folded.text):
            yield _token(folded, match.group(), match.start(), match.end())

    return find


def _token(folded: Folded, text: str, start: int, end: int) -> Token:
    origin = folded.span(start, end)
    return Token(text, origin[0], origin[1])


def _latin_words(folded: Folded, stem: Callable[[str], str]) -> Iterator[Token]:
    for match in _LATIN.finditer(folded.text):
        run, start = match.group(), match.start()
        if run.isalpha():
            yield _token(folded, stem(run), start, match.end())
            continue
        plain = re.sub(r"'s?$|'s(?=\W|$)", "", run) if "'" in run else run
        whole = _SEPARATORS.sub("", plain)
        parts = _parts(run)
        yield _token(folded, stem(whole), start, match.end())
        if "'" not in run and len(parts) > 1:
            for part, offset in parts:
                yield _token(folded, stem(part), start + offset, start + offset + len(part))


def _parts(run: str) -> list[tuple[str, int]]:
    """Letters and digits of a compound apart: e-502 -> 502 (single letters tell nothing), iphone15 -> iphone, 15."""
    found = [(match.group(), match.start()) for match in _ALPHANUMERIC.finditer(run)]
    kept = [(part, at) for part, at in found if len(part) > 1 or part.isdigit()]
    return kept if len(found) > 1 and kept else []


def _stemmer(lang: str) -> Callable[[str], str]:
    """Snowball's stemmer of the language, or none. PyStemmer's objects may not be shared by threads."""
    if lang not in STEMMERS:
        return lambda word: word
    import Stemmer

    store = local()
    name = STEMMERS[lang]

    @lru_cache(maxsize=50_000)
    def stem(word: str) -> str:
        if not hasattr(store, "stemmer"):
            store.stemmer = Stemmer.Stemmer(name)
        return str(store.stemmer.stemWord(word))

    return stem


def _japanese_words(folded: Folded) -> Iterator[Token]:
    """Codes and Latin names whole; for the rest dictionary forms of long units and of the short units in them."""
    covered = bytearray(len(folded.text))
    for match in _LATIN.finditer(folded.text):
        covered[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    yield from _latin_words(folded, lambda word: word)
    for at, line in _sudachi_lines(folded.text):
        for morpheme in _sudachi().tokenize(line):
            start, end = at + morpheme.begin(), at + morpheme.end()
            if 0 not in covered[start:end] or _tells_nothing(morpheme):
                continue
            yield from _units(folded, morpheme, start, end)


_free_of_content: dict[int, bool] = {}


def _tells_nothing(morpheme: Any) -> bool:
    """Particles, auxiliaries, signs and spaces, remembered by the dictionary's number of the part of speech."""
    number = morpheme.part_of_speech_id()
    if number not in _free_of_content:
        _free_of_content[number] = morpheme.part_of_speech()[0] in _CONTENT_FREE
    return _free_of_content[number]


def _units(folded: Folded, morpheme: Any, start: int, end: int) -> Iterator[Token]:
    yield _token(folded, _normal(morpheme), start, end)
    if end - start < 2:
        return
    shorts = morpheme.split(_short_units(), add_single=False)
    for short in shorts:
        inner = start + short.begin() - morpheme.begin()
        if len(short.surface()) > 1:
            yield _token(folded, _normal(short), inner, inner + len(short.surface()))


def _normal(morpheme: Any) -> str:
    """The dictionary's form, one spelling for one sound: サーバ and サーバー, ビーガン and ヴィーガン."""
    return _one_spelling(morpheme.normalized_form())


@lru_cache(maxsize=50_000)
def _one_spelling(form: str) -> str:
    folded = fold(form)
    return folded if _IDEOGRAPH.search(folded) else fold_sounds(fold_kana(folded))


_thread = local()


def _sudachi() -> Tokenizer:
    """This thread's tokeniser over the shared dictionary."""
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


def _sudachi_lines(text: str) -> Iterator[tuple[int, str]]:
    """Stretches holding Japanese, short enough for Sudachi, with where they start."""
    for match in re.finditer(r"[^\n。！？]+[。！？\n]?", text):
        line = match.group()
        if _RUN.search(line):
            for offset in range(0, len(line), _SUDACHI_CHARS):
                yield match.start() + offset, line[offset : offset + _SUDACHI_CHARS]


@lru_cache(maxsize=8)
def _function_words(lang: str) -> frozenset[str]:
    if lang == "ja":
        lines = (_DATA / "japanese_function_words.txt").read_text(encoding="utf-8").splitlines()
        forms = (line.strip() for line in lines if line and not line.startswith("#"))
        return frozenset(_one_spelling(form) for form in forms) | ENGLISH_FUNCTION_WORDS
    if lang == "en":
        stem = _stemmer("en")
        return ENGLISH_FUNCTION_WORDS | {stem(word) for word in ENGLISH_FUNCTION_WORDS}
    return frozenset()


# --- grams -----------------------------------------------------------------------------------------------------------


class _Cell(NamedTuple):
    """One character of a run after the folding of sounds, with its stretch of the folded text."""

    char: str
    start: int
    end: int


def _cells(run: str, at: int) -> list[_Cell]:
    """Characters of a run: kana as katakana, ヴァ as バ, no long-vowel mark at the end of a kana word."""
    kana = fold_kana(run)
    if "ヴ" not in kana and "ー" not in kana:
        return [_Cell(char, at + index, at + index + 1) for index, char in enumerate(kana)]
    cells: list[_Cell] = []
    index = 0
    while index < len(run):
        pair = fold_sounds(kana[index : index + 2])
        if kana[index] == "ヴ" and len(pair) == 1 and index + 1 < len(run):
            cells.append(_Cell(pair, at + index, at + index + 2))
            index += 2
            continue
        if not (kana[index] == "ー" and _ends_kana_word(run, index)):
            cells.append(_Cell(fold_sounds(kana[index]), at + index, at + index + 1))
        index += 1
    return cells


def _ends_kana_word(run: str, index: int) -> bool:
    script = _kana_script(run[index - 1]) if index >= 2 else ""
    following = _kana_script(run[index + 1]) if index + 1 < len(run) else ""
    return bool(script) and _kana_script(run[index - 2]) == script != following


def _kana_script(char: str) -> str:
    if "\u3041" <= char <= "\u3096":
        return "hiragana"
    return "katakana" if "\u30a1" <= char <= "\u30fa" or char == "ー" else ""


def _grams(folded: Folded, tail: bool) -> Iterator[Token]:
    """Overlapping pairs of characters of every run without spaces.

    In an index (``tail``) the last character of a run stands alone besides, so that every character begins some gram;
    a question of one ideograph then asks for all grams that start with it.
    """
    for match in _RUN.finditer(folded.text):
        cells = _cells(match.group(), match.start())
        for left, right in pairwise(cells):
            yield _token(folded, left.char + right.char, left.start, right.end)
        if not cells:
            continue
        last = cells[-1]
        if tail:
            yield _token(folded, last.char, last.start, last.end)
        elif len(cells) == 1 and _IDEOGRAPH.match(last.char):
            origin = folded.span(last.start, last.end)
            yield Token(last.char, origin[0], origin[1], prefix=True)


def _telling_grams(folded: Folded, grams: list[Token], telling: list[Token]) -> list[Token]:
    """Grams that touch a telling word. A question all in hiragana keeps every gram: the dictionary cannot split it."""
    if not _WRITTEN_OUT.search(folded.text):
        return grams
    return [gram for gram in grams if any(gram.start < word.end and word.start < gram.end for word in telling)]


def is_spaceless(text: str) -> bool:
    """Whether it holds a script that is written without spaces."""
    return bool(_RUN.search(text))
