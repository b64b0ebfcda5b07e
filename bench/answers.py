"""Measures what customers see: the quoted answer, its verdict, and their calibration.

    python -m bench.answers --data DIR [--site URL | --articles DIR] [--model-dir DIR] [--json]

Each NAME-answers.jsonl in DIR (or bench/data) is asked of the articles, in process, or of the site
at URL. Its rows have id, q, lang, kind ("answered" or "unanswered-..."), articles (accepted ones),
must (texts that a good quote holds), must_any (at least one of them) and must_not (harmful ones).
The tests of the articles are asked with the name of a product as well (bench/topic_pairs.py), and
the Japanese ones typed in kana alone.
Each collection in DIR with a spans.jsonl is asked in process: which share of the quotes of the
right article holds a gold span, and how long they are.

A quote is good if the verdict is strict, the first hit is accepted, the quote holds all of must and
one of must_any, and none of must_not. AURC is the mean risk over all coverages (Geifman and
El-Yaniv 2017), and an unanswered query is never right. The calibration error has ten equal bins
(Guo et al. 2017).
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
import unicodedata
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jaconv
import numpy as np

from bench.fit_answerability import visible_articles
from bench.retrieval import collections, load, make_engine
from bench.topic_pairs import product_questions
from indexer.build import Paths, build
from search.analysis.japanese import reading
from search.embedding.background import BackgroundEmbedder
from search.embedding.loader import load_embedder
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.model import Query
from search.ports import Embedder
from search.ranking.calibration import calibration_error, false_answers

OWN = Path(__file__).parent / "data"
_PLAIN = str.maketrans("’‘“”–—−‐‑〜～", "''\"\"-----~~")
_DIGIT_GAP = re.compile(r"(?<=[0-9])\s+(?=[0-9])")


@dataclass(frozen=True)
class Reply:
    """What a site says to a question. ``quote`` is "" where nothing is quoted."""

    verdict: str
    probability: float
    first: str
    quoted: str
    quote: str


Ask = Callable[[str, str], Reply]


@dataclass(frozen=True)
class Judged:
    """A question with what became of it."""

    kind: str
    reply: Reply
    right: bool
    good: bool
    harmful: bool


def of_engine(engine: Engine) -> Ask:
    """Asks an engine."""

    def ask(text: str, lang: str) -> Reply:
        results = engine.search(Query(text, lang=lang, limit=5))
        answer = results.answer
        return Reply(
            results.verdict,
            results.probability,
            results.hits[0].article_id if results.hits else "",
            answer.article_id if answer else "",
            answer.text if answer else "",
        )

    return ask


def of_site(url: str) -> Ask:
    """Asks the API of a site."""

    def ask(text: str, lang: str) -> Reply:
        query = urllib.parse.urlencode({"q": text, "lang": lang, "limit": 5})
        address = f"{url.rstrip('/')}/api/v1/search?{query}"
        with urllib.request.urlopen(address, timeout=60) as got:  # noqa: S310
            reply = json.load(got)
        answer, hits = reply["answer"] or {}, reply["hits"]
        return Reply(
            reply["verdict"],
            reply["probability"],
            hits[0]["article_id"] if hits else "",
            answer.get("article_id", ""),
            answer.get("text", ""),
        )

    return ask


def folded(text: str) -> str:
    """NFKC, lower case, plain quotes and dashes, no white space but between two digits."""
    plain = unicodedata.normalize("NFKC", text.translate(_PLAIN)).translate(_PLAIN).casefold()
    kept = re.sub(r"\s+", "", _DIGIT_GAP.sub("\0", plain))
    return kept.replace("\0", " ")


def holds(text: str, wanted: str) -> bool:
    """Whether a folded text holds another one; numbers only as whole numbers."""
    want = folded(wanted)
    before = r"(?<![0-9])(?<![0-9][.,])" if want[:1].isdigit() else ""
    after = r"(?![0-9])" if want[-1:].isdigit() else ""
    return re.search(before + re.escape(want) + after, text) is not None


def judge(row: dict[str, Any], reply: Reply) -> Judged:
    """Compare a reply with what is known of its question."""
    strict = reply.verdict == "strict"
    text = folded(reply.quote) if strict else ""
    right = reply.first in row["articles"]
    harmful = strict and any(holds(text, each) for each in row["must_not"])
    told = all(holds(text, each) for each in row["must"]) and (
        not row["must_any"] or any(holds(text, each) for each in row["must_any"])
    )
    quoted = reply.quoted or reply.first
    good = strict and right and quoted in row["articles"] and told and not harmful
    return Judged(row["kind"], reply, right, good, harmful)


def figures(rows: Sequence[Judged]) -> dict[str, Any]:
    """The figures of a question file."""
    answered = [row for row in rows if row.kind == "answered"]
    strict = [row for row in answered if row.reply.verdict == "strict"]
    others = sorted({row.kind for row in rows} - {"answered"})
    chances = np.array([row.reply.probability for row in rows])
    right = np.array([row.right for row in rows])
    known = [row.kind == "answered" for row in rows]
    return {
        "questions": len(rows),
        "answered": {
            "first_right": _share(row.right for row in answered),
            "strict": _share(row.reply.verdict == "strict" for row in answered),
            "good_quotes": _share(row.good for row in answered),
            "harmful_of_strict": _share(row.harmful for row in strict),
            "mean_chars": round(float(np.mean([len(row.reply.quote) for row in strict] or [0])), 1),
        },
        "strict": {
            kind: _share(row.reply.verdict == "strict" for row in rows if row.kind == kind)
            for kind in others
        },
        "ece": round(calibration_error(chances, right, np.ones(len(rows))), 4),
        "aurc": round(_aurc(chances, right), 4),
        "false_answer@95": round(false_answers(chances.tolist(), known), 4) if others else None,
    }


def span_figures(folder: Path, engine: Engine) -> dict[str, Any]:
    """How many strict quotes of the right article hold a gold span, and their length."""
    collection = load(folder)
    texts = dict(collection.queries)
    held: list[bool] = []
    lengths: list[int] = []
    for line in (folder / "spans.jsonl").read_text(encoding="utf-8").splitlines():
        record = json.loads(line)
        results = engine.search(Query(texts[record["query-id"]]))
        wanted = collection.relevant[record["query-id"]]
        if results.answer is None or results.answer.article_id not in wanted:
            continue
        quote = folded(results.answer.text)
        held.append(any(folded(span) in quote for span in record["spans"]))
        lengths.append(len(results.answer.text))
    return {
        "strict_right": len(held),
        "hold_a_span": _share(held),
        "mean_chars": round(float(np.mean(lengths or [0])), 1),
    }


def product_figures(articles: Path, ask: Ask) -> dict[str, Any]:
    """How often the right article comes first for a question that also names a product."""
    asked = product_questions(visible_articles(articles))
    first = [ask(each.query.text, each.query.lang).first in each.articles for each in asked]
    return {"questions": len(asked), "first_right": _share(first)}


def kana_figures(articles: Path, ask: Ask) -> dict[str, Any]:
    """How often the right article comes first for a Japanese question without any kanji."""
    asked = [
        (jaconv.kata2hira(reading(test)), article.id)
        for article in visible_articles(articles)
        if article.lang == "ja"
        for test in article.tests
    ]
    asked = [(text, name) for text, name in asked if not re.search("[a-z0-9]", text)]
    first = [ask(text, "ja").first == name for text, name in asked]
    return {"questions": len(asked), "first_right": _share(first)}


def _share(values: Any) -> float | None:
    listed = list(values)
    return round(sum(listed) / len(listed), 4) if listed else None


def _aurc(chances: Any, right: Any) -> float:
    order = np.argsort(-chances, kind="stable")
    wrong = np.cumsum(~right[order])
    return float((wrong / np.arange(1, len(order) + 1)).mean())


def question_files(folder: Path) -> Iterator[Path]:
    """The question files of a folder and those of the project."""
    yield from sorted(folder.glob("*-answers.jsonl"))
    yield from sorted(OWN.glob("*-answers.jsonl"))


def main() -> None:
    """Parse the flags, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--data", type=Path, default=OWN)
    parser.add_argument("--site", help="the address of a running site")
    parser.add_argument("--articles", type=Path, default=Path("articles"))
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--cache", type=Path, default=Path("var/bench/cache.sqlite"))
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    embedder = BackgroundEmbedder(lambda: load_embedder("", flags.model_dir))
    embedder.start()
    if not embedder.wait():
        parser.error(embedder.failure)
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as data:
        ask = of_site(flags.site) if flags.site else _asked(flags.articles, Path(data), embedder)
        for path in question_files(flags.data):
            lines = path.read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines]
            report[path.stem] = figures([judge(row, ask(row["q"], row["lang"])) for row in rows])
        report["tests with the name of a product"] = product_figures(flags.articles, ask)
        report["tests typed in kana alone"] = kana_figures(flags.articles, ask)
        for folder in collections(flags.data) if flags.data != OWN else ():
            if (folder / "spans.jsonl").is_file():
                engine = make_engine(load(folder), embedder, Path(data), flags.cache)
                report[f"{folder.name}, spans"] = span_figures(folder, engine)
    print(json.dumps(report, indent=None if flags.json else 1))


def _asked(articles: Path, data: Path, embedder: Embedder) -> Ask:
    build(Paths(articles, data / "site"), embedder)
    return of_engine(Engine(open_corpus(Builds(data / "site" / "index").open_current()), embedder))


if __name__ == "__main__":
    main()
