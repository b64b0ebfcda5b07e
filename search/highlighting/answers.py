"""Chooses the blocks of an article that answer a query, and quotes them. Pure functions.

Each unit (paragraph, list item, table row, term) has a score from both arms: the cosine of its
vector, and the share of the query's focus that it or the headings above it have. The best unit
brings its block: the paragraph, the list with what introduces it, the rows asked for, the whole
panel of a tab or admonition. A second block follows where it is nearly as good.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, replace

import numpy as np

from search.analysis.normalized_text import sentence_spans
from search.analysis.scripts import is_wide
from search.highlighting.highlighter import spans
from search.highlighting.snippets import WIDTH, WIDTH_WIDE, snippet_window
from search.index.units import Unit, units_of
from search.model import Answer, Block, Passage, QuotedBlock, Span
from search.ports import Vector
from search.query.focus import FocusTerm, codes, covered
from search.query.terms import HighlightTerms

# Weights beside a cosine: all of the focus in the unit, in the headings above it, in its codes.
OWN, ABOVE, CODES = 0.10, 0.05, 0.10
# Writers put the answer first.
FIRST = 0.02
# A block of code answers only who asks for it by its words.
CODE_BLOCK = 0.03
# A longer one is not quoted: a part of it is no program.
TOO_LONG = 1.0
# A second block is quoted if its best unit is this near to the best one.
NEARLY = 0.02
# Panels of tabs whose best units are this near are equally good, and what each then loses.
UNDECIDED, PANEL = 0.01, 0.03
# Rows of a table that are this near to the best one are quoted with it.
NEARLY_ROW = 0.005
MAX_BLOCKS, MAX_ROWS, MAX_ITEMS, SOME_ITEMS = 2, 5, 10, 4
# In widths of a snippet: the longest paragraph that is quoted whole, and what the sentences of a
# longer one are filled up to; the longest run of sentences that have the words asked for; the
# longest list; and the longest quote of several blocks.
PARAGRAPH, SENTENCES, LIST, QUOTE = 1.3, 2.4, 4.5, 3.2
_LISTS = frozenset({"list", "steps", "definition"})


@dataclass(frozen=True)
class ScoredUnit:
    """A unit of an article with its score.

    ``place`` is the number of its passage, and ``number`` its own in the passage, both from 0.
    """

    place: int
    number: int
    passage: Passage
    unit: Unit
    score: float

    @property
    def block(self) -> Block:
        """The block of the unit, as far as this passage has it."""
        return self.unit.block

    @property
    def key(self) -> tuple[int, int]:
        """What tells the blocks of an article apart; a block may run over several passages."""
        return (-1, self.block.number) if self.block.number >= 0 else (self.place, self.block.first)


def scored_units(
    passages: Sequence[Passage],
    cosines: Sequence[Vector],
    focus: Sequence[FocusTerm],
) -> list[ScoredUnit]:
    """Score the units of an article's passages, in its order.

    ``cosines`` has for each passage those of its units, shape (units,). Units beyond them have
    their mean; without any all have 0.
    ``focus`` are the query's words that the article's title lacks.
    """
    asked = frozenset(term.code for term in focus if term.code)
    scored = [
        ScoredUnit(place, number, passage, unit, score)
        for place, passage in enumerate(passages)
        for number, (unit, score) in enumerate(_scores(passage, cosines[place], focus, asked))
    ]
    return _without_undecided_panels(
        [
            replace(unit, score=unit.score + FIRST) if unit.key == scored[0].key else unit
            for unit in scored
        ]
    )


def _without_undecided_panels(units: list[ScoredUnit]) -> list[ScoredUnit]:
    """Lower the panels of tabs where two are equally good: which one is meant is not said."""
    best = best_unit(units)
    if best is None or not best.block.group:
        return units
    rivals = (
        unit
        for unit in units
        if unit.block.group not in (0, best.block.group)
        and unit.passage.heading == best.passage.heading
    )
    if all(unit.score < best.score - UNDECIDED for unit in rivals):
        return units
    return [replace(unit, score=unit.score - PANEL) if unit.block.group else unit for unit in units]


def _scores(
    passage: Passage, cosines: Vector, focus: Sequence[FocusTerm], asked: frozenset[str]
) -> Iterator[tuple[Unit, float]]:
    usual = float(cosines.mean()) if len(cosines) else 0.0
    for number, unit in enumerate(units_of(passage)):
        above = f"{passage.heading}\n{unit.block.label}"
        score = float(cosines[number]) if number < len(cosines) else usual
        score += OWN * covered(focus, unit.text) + ABOVE * covered(focus, above)
        if asked:
            score += CODES * len(asked & codes(f"{unit.text}\n{above}")) / len(asked)
        if unit.block.kind == "code":
            score -= CODE_BLOCK if _widths(unit.text) <= LIST else TOO_LONG
        yield unit, score


def best_unit(units: Sequence[ScoredUnit]) -> ScoredUnit | None:
    """The unit that answers best, the first of equals; None without any."""
    return max(units, key=lambda unit: unit.score, default=None)


def make_answer(
    article_id: str, units: Sequence[ScoredUnit], focus: Sequence[FocusTerm], shown: HighlightTerms
) -> Answer | None:
    """Quote the blocks that answer best, in the order of the article; None without any unit."""
    parts: list[_Part] = []
    used: set[int] = set()
    best = max((unit.score for unit in units), default=0.0)
    room = QUOTE
    for place in np.argsort([-unit.score for unit in units], kind="stable").tolist():
        if place in used:
            continue
        if parts and (units[place].score < best - NEARLY or len(parts) == MAX_BLOCKS):
            break
        part = _part(units, place, focus, used)
        used |= part.covers
        if not parts or (part.joins(parts) and part.widths <= room):
            parts.append(part)
            room -= part.widths
    if not parts:
        return None
    parts.sort(key=lambda part: min(part.covers))
    blocks = tuple(
        _marked(block, units[0].passage.lang, shown) for p in parts for block in p.blocks
    )
    return Answer(article_id, units[min(parts[0].covers)].passage, blocks)


def given_answer(article_id: str, passage: Passage, text: str, shown: HighlightTerms) -> Answer:
    """The text that the writer gives as the answer."""
    block = _marked(QuotedBlock("paragraph", (text,)), passage.lang, shown)
    return Answer(article_id, passage, (block,))


@dataclass(frozen=True)
class _Part:
    """Blocks that are quoted together. ``covers`` are the places of their units."""

    blocks: tuple[QuotedBlock, ...]
    covers: frozenset[int]
    group: int

    @property
    def widths(self) -> float:
        """Its length, in widths of a snippet."""
        return sum(_widths(block.text) for block in self.blocks)

    def joins(self, others: Sequence[_Part]) -> bool:
        """Whether it may be quoted after others: no second table, and no other tab."""
        is_table = any(block.kind == "table" for block in self.blocks)
        return not is_table and not (self.group and any(other.group for other in others))


def _part(
    units: Sequence[ScoredUnit], best: int, focus: Sequence[FocusTerm], used: Set[int]
) -> _Part:
    """What is quoted for the unit at ``best``, without what was used before."""
    chosen = units[best]
    kind, group = chosen.block.kind, chosen.block.group
    if group and kind != "table":
        panel = [place for place, unit in enumerate(units) if unit.block.group == group]
        if sum(_widths(units[place].unit.text) for place in panel) <= LIST:
            return _Part(tuple(_blocks(units, panel)), frozenset(panel), group)
    block = [place for place, unit in enumerate(units) if unit.key == chosen.key]
    rows = [place for place in block if units[place].unit.item]
    if kind == "table" and rows:
        return _Part((_quoted(units, _rows(units, rows, chosen)),), frozenset(block), group)
    if kind in _LISTS:
        items = _items(units, block, best)
        if sum(_widths(units[place].unit.text) for place in items) <= LIST:
            lead = [place for place in _introduction(units, block) if place not in used]
            quoted = (*(_quoted(units, [place]) for place in lead), _quoted(units, items))
            return _Part(quoted, frozenset([*lead, *block]), group)
    is_code = kind == "code"
    whole = chosen.unit.text if is_code else _cut_paragraph(chosen.unit.text, focus)
    following = [place for place in _introduced(units, best) if place not in used]
    is_whole = whole == chosen.unit.text and len(block) == 1
    blocks = [replace(_quoted(units, [best]), texts=(whole,), whole=is_whole)]
    if following:
        blocks.append(_quoted(units, following))
    return _Part(tuple(blocks), frozenset([*block, *following]), group)


def _rows(units: Sequence[ScoredUnit], rows: Sequence[int], best: ScoredUnit) -> list[int]:
    highest = max(units[row].score for row in rows)
    near = [row for row in rows if units[row].score >= min(best.score, highest) - NEARLY_ROW]
    return sorted(sorted(near, key=lambda row: -units[row].score)[:MAX_ROWS])


def _items(units: Sequence[ScoredUnit], items: Sequence[int], best: int) -> list[int]:
    """All items of a list that fits, else those from the one before the best on.

    An item that was cut into several passages is quoted with its first part.
    """
    numbers = [units[place].unit.item for place in items]
    kept = [place for place, number in zip(items, numbers, strict=True) if number]
    kept = list({units[place].unit.item: place for place in reversed(kept)}.values())[::-1]
    if not kept:
        return list(items)
    if sum(_widths(units[place].unit.text) for place in kept) <= LIST and len(kept) <= MAX_ITEMS:
        return kept
    wanted = units[best].unit.item
    at = next((at for at, place in enumerate(kept) if units[place].unit.item == wanted), 0)
    first = max(0, min(at - 1, len(kept) - SOME_ITEMS))
    some = kept[first : first + SOME_ITEMS]
    too_long = sum(_widths(units[place].unit.text) for place in some) > LIST
    return [kept[at]] if too_long else some


def _introduction(units: Sequence[ScoredUnit], block: Sequence[int]) -> list[int]:
    """The short paragraph just before a list, in the same passage and container."""
    before = block[0] - 1
    if before < 0:
        return []
    above, first = units[before], units[block[0]]
    short = _widths(above.unit.text) <= PARAGRAPH
    is_lead = above.block.kind == "paragraph" and _stand_together(above, first)
    return [before] if is_lead and short else []


def _stand_together(one: ScoredUnit, other: ScoredUnit) -> bool:
    """Whether two units are under one heading, and in one container or in none."""
    return (one.passage.heading, one.passage.anchor, one.block.group) == (
        other.passage.heading,
        other.passage.anchor,
        other.block.group,
    )


def _introduced(units: Sequence[ScoredUnit], paragraph: int) -> list[int]:
    """The list that a paragraph ends in a colon for; none otherwise."""
    follows = paragraph + 1
    if not units[paragraph].unit.text.endswith((":", "：")) or follows >= len(units):
        return []
    if not _stand_together(units[paragraph], units[follows]):
        return []
    block = [place for place, unit in enumerate(units) if unit.key == units[follows].key]
    return _items(units, block, follows) if units[follows].block.kind in _LISTS else []


def _cut_paragraph(text: str, focus: Sequence[FocusTerm]) -> str:
    """A paragraph; of a long one the sentences that have most of the focus, and what fits more."""
    width = WIDTH_WIDE if is_wide(text) else WIDTH
    if len(text) <= PARAGRAPH * width:
        return text
    bounds = sentence_spans(text)
    first, last = _best_run(text, bounds, focus, SENTENCES * width)
    if bounds[last][1] - bounds[first][0] > SENTENCES * width:
        forms = [form for term in focus for form in term.forms]
        return text[slice(*snippet_window(text, forms, PARAGRAPH))]
    room = PARAGRAPH * width
    while last + 1 < len(bounds) and bounds[last + 1][1] - bounds[first][0] <= room:
        last += 1
    while first and bounds[last][1] - bounds[first - 1][0] <= room:
        first -= 1
    return text[bounds[first][0] : bounds[last][1]]


def _best_run(
    text: str, bounds: Sequence[Span], focus: Sequence[FocusTerm], longest: float
) -> tuple[int, int]:
    """The first and last sentence of the shortest run with most of the focus, weighted by idf."""
    has = [{term for term in focus if term.is_in(text[start:end])} for start, end in bounds]
    best, chosen = (-1.0, 0), (0, 0)
    for first, (start, _) in enumerate(bounds):
        seen: set[FocusTerm] = set()
        for last in range(first, len(bounds)):
            length = bounds[last][1] - start
            if length > longest and last > first:
                break
            seen |= has[last]
            score = (round(sum(term.weight for term in seen), 4), -length)
            if score > best:
                best, chosen = score, (first, last)
    return chosen


def _blocks(units: Sequence[ScoredUnit], places: Sequence[int]) -> Iterator[QuotedBlock]:
    """The blocks of some units, each with its items."""
    by_block: dict[tuple[int, int], list[int]] = {}
    for place in places:
        by_block.setdefault(units[place].key, []).append(place)
    for members in by_block.values():
        yield _quoted(units, members)


def _quoted(units: Sequence[ScoredUnit], places: Sequence[int]) -> QuotedBlock:
    first = units[places[0]]
    key = first.key
    return QuotedBlock(
        kind=first.block.kind,
        texts=tuple(units[place].unit.text for place in places),
        number=first.block.number,
        label=first.block.label,
        numbered_from=first.block.numbered_from,
        items=tuple(units[place].unit.item for place in places if units[place].unit.item),
        of=max(first.block.of, *(unit.unit.item for unit in units if unit.key == key)),
    )


def _marked(block: QuotedBlock, lang: str, shown: HighlightTerms) -> QuotedBlock:
    return replace(block, spans=tuple(spans(lang, block.text, shown.words, shown.bigrams)))


def _widths(text: str) -> float:
    return len(text) / (WIDTH_WIDE if is_wide(text) else WIDTH)
