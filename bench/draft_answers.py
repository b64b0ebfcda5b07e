"""What a draft would answer: how long it takes, and whether the nearest questions are enough.

    python -m bench.draft_answers

Each article of the sample is edited in turn (its first section is left out), and compared over the
questions of all articles and of bench/data. For some of them all questions are asked, to see which
changes the comparison of the nearest ones misses.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from indexer.answer_changes import AskedQuestion, changed_engine, compare, nearest
from indexer.answer_report import own_questions
from indexer.build import Paths, build
from indexer.model import Article
from search.embedding.loader import load_embedder
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.ports import Vector
from search.vectors.centering import centre, sample_means

DATA = Path(__file__).parent / "data"
KEYS = ("query", "question", "text", "q")


def main() -> None:
    """Print times and the share of changes found."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--articles", type=Path, default=Path("articles"))
    flags.add_argument("--data", type=Path, default=Path("var"))
    flags.add_argument("--edits", type=int, default=20)
    flags.add_argument("--whole", type=int, default=6, help="edits for which all are asked")
    given = flags.parse_args()
    paths = Paths(given.articles, given.data)
    embedder = load_embedder("", given.data / "model", 1)
    build(paths, embedder)
    before = Engine(open_corpus(Builds(paths.index).open_current()), embedder)
    written = [*own_questions(before), *_of_files()]
    asked = [*written, *(_longer(one) for one in written)][:2_000]

    def encode(texts: Sequence[str], langs: Sequence[str]) -> Vector:
        return centre(embedder.encode(texts, "query"), langs, sample_means())

    known = encode([one.text for one in asked], [one.lang for one in asked])
    found_files = given.articles.rglob("*.md")
    names = sorted(path.relative_to(given.articles).as_posix() for path in found_files)
    seconds, found, missed, lost_missed = [], 0, 0, 0
    for number, name in enumerate(names[:: max(1, len(names) // given.edits)][: given.edits]):
        text = _without_first_section((given.articles / name).read_text(encoding="utf-8"))
        started = time.perf_counter()
        with changed_engine(paths, embedder, UTC, {name: text}) as (after, articles):
            article: Article = articles[name]
            near = nearest(asked, [article], encode, known)
            now = datetime.now(UTC)
            some = compare(before, after, near, article.id, now)
            seconds.append(time.perf_counter() - started)
            if number < given.whole:
                everything = compare(before, after, asked, article.id, now)
                seen = {one.question for one in some.changes if one.kind != "same"}
                changed = [one for one in everything.changes if one.kind != "same"]
                found += sum(one.question in seen for one in changed)
                unseen = [one for one in changed if one.question not in seen]
                missed += len(unseen)
                lost_missed += sum(one.kind in ("lost", "taken", "gained") for one in unseen)
    middle = statistics.median(seconds)
    print(f"{len(asked)} questions, {len(names)} articles, {len(seconds)} edits")
    print(f"comparison: median {middle:.2f} s, longest {max(seconds):.2f} s")
    print(
        f"all questions asked for {min(given.whole, len(seconds))} edits: {found} changes found, "
        f"{missed} missed, of them {lost_missed} lost, taken or gained"
    )


def _longer(question: AskedQuestion) -> AskedQuestion:
    """The same question as other people would put it."""
    polite = "を教えてください" if question.lang == "ja" else ", can you help me?"
    return AskedQuestion(f"{question.text}{polite}", question.lang)


def _of_files() -> list[AskedQuestion]:
    found = []
    for file in sorted(DATA.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            values = json.loads(line)
            text = next((values[key] for key in KEYS if isinstance(values.get(key), str)), "")
            if text:
                found.append(AskedQuestion(text, str(values.get("lang", ""))))
    return found


def _without_first_section(text: str) -> str:
    front, body = text.split("\n---\n", 1)
    parts = body.split("\n## ")
    return f"{front}\n---\n" + "\n## ".join(parts[1:] or ["x"])


if __name__ == "__main__":
    main()
