"""Checks the texts of an article against the house style of its language. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

from indexer.checking.readability import reading_ease
from indexer.model import Article
from indexer.reading.style_file import PLAIN, POLITE, Style, Tone
from search.analysis.normalize import fold
from search.analysis.sentences import sentence_bounds

# Remarks of one kind on one article: more would hide the rest.
MOST_OF_A_KIND = 5
# Blocks of sentences; table cells and code are no prose, and quotations are somebody else's.
_PROSE = frozenset({"paragraph", "list", "steps", "definition"})
_POLITE = re.compile(
    r"(?:です|ます|ません|でした|ました|でしょう|ましょう|ください|下さい|くださいませ|ませ|なさい)"
    r"(?:か|ね|よ|が|けど|けれども)?[。！？!?]?\Z"
)
# A verb, an adjective or da at the end: with a full stop, since items and notes end in nouns.
_NO_VERB = re.compile(
    r"(?:[0-9一二三四五六七八九]つ|ひとつ|ふたつ|みっつ|よっつ|いつつ|ありがとう|よろしく|おはよう)。\Z"
)
_PLAIN = re.compile(r"[るただいうくすつぬむぶぐ](?:か|ね|よ)?。\Z")
# Not the signs that texts always had, such as stars, notes and telephones.
_EMOJI = re.compile(
    "[\U0001f300-\U0001faff\U0001f1e6-\U0001f1ff\u231a\u231b\u23e9-\u23f3\u2614\u2615"
    "\u2648-\u2653\u26a0\u26a1\u26d4\u2705\u2728\u274c\u274e\u2753-\u2757\u2764\u27a1"
    "\u2b05-\u2b07\u2b50\u2b55\u203c\u2049]"
)
_CONTRACTION = re.compile(
    r"(?i)\b(?:[a-z]{1,12}n['’]t|[a-z]{1,6}['’](?:re|ve|ll|d|m)"
    r"|(?:it|that|what|here|there|let|who|where)['’]s)\b"
)
_BRACKETS = re.compile(r"「[^「」]*」|『[^『』]*』|\"[^\"\n]*\"|“[^“”]*”")


@dataclass(frozen=True)
class Remark:
    """What does not follow the style: the words as they stand, and what to do."""

    code: str
    words: str
    message: str
    hint: str


class _Texts:
    """The sentences of an article that the style is about."""

    def __init__(self, article: Article) -> None:
        self._article = article

    @cached_property
    def sentences(self) -> Sequence[str]:
        """The sentences of its prose."""
        return self._sentences(_PROSE)

    @cached_property
    def paragraphs(self) -> Sequence[str]:
        """The sentences outside of lists: items in a polite text are usually plain."""
        return self._sentences(frozenset({"paragraph"}))

    def _sentences(self, kinds: frozenset[str]) -> Sequence[str]:
        found = [self._article.summary, *self._blocks(kinds)]
        return [text for block in found for text in _cut(block)]

    @cached_property
    def whole(self) -> str:
        """All that is read as running text, with title and headings."""
        headings = [section.heading for section in self._article.sections]
        return "\n".join((self._article.title, *headings, *self.sentences))

    def _blocks(self, kinds: frozenset[str]) -> Iterator[str]:
        for section in self._article.sections:
            lines = section.text.split("\n")
            if not section.blocks:
                yield from lines
            for block in section.blocks:
                if block.kind in kinds:
                    yield from lines[block.first : block.end]


def style_remarks(article: Article, styles: Mapping[str, Style]) -> list[Remark]:
    """What in an article does not follow the style of its language."""
    style = styles.get(article.lang)
    if style is None:
        return []
    names = frozenset((article.section, article.type, *article.tags))
    texts, tone = _Texts(article), style.tone(names)
    return [
        *_bounded(_terms(texts.whole, tone, article.lang)),
        *_bounded(_forms(texts.paragraphs, tone)),
        *_bounded(_lengths(texts.sentences, tone, article.lang)),
        *_bounded(_signs(texts.whole, tone)),
        *_needed(texts.whole, tone),
        *_hard(texts.sentences, tone, article.lang),
        *_parts(article, style),
    ]


def ease_of(article: Article) -> float | None:
    """The reading ease of an article, from 0 to 100; None where it cannot be told."""
    return reading_ease(_Texts(article).sentences, article.lang)


def _bounded(remarks: Iterator[Remark]) -> list[Remark]:
    kept: dict[str, Remark] = {}
    for remark in remarks:
        kept.setdefault(remark.words, remark)
        if len(kept) == MOST_OF_A_KIND:
            break
    return list(kept.values())


def _cut(block: str) -> Iterator[str]:
    for start, end in pairwise(sentence_bounds(block)):
        sentence = block[start:end].strip()
        if sentence:
            yield sentence


def _terms(text: str, tone: Tone, lang: str) -> Iterator[Remark]:
    better: dict[str, str] = {**dict.fromkeys(tone.avoid, ""), **tone.instead}
    if not better:
        return
    # The better word goes first: サーバー must not be read as サーバ.
    words = sorted({*better, *filter(None, better.values())}, key=len, reverse=True)
    joined = "|".join(re.escape(word) for word in words)
    pattern = joined if lang in ("ja", "zh") else rf"(?<![\w-])(?:{joined})(?![\w-])"
    known = {word.lower(): (word, instead) for word, instead in better.items()}
    for match in re.finditer(pattern, text, re.IGNORECASE):
        if found := known.get(match[0].lower()):
            instead = found[1]
            hint = f"Write {instead!r}." if instead else "Say it in another way."
            message = f"the house style avoids {match[0].lower()}."
            yield Remark("style-term", match[0], message, hint)


def _forms(sentences: Sequence[str], tone: Tone) -> Iterator[Remark]:
    if tone.form is None:
        return
    for sentence in sentences:
        bare = _BRACKETS.sub("", sentence)
        if "「" in bare:  # it ends inside of what somebody said
            continue
        is_polite = bool(_POLITE.search(bare))
        is_plain = not is_polite and bool(_PLAIN.search(bare)) and not _NO_VERB.search(bare)
        if (tone.form == POLITE and is_plain) or (tone.form == PLAIN and is_polite):
            message = f"{_short(sentence)!r} is not written in {tone.form}."
            yield Remark("style-form", sentence, message, f"Write all sentences in {tone.form}.")


def _lengths(sentences: Sequence[str], tone: Tone, lang: str) -> Iterator[Remark]:
    if tone.sentence is None:
        return
    unit = "characters" if lang in ("ja", "zh") else "words"
    for sentence in sentences:
        length = len(sentence) if unit == "characters" else len(sentence.split())
        if length > tone.sentence:
            message = f"a sentence has {length} {unit}: {_short(sentence)!r}."
            yield Remark("style-sentence", sentence, message, f"At most {tone.sentence}: cut it.")


def _signs(text: str, tone: Tone) -> Iterator[Remark]:
    if tone.emoji is False:
        for match in _EMOJI.finditer(text):
            yield Remark("style-emoji", match[0], f"has the emoji {match[0]}.", "Leave it out.")
    if tone.contractions is False:
        for match in _CONTRACTION.finditer(text):
            message = f"has the short form {match[0]!r}."
            yield Remark("style-contraction", match[0], message, "Write it in full.")


def _needed(text: str, tone: Tone) -> Iterator[Remark]:
    if tone.needs and not any(fold(phrase) in fold(text) for phrase in tone.needs):
        wanted = ", ".join(repr(phrase) for phrase in tone.needs[:5])
        message = "does not say what articles of its kind must say."
        yield Remark("style-needs", "", message, f"Say one of: {wanted}.")


def _hard(sentences: Sequence[str], tone: Tone, lang: str) -> Iterator[Remark]:
    ease = reading_ease(sentences, lang) if tone.reading is not None else None
    if ease is not None and tone.reading is not None and ease < tone.reading:
        message = f"is hard to read: {ease:.0f}, and at least {tone.reading:.0f} is asked."
        hint = "Shorter sentences and more usual words."
        yield Remark("style-reading", "", message, hint)


def _parts(article: Article, style: Style) -> Iterator[Remark]:
    headings = [fold(entry.title) for entry in article.toc]
    for part in style.parts.get(article.type, ()):
        if not any(fold(part) in heading for heading in headings):
            message = f"an article of type {article.type} needs the heading {part!r}."
            yield Remark("style-part", "", message, "Add the part, or change its type.")


def _short(sentence: str) -> str:
    return sentence if len(sentence) <= 40 else f"{sentence[:39]}…"
