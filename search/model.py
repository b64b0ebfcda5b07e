"""Input and output value objects of the search engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Literal

Verdict = Literal["strict", "weak", "partly", "none"]
Span = tuple[int, int]
ARMS = ("keyword", "passage", "question")


# As a member of an audience set, admits draft articles too.
DRAFTS = "draft"


@dataclass(frozen=True)
class OwnAnswer:
    """What a writer gives as the answer to a question of an article.

    ``target`` is "#anchor", the heading to quote from, or the text itself. ``place`` is that of the
    question among the article's title and questions.
    """

    question: str
    target: str
    place: int

    @property
    def anchor(self) -> str:
        """The anchor to quote from, or "" where the target is the text."""
        is_anchor = self.target.startswith("#") and len(self.target.split()) == 1
        return self.target[1:] if is_anchor else ""


@dataclass(frozen=True)
class Document:
    """The indexed metadata of an article."""

    id: str
    lang: str
    title: str
    section: str = ""
    type: str = "faq"
    tags: tuple[str, ...] = ()
    summary: str = ""
    questions: tuple[str, ...] = ()
    confirmed_questions: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    translation_of: str = ""
    audience: str = "public"
    status: str = "published"
    publish_at: datetime | None = None
    expire_at: datetime | None = None
    boost: float = 1.0
    answers: tuple[OwnAnswer, ...] = ()

    @property
    def group(self) -> str:
        """Group id shared by an article and its translations."""
        return self.translation_of or self.id

    @property
    def open_to_all(self) -> bool:
        """Whether the article is published, public and has no time limit.

        Only the words of such articles may be offered as spelling corrections.
        """
        return (
            self.status == "published"
            and self.audience == "public"
            and self.publish_at is None
            and self.expire_at is None
        )


BlockKind = Literal[
    "paragraph",
    "list",
    "steps",
    "table",
    "definition",
    "code",
    "quotation",
    "figure",
    "label",
    "note",
]
# Descriptions of images, labels of tabs and footnotes are found, and never quoted as sentences.
NOT_QUOTED = frozenset({"figure", "label", "note"})


@dataclass(frozen=True)
class Block:
    """Lines of a passage that belong together.

    ``first`` is its first line in the passage. ``items`` has for each line the number of its row,
    step, list item or term (from 1), or 0. ``number`` is its place in the article; -1 for text
    that has none. ``label`` is that of the tab or admonition around it; blocks of one such
    container have the same ``group``, and 0 means none. ``of`` is how many items the whole block
    has, of which a passage may hold some. ``numbered_from`` is the number that its first step has.
    """

    kind: BlockKind
    first: int
    items: tuple[int, ...]
    number: int = -1
    label: str = ""
    group: int = 0
    of: int = 0
    numbered_from: int = 1

    @property
    def end(self) -> int:
        """The line after its last one."""
        return self.first + len(self.items)


@dataclass(frozen=True)
class Passage:
    """A section of an article under one heading, short enough for the embedding model.

    ``heading`` is the heading path.
    """

    id: str
    article_id: str
    lang: str
    title: str
    heading: str
    anchor: str
    text: str
    blocks: tuple[Block, ...] = ()

    @property
    def embedded_text(self) -> str:
        """The text to embed: title, headings and passage text, one per line."""
        return "\n".join(part for part in (self.title, self.heading, self.text) if part)


@dataclass(frozen=True)
class Filters:
    """Filters on the results; an empty field matches anything.

    ``lang`` excludes other languages, unlike ``Query.lang``.
    """

    lang: str = ""
    section: str = ""
    type: str = ""
    tag: str = ""

    def __bool__(self) -> bool:
        return self != _NO_FILTERS


_NO_FILTERS = Filters()
FILTER_NAMES = tuple(each.name for each in fields(Filters))
# Filter name -> document field, where the names differ.
_FILTERED_FIELD = {"tag": "tags"}


def filter_values(document: Document, name: str) -> tuple[str, ...]:
    """Return the values of a document that the named filter is compared with."""
    value = getattr(document, _FILTERED_FIELD.get(name, name))
    return value if isinstance(value, tuple) else (value,)


@dataclass(frozen=True)
class Query:
    """A search request.

    ``lang`` is the user's preferred language; "" when unknown. With ``highlight`` each hit gets its
    best passage and snippet; without it the engine only ranks.
    """

    text: str
    lang: str = ""
    limit: int = 10
    offset: int = 0
    filters: Filters = field(default_factory=Filters)
    audiences: frozenset[str] = frozenset({"public"})
    now: datetime | None = None
    arms: frozenset[str] = frozenset(ARMS)
    highlight: bool = True


@dataclass(frozen=True)
class Hit:
    """A ranked article with its best passage.

    ``arms`` maps each retrieval arm that returned the article to (rank from 1, score).
    """

    article_id: str
    document: Document
    passage: Passage | None
    score: float
    arms: Mapping[str, tuple[int, float]]
    snippet: str = ""
    spans: tuple[Span, ...] = ()
    title_spans: tuple[Span, ...] = ()


@dataclass(frozen=True)
class QuotedBlock:
    """A block, or some items of it, as it is quoted.

    ``texts`` are verbatim from the article, one per item. ``number`` is the block's place in the
    article, or -1. ``items`` are the numbers (from 1) of the rows, steps or terms quoted, out of
    ``of``. ``whole`` is false where a paragraph was cut to some of its sentences. ``label`` is that
    of the tab or admonition around the block. ``numbered_from`` is the number that the first of all
    steps has. ``spans`` are the highlights in ``text``.
    """

    kind: BlockKind
    texts: tuple[str, ...]
    number: int = -1
    label: str = ""
    items: tuple[int, ...] = ()
    of: int = 0
    whole: bool = True
    spans: tuple[Span, ...] = ()
    numbered_from: int = 1

    @property
    def text(self) -> str:
        """The words, one line per item."""
        return "\n".join(self.texts)

    @property
    def plain(self) -> str:
        """The block in a plain text: steps with their numbers, other items with a dash."""
        if self.kind not in ("list", "steps") or len(self.items) != len(self.texts):
            return self.text
        shift = self.numbered_from - 1
        marks = [f"{item + shift}." if self.kind == "steps" else "-" for item in self.items]
        return "\n".join(f"{mark} {text}" for mark, text in zip(marks, self.texts, strict=True))


@dataclass(frozen=True)
class Answer:
    """A quoted answer: blocks of an article in its order; the first is of ``passage``."""

    article_id: str
    passage: Passage
    blocks: tuple[QuotedBlock, ...]

    @property
    def text(self) -> str:
        """The quote as plain text, with the labels of tabs and the marks of lists."""
        lines: list[str] = []
        label = ""
        for block in self.blocks:
            if block.label and block.label != label:
                lines.append(block.label)
            label = block.label
            lines.append(block.plain)
        return "\n".join(lines)


@dataclass(frozen=True)
class Results:
    """The response to a query.

    ``degraded`` is why semantic search is unavailable: "off", "warming", "failed" or "stale".
    ``probability`` (0 to 1) is the estimated probability that the first hit answers the query.
    ``problem`` reports an invalid query ("empty", "unsearchable") instead of an exception.
    ``answer`` is set only where the verdict is strict, ``other_answer`` only where another article
    answers the query too and says something else. ``relaxed`` says that nothing has exactly
    the quoted words, and that these are the results without quotation marks. ``read_as`` is how a
    query in romaji or kana was read, or "".
    ``relevant`` holds the ids of all ``total`` articles, in rank order. With the verdict "partly"
    ``topic`` is what the articles are about, and ``focus`` what is asked and they do not tell.
    """

    hits: tuple[Hit, ...] = ()
    total: int = 0
    relevant: tuple[str, ...] = ()
    verdict: Verdict = "none"
    probability: float = 0.0
    answer: Answer | None = None
    other_answer: Answer | None = None
    lang: str = ""
    suggestions: tuple[str, ...] = ()
    index_version: str = ""
    elapsed_ms: float = 0.0
    degraded: str = ""
    problem: str = ""
    relaxed: bool = False
    read_as: str = ""
    topic: str = ""
    focus: str = ""
