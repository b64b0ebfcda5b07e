"""Splits articles into passages that fit the model, and selects the texts that each arm indexes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from indexer.model import Article, Section, memoized_on_article
from search.analysis.scripts import is_wide
from search.analysis.sentences import sentence_bounds
from search.model import Passage

# About 256 tokens, half of the model's input; shorter passages find single facts better.
MAX_CHARS = 1_000
MAX_CHARS_WIDE = 420


@memoized_on_article
def to_passages(article: Article) -> tuple[Passage, ...]:
    """Return the passages in reading order.

    An article without text has one passage, from its title and summary.
    """
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
    """Split a section's text at line breaks, or at sentence ends if a line is too long."""
    piece = ""
    for line in _lines(section.text, _room(section.text)):
        if piece and len(piece) + len(line) + 1 > _room(piece + line):
            yield piece
            piece = ""
        piece = f"{piece}\n{line}" if piece else line
    if piece:
        yield piece


def _room(text: str) -> int:
    return MAX_CHARS_WIDE if is_wide(text) else MAX_CHARS


def _lines(text: str, room: int) -> Iterator[str]:
    for line in text.split("\n"):
        if len(line) <= room:
            yield line
            continue
        piece = ""
        for start, end in pairwise(sentence_bounds(line)):
            sentence = line[start:end].rstrip()
            if piece and len(piece) + len(sentence) > room:
                yield piece
                piece = ""
            piece = f"{piece} {sentence}".strip() if sentence.isascii() else piece + sentence
            while len(piece) > room:
                yield piece[:room]
                piece = piece[room:]
        if piece:
            yield piece


@memoized_on_article
def keyword_text(article: Article) -> tuple[tuple[str, int], ...]:
    """Return the texts of the keyword arm as (text, weight). The title has weight 2."""
    body = [
        part
        for section in article.sections
        for part in (section.heading.split(" > ")[-1], section.text)
        if part
    ]
    questions = [*article.questions, *article.confirmed_questions, *article.keywords]
    return (article.title, 2), *(
        (text, 1) for text in (*questions, article.summary, *article.tags, *body) if text
    )


@memoized_on_article
def question_texts(article: Article) -> tuple[str, ...]:
    """Return the texts that the question arm embeds: title, questions and confirmed questions."""
    return tuple(dict.fromkeys([article.title, *article.questions, *article.confirmed_questions]))
