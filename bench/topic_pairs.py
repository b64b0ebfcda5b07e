"""Questions made of a topic of the articles and a property that they tell, or that none tells.

And questions that name a product, and ask what the article about something else tells.

The topics and properties are in bench/data. A property counts as untold if none of the words that
would tell it stands in an article of the topic. Told ones are the headings, tabs, rows and terms of
these articles.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from indexer.bundling.passages import to_passages
from indexer.model import Article
from search.analysis.normalize import fold
from search.model import Query

DATA = Path(__file__).parent / "data"
# Told properties longer than this are sentences, not properties.
LONGEST = {"ja": 14, "en": 32}
TOLD = {
    "ja": ("{topic} {told}", "{topic}の{told}", "{told} {topic}", "{topic} {told}について"),
    "en": ("{topic} {told}", "{told} for {topic}", "{topic}: {told}", "{told} {topic}"),
}
# Each topic gets this many of either kind, so that none outweighs the others.
EACH = 10


@dataclass(frozen=True)
class TopicQuestion:
    """A question about a topic, and whether the articles of the topic answer it."""

    topic: str
    query: Query
    answered: bool
    articles: tuple[str, ...]


def topic_questions(articles: Sequence[Article], seed: int = 0) -> list[TopicQuestion]:
    """Return the questions about every topic, the same for the same seed."""
    by_id = {article.id: article for article in articles}
    chance = random.Random(seed)
    questions: list[TopicQuestion] = []
    for topic in _read("topics.jsonl"):
        known = [by_id[name] for name in topic["articles"] if name in by_id]
        texts = fold("\n".join(map(_words, known)))
        untold = [
            asked.format(t=topic["topic"])
            for each in _read("properties.jsonl")
            if (each["lang"], each["kind"]) == (topic["lang"], topic["kind"])
            and not any(fold(word) in texts for word in each["words"])
            for asked in each["asked"]
        ]
        told = [
            chance.choice(TOLD[topic["lang"]]).format(topic=topic["topic"], told=name)
            for name in dict.fromkeys(name for article in known for name in _told(article))
        ]
        for texts_of, answered in ((untold, False), (told, True)):
            for text in chance.sample(texts_of, min(EACH, len(texts_of))):
                questions.append(
                    TopicQuestion(
                        f"{topic['lang']} {topic['topic']}",
                        Query(text, lang=topic["lang"], highlight=False),
                        answered,
                        tuple(article.id for article in known),
                    )
                )
    return questions


def product_questions(articles: Sequence[Article], seed: int = 0) -> list[TopicQuestion]:
    """The tests of articles about no product, each with the name of a product before or after it.

    "RV-15 how do I return this" is answered by the article about returns.
    """
    products = [topic for topic in _read("topics.jsonl") if topic["kind"] == "product"]
    about_products = {name for topic in products for name in topic["articles"]}
    chance = random.Random(seed)
    questions: list[TopicQuestion] = []
    for article in articles:
        names = [topic["topic"] for topic in products if topic["lang"] == article.lang]
        if article.id in about_products or not names:
            continue
        for test in article.tests:
            name = chance.choice(names)
            text = f"{name} {test}" if chance.random() < 0.5 else f"{test} {name}"
            query = Query(text, lang=article.lang, highlight=False)
            questions.append(TopicQuestion(name, query, True, (article.id,)))
    return questions


def _read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (DATA / name).read_text(encoding="utf-8").splitlines()]


def _words(article: Article) -> str:
    sections = (f"{section.heading}\n{section.text}" for section in article.sections)
    return "\n".join((article.title, *article.questions, *sections))


def _told(article: Article) -> Iterator[str]:
    """Headings, labels of tabs, first cells of rows and terms."""
    for passage in to_passages(article):
        yield from _short(passage.heading.split(" > ")[-1], article.lang)
        lines = passage.text.split("\n")
        for block in passage.blocks:
            yield from _short(block.label, article.lang)
            for place in range(block.first, block.end):
                if block.kind == "table" and block.items[place - block.first]:
                    first = lines[place].split(" / ")[0].rpartition(": ")[2]
                    yield from _short(first, article.lang)
                starts = place == block.first or (
                    block.items[place - block.first] != block.items[place - block.first - 1]
                )
                if block.kind == "definition" and starts:
                    yield from _short(lines[place], article.lang)


def _short(text: str, lang: str) -> Iterator[str]:
    if 1 < len(text) <= LONGEST[lang]:
        yield text
