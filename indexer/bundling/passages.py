"""Cuts an article into passages sized for the model, and says what the engine should know of it. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from indexer.model import Article, Section, memoized_on_article
from search.analysis.scripts import is_wide
from search.analysis.sentences import sentence_bounds
from search.model import Passage

# Characters that carry about as much as 256 tokens: half of what the model takes, which finds single facts better.
MAX_CHARS = 1_000
MAX_CHARS_WIDE = 420


@memoized_on_article
def to_passages(article: Article) -> tuple[Passage, ...]:
    """Passages in reading order; an article without text has one, of its title and summary alone."""
    pieces = [(section, text) for section in article.sections for text in cut(section)]
    if not pieces:
        pieces = [(Section("", "", 0, ""), article.summary)]
    return tuple(
        Passage(
            f"{article.id}#{number}",
            article.id,
            article.lang,
            article.title,
            section.heading,
            section.anchor,
            text,
        )
        for number, (section, text) in enumerate(pieces)
    )


def cut(section: Section) -> Iterator[str]:
    """The section's text in pieces of whole lines, or of whole sentences where a line is too long."""
    held = ""
    for line in _lines(section.text, _room(section.text)):
        if held and len(held) + len(line) + 1 > _room(held + line):
            yield held
            held = ""
        held = f"{held}\n{line}" if held else line
    if held:
        yield held


def _room(text: str) -> int:
    return MAX_CHARS_WIDE if is_wide(text) else MAX_CHARS


def _lines(text: str, room: int) -> Iterator[str]:
    for line in text.split("\n"):
        if len(line) <= room:
            yield line
            continue
        held = ""
        for start, end in pairwise(sentence_bounds(line)):
            sentence = line[start:end].rstrip()
            if held and len(held) + len(sentence) > room:
                yield held
                held = ""
            held = f"{held} {sentence}".strip() if sentence.isascii() else held + sentence
            while len(held) > room:
                yield held[:room]
                held = held[room:]
        if held:
            yield held


@memoized_on_article
def keyword_text(article: Article) -> tuple[tuple[str, int], ...]:
    """What the keyword arm reads: (text, how many times it counts). The title counts twice."""
    body = [
        part
        for section in article.sections
        for part in (section.heading.split(" > ")[-1], section.text)
        if part
    ]
    asked = [*article.questions, *article.confirmed_questions, *article.keywords]
    return (article.title, 2), *(
        (text, 1) for text in (*asked, article.summary, *article.tags, *body) if text
    )


@memoized_on_article
def question_texts(article: Article) -> tuple[str, ...]:
    """What the question arm embeds one by one: the title, its other wordings and the confirmed questions."""
    return tuple(dict.fromkeys([article.title, *article.questions, *article.confirmed_questions]))
