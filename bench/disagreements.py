"""Measures which answers that disagree are found, and how many that agree are called so.

    python -m bench.disagreements [--articles DIR] [--model-dir DIR] [--json]

bench/data/disagreements.jsonl has pairs of articles, each with a title and a text: half of them
contradict each other, the others are about another case or product, or say the same in other
words. The articles of one half (even lines, odd lines) and language are one knowledge base; each
title is asked. A pair is found if asking one of its titles shows the other article as well. The
tests of DIR are asked of its own articles, which do not contradict each other.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.fit_answerability import visible_articles
from indexer.build import Paths, build
from search.embedding.background import BackgroundEmbedder
from search.embedding.loader import load_embedder
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.model import Query, Results
from search.ports import Embedder

PAIRS = Path(__file__).parent / "data" / "disagreements.jsonl"


def main() -> None:
    """Parse the flags, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    embedder = BackgroundEmbedder(lambda: load_embedder("", flags.model_dir))
    embedder.start()
    if not embedder.wait():
        parser.error(embedder.failure)
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as data:
        for name, half in (("even lines", pairs[::2]), ("odd lines", pairs[1::2])):
            report[name] = pair_figures(half, Path(data) / name, embedder)
        report["tests of the articles"] = test_figures(flags.articles, Path(data), embedder)
    print(json.dumps(report, indent=None if flags.json else 1, ensure_ascii=False))


def pair_figures(pairs: Sequence[dict[str, Any]], data: Path, embedder: Embedder) -> dict[str, Any]:
    """Precision and recall over pairs, and by the kind of what disagrees."""
    _write(pairs, data / "articles")
    engine = _engine(data / "articles", data, embedder)
    shown = [set(_shown(engine, number, pair)) for number, pair in enumerate(pairs)]
    found = [partner(number) & shown[number] != set() for number in range(len(pairs))]
    wrong = [
        f"{pair['a']['title']} / {pair['b']['title']}"
        for pair, was_found in zip(pairs, found, strict=True)
        if was_found and not pair["disagree"]
    ]
    right = sum(pair["disagree"] for pair, was in zip(pairs, found, strict=True) if was)
    there = sum(pair["disagree"] for pair in pairs)
    return {
        "pairs": len(pairs),
        "contradictions": there,
        "found": right,
        "wrong": wrong,
        "precision": round(right / max(1, right + len(wrong)), 3),
        "recall": round(right / there, 3),
    }


def partner(number: int) -> set[str]:
    """The ids of the two articles of a pair."""
    return {f"pair-{number}-a", f"pair-{number}-b"}


def _shown(engine: Engine, number: int, pair: dict[str, Any]) -> Iterator[str]:
    """The ids of other answers that are shown for the titles of a pair, of its own articles."""
    for side in ("a", "b"):
        results = _ask(engine, pair[side]["title"], pair["lang"])
        answer, other = results.answer, results.other_answer
        if answer and other and answer.article_id in partner(number):
            yield other.article_id


def test_figures(articles: Path, data: Path, embedder: Embedder) -> dict[str, Any]:
    """How many tests of consistent articles are answered twice."""
    engine = _engine(articles, data / "site", embedder)
    tests = [(test, each) for each in visible_articles(articles) for test in each.tests]
    results = [(test, _ask(engine, test, article.lang)) for test, article in tests]
    strict = [result for _, result in results if result.verdict == "strict"]
    twice = {test: result.other_answer.text for test, result in results if result.other_answer}
    return {"tests": len(tests), "strict": len(strict), "answered_twice": twice}


def _ask(engine: Engine, text: str, lang: str) -> Results:
    return engine.search(Query(text, lang=lang, limit=5))


def _engine(articles: Path, data: Path, embedder: Embedder) -> Engine:
    build(Paths(articles, data), embedder)
    return Engine(open_corpus(Builds(data / "index").open_current()), embedder)


def _write(pairs: Sequence[dict[str, Any]], folder: Path) -> None:
    for number, pair in enumerate(pairs):
        section = folder / pair["lang"] / "faq"
        section.mkdir(parents=True, exist_ok=True)
        for side in ("a", "b"):
            name = f"pair-{number}-{side}"
            title = json.dumps(pair[side]["title"], ensure_ascii=False)
            text = f"---\nid: {name}\ntitle: {title}\n---\n{pair[side]['text']}\n"
            (section / f"{name}.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
