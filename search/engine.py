"""The engine: a query in, ranked articles and a quoted answer out.

It holds no thread, process or cache: the same query over the same parts gives the same results.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from search.disagreement import BOTH_ANSWER, BOTH_ASKED, disagree
from search.errors import EmbedderUnavailableError, ModelError
from search.highlighting.hits import best_passage, make_hit
from search.index.corpus import Corpus
from search.lookups import Lookups
from search.model import Answer, Filters, Hit, Passage, Query, Results
from search.ports import Comparison, Embedder, NoWatch, SearchWatch, Vector
from search.query import parser
from search.query.prepared_query import prepare, query_problem
from search.query.readings import as_written
from search.query.terms import HighlightTerms
from search.quoting import FocusQuery, Quotable, Quoter, RankedQuery
from search.ranking import answerability, fusion
from search.ranking.answerability import AnswerFeatures, Calibration, QuoteEvidence
from search.ranking.doc_values import DocValues, Mask
from search.ranking.ranker import Ranker, RankRequest

log = logging.getLogger("search.engine")
# Upper bound of the probability for a one-letter query: it may match, but states no question.
UNSURE = 0.3
# Upper bound of the probability where the quote lacks the amount, time or measure asked for.
UNTOLD_KIND = 0.5
# The focus is looked for in other articles if the first hit tells at most this share of it and
# answers less probably than this. One of the first few hits leads if it is the first for the focus
# alone and answers that at least this probably; the whole query at most with the last value.
ELSEWHERE_TOLD, ELSEWHERE_BELOW, FEW, ELSEWHERE_FROM, LED_BY_FOCUS = 0.3, 0.3, 3, 0.3, 0.5
# The focus is not quoted: it is judged by the article alone.
NO_EVIDENCE = QuoteEvidence(named=False, focus_told=0.0, focus_gap=0.0)
# Passages per article considered for the one to show.
SHOWN_PASSAGES = 64
MEANING_ARMS = frozenset({"passage", "question"})


@dataclass(frozen=True)
class _Judged:
    """The first hit of a query: what can be quoted, its features, and its probability (0 to 1)."""

    quotable: Quotable | None
    features: AnswerFeatures | None
    probability: float
    focus: FocusQuery | None = None


@dataclass(frozen=True)
class _Read:
    """A query that was ranked and judged; ``read_as`` is how romaji or kana was read, or ""."""

    ranked: RankedQuery
    judged: _Judged
    read_as: str = ""


class Engine:
    """Searches one corpus. Immutable and thread-safe."""

    def __init__(
        self,
        corpus: Corpus,
        embedder: Embedder,
        calibration: Calibration | None = None,
        watch: SearchWatch | None = None,
    ) -> None:
        self.corpus = corpus
        self._watch = watch or NoWatch()
        self._embedder = embedder
        self.calibration = calibration or answerability.shipped()
        self._doc_values = DocValues(corpus.documents)
        self._ranker = Ranker(corpus, self._doc_values)
        self._quoter = Quoter(corpus, self._ranker, self._doc_values.rows, self._embedding)
        self.lookups = Lookups(corpus, self._doc_values, self._ranker, self._embedding)

    @property
    def version(self) -> str:
        """Version of the index build that this engine serves."""
        return self.corpus.version

    @property
    def vector_strategies(self) -> dict[str, str]:
        """Comparison strategies of passage and question vectors; empty without a semantic index.

        The strategy depends on the number of vectors.
        """
        semantic = self.corpus.semantic
        return (
            {"passages": semantic.passages.strategy, "questions": semantic.questions.strategy}
            if semantic
            else {}
        )

    # --- searching ---------------------------------------------------------------------------

    def search(self, query: Query) -> Results:
        """Rank the articles for a query. Never raises for user input."""
        started = time.perf_counter()
        dated = replace(query, now=query.now or datetime.now(UTC))
        results = self._search(dated)
        if not results.hits and not results.problem and parser.has_phrase(query.text):
            # People paste messages with their quotation marks.
            without = self._search(replace(dated, text=parser.without_quotes(query.text)))
            results = replace(without, relaxed=bool(without.hits))
        return replace(results, elapsed_ms=round((time.perf_counter() - started) * 1000, 2))

    def answer_features(self, query: Query) -> AnswerFeatures | None:
        """Return the features behind the verdict; None for a bad query or without any hit."""
        parsed = parser.parse(query.text, query.filters)
        if query_problem(parsed.plain):
            return None
        return self._read(query, parsed).judged.features

    def visibility_epoch(self, now: datetime) -> int:
        """Return the number of article visibility changes up to ``now``.

        Results do not change within one epoch.
        """
        return self._doc_values.visibility_epoch(now)

    def _search(self, query: Query) -> Results:
        parsed = parser.parse(query.text, query.filters)
        problem = query_problem(parsed.plain)
        if problem:
            return Results(problem=problem, index_version=self.version, lang=query.lang)
        read = self._read(query, parsed)
        ranked, judged = read.ranked, read.judged
        led = self._led_by_focus(ranked, parsed, judged)
        if led is not None:
            ranked, judged = led
        topic, focus = self._topic_alone(ranked, judged)
        verdict = "partly" if topic and focus else self.calibration.verdict(judged.probability)
        answer, probability = None, judged.probability
        if verdict == "strict" and judged.quotable:
            answer = self._quoter.answer(ranked, judged.quotable)
            if answer and not self._quoter.tells(ranked, judged.quotable, answer):
                verdict, probability, answer = "weak", min(probability, UNTOLD_KIND), None
        if query.offset:
            answer = None
        hits = self._hits(ranked)
        relevant = ranked.ranking.documents[ranked.ranking.relevant()].tolist()
        return Results(
            hits=hits,
            total=len(relevant),
            relevant=tuple(map(self.corpus.ids.__getitem__, relevant)),
            verdict=verdict,
            probability=round(probability, 6),
            answer=answer,
            other_answer=self._other_answer(ranked, answer) if answer else None,
            lang=ranked.prepared.lang,
            suggestions=ranked.prepared.spelling,
            index_version=self.version,
            degraded=ranked.degraded,
            topic=topic,
            focus=focus,
            read_as=read.read_as,
        )

    def _read(self, query: Query, parsed: parser.Parsed) -> _Read:
        """A query as typed; in romaji or kana, as read where that is answered more probably."""
        ranked = self._rank(query, parsed)
        typed = _Read(ranked, self._judged(ranked))
        written = "" if parser.has_phrase(query.text) else as_written(self.corpus, parsed.plain)
        if not written:
            return typed
        ranked = self._rank(query, replace(parsed, plain=written))
        read = _Read(ranked, self._judged(ranked), written)
        return read if read.judged.probability > typed.judged.probability else typed

    def _judged(self, ranked: RankedQuery) -> _Judged:
        """What the first hit says to a query, and how probably it answers."""
        started = time.perf_counter()
        judged = self._judge(ranked)
        self._watch.stage("judge", time.perf_counter() - started)
        return judged

    def _judge(self, ranked: RankedQuery) -> _Judged:
        quotable = self._quoter.quotable(ranked)
        if quotable is None:
            return _Judged(None, None, 0.0)
        focus = self._quoter.focus_query(ranked, quotable)
        evidence = self._quoter.evidence(ranked, quotable, focus)
        features = self._answer_features(ranked, evidence)
        return _Judged(quotable, features, self._probability(ranked, features), focus)

    def _led_by_focus(
        self, ranked: RankedQuery, parsed: parser.Parsed, judged: _Judged
    ) -> tuple[RankedQuery, _Judged] | None:
        """The ranking led by the article that tells the focus, where the first hit does not.

        "TB-200 return" is about returns. None where the first hit tells it, or no article does.
        """
        focus = judged.focus
        if focus is None or not self._may_be_elsewhere(ranked, judged, focus):
            return None
        asked = replace(parsed, plain=focus.text)
        alone = self._ranked(ranked.prepared.query, asked, focus.vector)
        if not len(alone.ranking.order):
            return None
        probability = self._probability(alone, self._answer_features(alone, NO_EVIDENCE))
        if probability < max(ELSEWHERE_FROM, judged.probability):
            return None
        few = ranked.ranking.order[:FEW]
        first = alone.ranking.documents[alone.ranking.order[0]]
        place = few[ranked.ranking.documents[few] == first]
        if not len(place):
            return None
        found = replace(ranked, ranking=ranked.ranking.led_by(int(place[0])))
        return found, _Judged(self._quoter.quotable(found), None, min(probability, LED_BY_FOCUS))

    def _may_be_elsewhere(self, ranked: RankedQuery, judged: _Judged, focus: FocusQuery) -> bool:
        """Whether the first hit does not tell the focus, and another one is nearer to it."""
        features = judged.features
        if features is None or not features.named or features.focus_told > ELSEWHERE_TOLD:
            return False
        if judged.probability >= ELSEWHERE_BELOW:
            return False
        semantic, ranking = self.corpus.semantic, ranked.ranking
        if semantic is None or focus.vector is None:
            return True
        first, *others = (
            float(np.max(semantic.passages.vectors[rows] @ focus.vector, initial=-1.0))
            for row in ranking.documents[ranking.order[:FEW]].tolist()
            for rows in [self._ranker.passages_of(row)[:SHOWN_PASSAGES]]
        )
        return any(other > first for other in others)

    def _other_answer(self, ranked: RankedQuery, answer: Answer) -> Answer | None:
        """What another of the first articles answers, where it says something else."""
        document = self.lookups.document(answer.article_id)
        said = f"{document.title}\n{answer.text}"
        for place in ranked.ranking.relevant()[1:FEW].tolist():
            led = replace(ranked, ranking=ranked.ranking.led_by(place))
            quotable = self._quoter.quotable(led)
            if quotable is None or quotable.document.lang != document.lang:
                continue
            if self._quoter.nearest_question(ranked, quotable.document) < BOTH_ASKED:
                continue
            other = self._quoter.answer(led, quotable)
            if (
                other
                and disagree(said, f"{quotable.document.title}\n{other.text}", document.lang)
                and self._judged(led).probability >= BOTH_ANSWER
            ):
                return other
        return None

    def _topic_alone(self, ranked: RankedQuery, judged: _Judged) -> tuple[str, str]:
        """The topic that is known and the focus that is not; "" where the first hit tells both."""
        quotable, features = judged.quotable, judged.features
        if quotable is None or features is None:
            return "", ""
        if not answerability.tells_topic_alone(features, judged.probability):
            return "", ""
        return self._quoter.topic_and_focus(ranked, quotable)

    def _rank(self, query: Query, parsed: parser.Parsed) -> RankedQuery:
        vector, degraded = self._vector(parsed.plain) if query.arms & MEANING_ARMS else (None, "")
        return self._ranked(query, parsed, vector, degraded)

    def _ranked(
        self, query: Query, parsed: parser.Parsed, vector: Vector | None, degraded: str = ""
    ) -> RankedQuery:
        started = time.perf_counter()
        prepared = prepare(self.corpus, query, parsed, self._allowed(query, parsed))
        terms = {lang: expanded.terms for lang, expanded in prepared.expanded.items()}
        ranking = self._ranker.rank(
            RankRequest(terms, vector, prepared.allowed, prepared.langs, query.arms)
        )
        self._watch.stage("rank", time.perf_counter() - started)
        return RankedQuery(prepared, ranking, vector, degraded)

    def _probability(self, ranked: RankedQuery, features: AnswerFeatures | None) -> float:
        """Return the probability (0 to 1) that the first hit answers the query.

        At most UNSURE where the query is a single letter or kana.
        """
        if features is None:
            return 0.0
        probability = self.calibration.probability(features)
        return probability if ranked.prepared.says_something else min(probability, UNSURE)

    def _answer_features(self, ranked: RankedQuery, evidence: QuoteEvidence) -> AnswerFeatures:
        return answerability.answer_features(self.corpus, ranked.prepared, ranked.ranking, evidence)

    def _hits(self, ranked: RankedQuery) -> tuple[Hit, ...]:
        """Return the hits of the requested page."""
        query, ranking = ranked.prepared.query, ranked.ranking
        places = ranking.order[query.offset : query.offset + query.limit]
        return tuple(
            self._hit(ranked, place, arms)
            for place, arms in zip(places.tolist(), ranking.arms(places), strict=True)
        )

    def _hit(self, ranked: RankedQuery, place: int, arms: dict[str, tuple[int, float]]) -> Hit:
        row = int(ranked.ranking.documents[place])
        document = self.corpus.documents[row]
        score = round(float(ranked.ranking.scores[place]), 4)
        if not ranked.prepared.query.highlight:
            return Hit(document.id, document, None, score, arms)
        shown = ranked.prepared.expanded[document.lang].highlight
        return make_hit(
            document, self._best_passage(row, shown, ranked.ranking.passages), score, arms, shown
        )

    def _best_passage(
        self, row: int, shown: HighlightTerms, compared: Comparison | None
    ) -> Passage | None:
        """Return the passage of a document to show; None where it has none."""
        rows = self._ranker.passages_of(row)[:SHOWN_PASSAGES]
        passages = [self.corpus.passage(passage_row) for passage_row in rows.tolist()]
        if len(passages) < 2:
            return passages[0] if passages else None
        cosines = compared.scores_for(rows) if compared is not None else None
        return passages[best_passage(passages, cosines, shown, fusion.COVERAGE_WEIGHT)]

    # --- parts -------------------------------------------------------------------------------

    def visible(self, now: datetime, audiences: frozenset[str], filters: Filters) -> Mask:
        """Return the mask of documents that the audiences may see at ``now`` and the filters admit.

        Shape (documents,).
        """
        return self._doc_values.visible(now, audiences, filters)

    def _allowed(self, query: Query, parsed: parser.Parsed) -> Mask:
        """Return the mask of visible documents that match filters, phrases and exclusions."""
        allowed = self.visible(query.now or datetime.now(UTC), query.audiences, parsed.filters)
        return allowed & self._matching(parsed) if parsed.phrases or parsed.excluded else allowed

    def _matching(self, parsed: parser.Parsed) -> Mask:
        mask = np.zeros(len(self.corpus.documents), dtype=np.bool_)
        for lang in self.corpus.lexical:
            for name in self.corpus.keyword.matching(lang, parsed.phrases, parsed.excluded):
                if name in self._doc_values.rows:
                    mask[self._doc_values.rows[name]] = True
        return mask

    def _embedding(self, plain: str) -> Vector | None:
        return self._vector(plain)[0]

    def _vector(self, plain: str) -> tuple[Vector | None, str]:
        """Return the query embedding, or None with the reason why there is none."""
        semantic, started = self.corpus.semantic, time.perf_counter()
        try:
            vector = self._embedder.encode([plain], "query")[0]
            self._watch.stage("embed", time.perf_counter() - started)
            if semantic is None:
                return None, "stale"
            if (
                self._embedder.fingerprint != semantic.fingerprint
                or len(vector) != semantic.passages.vectors.shape[1]
            ):
                return None, "stale"
            if not np.isfinite(vector).all():
                return None, "failed"
        except EmbedderUnavailableError as unavailable:
            return None, unavailable.reason
        except ModelError:
            return None, "failed"
        return vector, ""
