"""Makes a knowledge base of any size out of real articles: their sections dealt anew, under their own questions.

The same seed gives the same articles. Every article names a product code of its own, so that no two are equal.
"""

from __future__ import annotations

import random
import tempfile
import zlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from pathlib import Path

import numpy as np

from indexer.build import collect
from indexer.bundling.build_cache import BuildCache, vector_key
from indexer.bundling.passages import to_passages
from indexer.model import Article, Section
from search.ports import Embedder, Kind, Vector

# Of made-up vectors: how far from the real text they were made of. Nearest neighbours of e5-small lie about as far apart.
NOISE = 0.35


@dataclass(frozen=True)
class Material:
    """Sections and questions of real articles of one language."""

    sections: list[Section]
    questions: list[str]


def material(folder: Path) -> dict[str, Material]:
    """What articles can be made of, by language."""
    with tempfile.TemporaryDirectory() as temporary:
        cache = BuildCache(Path(temporary) / "cache.sqlite")
        articles, _, _ = collect(folder, cache, UTC)
        cache.close()
    sections: dict[str, list[Section]] = defaultdict(list)
    questions: dict[str, list[str]] = defaultdict(list)
    for article in articles:
        sections[article.lang] += [section for section in article.sections if section.text]
        questions[article.lang] += [article.title, *article.questions, *article.tests]
    return {lang: Material(sections[lang], questions[lang]) for lang in sections}


def made_articles(source: dict[str, Material], passages: int, seed: int = 7) -> list[Article]:
    """Articles with ``passages`` passages together, half of them in each language of the material."""
    chance = random.Random(seed)
    articles: list[Article] = []
    left = passages
    while left > 0:
        lang = sorted(source)[len(articles) % len(source)]
        article = _article(source[lang], lang, len(articles), chance)
        pieces = len(to_passages(article))
        if pieces > left:
            article = replace(article, sections=(Section("", "", 0, source[lang].questions[left]),))
            pieces = 1
        articles.append(article)
        left -= pieces
    return articles


def _article(source: Material, lang: str, number: int, chance: random.Random) -> Article:
    code = f"TB-{number:05d}"
    dealt = chance.sample(source.sections, chance.randint(1, 4))
    sections = tuple(
        Section(section.heading or "-", f"s{place}", 2, f"{section.text}\n{code}-{place}")
        for place, section in enumerate(dealt)
    )
    asked = chance.sample(source.questions, 2)
    name = f"made-{number}"
    title = f"{asked[0]} ({code})"
    return Article(
        name,
        lang,
        title,
        "bench",
        slug=name,
        path=name,
        questions=(f"{asked[1]} {code}",),
        sections=sections,
    )


def new_queries(source: dict[str, Material], count: int, seed: int) -> list[tuple[str, str]]:
    """(text, language) of questions that nobody asked before; another seed gives others."""
    chance = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        lang = chance.choice(sorted(source))
        question = chance.choice(source[lang].questions)
        word = chance.choice(source[lang].sections).text.split("。" if lang == "ja" else " ")[0][
            :12
        ]
        found[f"{question} {word} {chance.randint(1, 999_999)}"] = lang
    return list(found.items())


class ReadyVectors:
    """An embedder for made articles: the vector of the real text each was made of, moved a little. Embedding takes no time.

    Implements ports.Embedder; ``fingerprint`` is that of the real one, which embeds the questions that are asked.
    """

    calibrated = True

    def __init__(self, real: Embedder, source: dict[str, Material], cache: BuildCache) -> None:
        self.fingerprint = real.fingerprint
        bases: dict[Kind, list[str]] = {
            "passage": [section.text for made in source.values() for section in made.sections],
            "query": [question for made in source.values() for question in made.questions],
        }
        self._known: dict[Kind, dict[str, Vector]] = {}
        for kind, texts in bases.items():
            unique = list(dict.fromkeys(texts))
            keys = [vector_key(real.fingerprint, kind, text) for text in unique]
            vectors, _ = cache.vectors(
                real, keys, unique.__getitem__, kind, lambda _done, _total: None
            )
            self._known[kind] = dict(zip(unique, vectors, strict=True))

    def vectors(self, kind: Kind) -> Vector:
        """Those of the real texts, shape (texts, dimension)."""
        return np.stack(list(self._known[kind].values()))

    def encode(self, texts: Sequence[str], kind: Kind) -> Vector:
        """Unit vectors, shape (len(texts), dimension); the same text always gives the same one."""
        known = self._known[kind]
        some = next(iter(known.values()))
        moved = np.stack(
            [known.get(_base(text, kind), some) + _noise(text, len(some)) for text in texts]
        )
        return (moved / np.linalg.norm(moved, axis=1, keepdims=True)).astype(np.float32)


def _base(text: str, kind: Kind) -> str:
    """The real text: passages have the title and the heading before it and a code behind, questions a code behind."""
    if kind == "query":
        return text.rsplit(" ", 1)[0]
    body = text.rsplit("\n", 1)[0].split("\n")
    return "\n".join(body[2:])


def _noise(text: str, dimension: int) -> Vector:
    noise = np.random.default_rng(zlib.crc32(text.encode())).normal(size=dimension)
    return (noise * NOISE / np.linalg.norm(noise)).astype(np.float32)
