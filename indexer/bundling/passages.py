"""Splits articles into passages that fit the model, and selects the texts that each arm indexes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

from indexer.model import Article, Section, memoized_on_article
from search.analysis.scripts import is_wide
from search.analysis.sentences import sentence_bounds
from search.model import Block, Passage

# About 256 tokens, half of the model's input; shorter passages find single facts better.
MAX_CHARS = 1_000
MAX_CHARS_WIDE = 420


@dataclass(frozen=True)
class Piece:
    """A part of a section: whole lines, of whole blocks where they fit."""

    text: str
    blocks: tuple[Block, ...]


# A line with the block that it is of and the number of its item.
_Line = tuple[str, Block, int]


@memoized_on_article
def to_passages(article: Article) -> tuple[Passage, ...]:
    """Return the passages in reading order.

    An article without text has one passage, from its title and summary.
    """
    pieces = [(section, piece) for section in article.sections for piece in cut(section)]
    if not pieces:
        pieces = [(Section("", "", 0, ""), Piece(article.summary, ()))]
    return tuple(
        Passage(
            f"{article.id}#{number}",
            article.id,
            article.lang,
            article.title,
            section.heading,
            section.anchor,
            piece.text,
            piece.blocks,
        )
        for number, (section, piece) in enumerate(pieces)
    )


def cut(section: Section) -> Iterator[Piece]:
    """Split a section between blocks; a block that is too long between lines or sentences."""
    room = _room(section.text)
    piece: list[_Line] = []
    for unit in _kept_together(section):
        lines = [(text, block, item) for whole, block, item in unit for text in _cut(whole, room)]
        if piece and _length(piece) + 1 + _length(lines) > _room_of([*piece, *lines]):
            yield _piece(piece)
            piece = []
        for line in lines:
            if piece and _length(piece) + 1 + len(line[0]) > _room_of([*piece, line]):
                yield _piece(piece)
                piece = []
            piece.append(line)
    if piece:
        yield _piece(piece)


def _kept_together(section: Section) -> Iterator[list[_Line]]:
    """The lines of each block; a label goes with the block below it."""
    texts = section.text.split("\n")
    labels: list[_Line] = []
    for block in section.blocks or _line_blocks(texts):
        lines = [
            (text, block, item)
            for text, item in zip(texts[block.first : block.end], block.items, strict=True)
        ]
        if block.kind == "label":
            labels += lines
            continue
        yield [*labels, *lines]
        labels = []
    if labels:
        yield labels


def _line_blocks(texts: Sequence[str]) -> list[Block]:
    return [Block("paragraph", place, (0,)) for place in range(len(texts))]


def _piece(lines: Sequence[_Line]) -> Piece:
    blocks: list[Block] = []
    for _, run in groupby(enumerate(lines), lambda pair: id(pair[1][1])):
        members = list(run)
        place, (_, block, _) = members[0]
        items = tuple(item for _, (_, _, item) in members)
        blocks.append(replace(block, first=place, items=items))
    return Piece("\n".join(text for text, _, _ in lines), tuple(blocks))


def _length(lines: Sequence[_Line]) -> int:
    return sum(len(text) for text, _, _ in lines) + len(lines) - 1


def _room_of(lines: Sequence[_Line]) -> int:
    return _room("".join(text for text, _, _ in lines))


def _room(text: str) -> int:
    return MAX_CHARS_WIDE if is_wide(text) else MAX_CHARS


def _cut(line: str, room: int) -> Iterator[str]:
    """A line that is too long in pieces of whole sentences; a longer sentence is cut."""
    if len(line) <= room:
        yield line
        return
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
