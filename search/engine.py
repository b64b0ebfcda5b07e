"""The engine: a query in, ranked articles out. The same query over the same parts always gives the same answer."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np

from search.analysis.analyzer import analyser
from search.analysis.language import detect
from search.analysis.normalize import fold
from search.analysis.scripts import has_letters
from search.errors import EmbedderUnavailable, ModelError
from search.highlighting import hits
from search.highlighting.highlighter import spans
from search.index.corpus import Corpus
from search.model import Answer, Document, Filters, Hit, Query, Results
from search.ports import Comparison, Embedder, Rows, Vector
from search.query import expansion, parser
from search.query.expansion import Ready
from search.query.terms import Shown, Tokens
from search.ranking import answerability, fusion
from search.ranking.answerability import Calibration, Signs
from search.ranking.doc_values import Columns, Mask
from search.ranking.features import named_in, telling_words
from search.ranking.ranker import Question, Ranker, Ranking
from search.vectors.centering import ANY, centre_one
from search.vectors.cosine_scale import QUESTION_SCALE

log = logging.getLogger("search.engine")
# A single letter may find articles, but is no question that could be known to be answered.
UNSURE = 0.3
# Passages of one article that are looked at for the one to show.
SHOWN_PASSAGES = 64
# A question is suggested by meaning from this centred cosine on; unrelated ones are at 0.
SUGGESTED_NEAR = 0.5
MEANING_ARMS = frozenset({"passage", "question"})
# Too few letters have no meaning yet.
SHORTEST_MEANT = 4


@dataclass(frozen=True)
class _Asked:
    """A query made ready: analysed once for every language of the index."""

    query: Query
    plain: str
    lang: str
    tokens: Mapping[str, Tokens]
    ready: Mapping[str, Ready]
    allowed: Mask

    @property
    def langs(self) -> tuple[str, ...]:
        """The languages to answer in: of the question, then of the asker."""
        return tuple(dict.fromkeys(lang for lang in (self.lang, self.query.lang) if lang))


@dataclass(frozen=True)
class _Ranked:
    """A query with its ranking. ``degraded`` says why search by meaning is out."""

    asked: _Asked
    ranking: Ranking
    degraded: str


class Engine:
    """Searches one corpus. Threads may share it; what it finds never changes."""

    def __init__(self, corpus: Corpus, embedder: Embedder, calibration: Calibration | None = None) -> None:
        self.corpus = corpus
        self._embedder = embedder
        self.calibration = calibration or answerability.shipped()
        self._langs = sorted(corpus.impacts)
        self._columns = Columns(corpus.documents)
        self._ranker = Ranker(corpus, self._columns)

    @property
    def version(self) -> str:
        """The build this engine serves."""
        return self.corpus.version

    @property
    def ways(self) -> dict[str, str]:
        """How vectors are compared, which depends on how many there are: of passages and of questions; empty without any."""
        meaning = self.corpus.meaning
        return {"passages": meaning.passages.way, "questions": meaning.questions.way} if meaning else {}

    # --- searching -----------------------------------------------------------------------------------------------

    def search(self, query: Query) -> Results:
        """Rank the articles that answer a query. Never raises for what a visitor typed."""
        started = time.perf_counter()
        results = self._search(replace(query, now=query.now or datetime.now(UTC)))
        return replace(results, elapsed_ms=round((time.perf_counter() - started) * 1000, 2))

    def signs(self, query: Query) -> Signs | None:
        """What the verdict on a query rests on; None where nothing was found or asked."""
        parsed = parser.parse(query.text, query.filters)
        if _problem(parsed.plain):
            return None
        ranked = self._rank(query, parsed)
        return self._signs(ranked) if len(ranked.ranking.order) else None

    def visibility_epoch(self, now: datetime) -> int:
        """How many times before ``now`` an article began or ended to be shown: results stay the same within one epoch."""
        return self._columns.epoch(now)

    def _search(self, query: Query) -> Results:
        parsed = parser.parse(query.text, query.filters)
        problem = _problem(parsed.plain)
        if problem:
            return Results(problem=problem, index_version=self.version, lang=query.lang)
        ranked = self._rank(query, parsed)
        asked, ranking = ranked.asked, ranked.ranking
        chance = self._probability(ranked)
        verdict = self.calibration.verdict(chance)
        places = ranking.order[query.offset : query.offset + query.limit]
        hits = tuple(self._hit(ranked, place, arms) for place, arms in zip(places.tolist(), ranking.arms(places), strict=True))
        relevant = ranking.documents[ranking.relevant()].tolist()
        return Results(
            hits=hits,
            total=len(relevant),
            relevant=tuple(map(self.corpus.ids.__getitem__, relevant)),
            verdict=verdict,
            probability=round(chance, 6),
            answer=self._answer(asked, hits[0]) if verdict == "strict" and hits and not query.offset else None,
            lang=asked.lang,
            suggestions=self._spelling(asked),
            index_version=self.version,
            degraded=ranked.degraded,
        )

    def _rank(self, query: Query, parsed: parser.Parsed) -> _Ranked:
        vector, degraded = self._vector(parsed.plain) if query.arms & MEANING_ARMS else (None, "")
        asked = self._prepare(query, parsed)
        tokens = {lang: ready.asked for lang, ready in asked.ready.items()}
        ranking = self._ranker.rank(Question(tokens, vector, asked.allowed, asked.langs, query.arms))
        return _Ranked(asked, ranking, degraded)

    def document(self, article_id: str) -> Document:
        """What is known of an article of the index."""
        return self.corpus.documents[self._columns.rows[article_id]]

    def related(self, article_id: str, limit: int, now: datetime, audiences: frozenset[str]) -> list[Document]:
        """Articles of the same language nearest by meaning, else sharing tags and section; never its translations."""
        row = self._columns.rows.get(article_id)
        if row is None:
            return []
        document = self.corpus.documents[row]
        allowed = self.visible(now, audiences, Filters(lang=document.lang)) & (self._columns.groups != self._columns.groups[row])
        candidates = np.flatnonzero(allowed)
        if not len(candidates):
            return []
        nearness = self._nearness(row, candidates)
        order = candidates[np.argsort(-nearness, kind="stable")]
        return [self.corpus.documents[int(other)] for other in order[:limit]]

    def suggest(self, typed: str, lang: str, limit: int, now: datetime, audiences: frozenset[str]) -> list[tuple[str, Document]]:
        """(title or question, its article) that complete what was typed; nothing the asker may not read."""
        allowed = self.visible(now, audiences, Filters())
        found = self.corpus.suggest.find(typed[:100], allowed, self._columns.in_language(lang), limit)
        return [(text, self.corpus.documents[document]) for document, text in found]

    def suggest_by_meaning(self, typed: str, lang: str, limit: int, now: datetime, audiences: frozenset[str]) -> list[tuple[str, Document]]:
        """(title, its article) of articles that one of whose questions means what was typed; none while there is no model."""
        parsed = parser.parse(typed[:100])
        vector, _ = self._vector(parsed.plain) if len(parsed.plain) >= SHORTEST_MEANT and has_letters(parsed.plain) else (None, "")
        meaning = self.corpus.meaning
        if vector is None or meaning is None:
            return []
        centred = centre_one(vector, lang or ANY, meaning.centres)
        allowed = self.visible(now, audiences, Filters()) & self._columns.in_language(lang)
        rows, cosines = meaning.questions.compare(centred).nearest(4 * limit, allowed[meaning.question_documents])
        if meaning.question_scale:
            cosines = meaning.question_scale.read_as(QUESTION_SCALE, cosines)
        near = dict.fromkeys(int(meaning.question_documents[row]) for row, cosine in zip(rows, cosines, strict=True) if cosine >= SUGGESTED_NEAR)
        return [(self.corpus.documents[row].title, self.corpus.documents[row]) for row in list(near)[:limit]]

    def visible(self, now: datetime, audiences: frozenset[str], filters: Filters) -> Mask:
        """Which documents one of the audiences may see at that time and the filters admit, shape (documents,)."""
        return self._columns.visible(now, audiences, filters)

    # --- preparing -----------------------------------------------------------------------------------------------

    def _prepare(self, query: Query, parsed: parser.Parsed) -> _Asked:
        candidates = [lang for lang in (query.lang, *self._langs) if lang]
        lang = detect(parsed.plain, candidates or ["en"], query.lang or None)
        tokens = {own: analyser(own).analyse_query(parsed.plain) for own in self._langs}
        if lang != query.lang and self._knows(query.lang, tokens):
            lang = query.lang
        ready = {own: expansion.ready(self.corpus, own, parsed.plain, tokens[own], mend=own == lang) for own in self._langs}
        allowed = self.visible(query.now or datetime.now(UTC), query.audiences, parsed.filters)
        if parsed.phrases or parsed.excluded:
            allowed = allowed & self._matching(parsed)
        return _Asked(query, parsed.plain, lang, tokens, ready, allowed)

    def _knows(self, lang: str, tokens: Mapping[str, Tokens]) -> bool:
        """Whether every word is one of the language's articles: Wi-Fi and E-502 are asked in the asker's own language."""
        if lang not in tokens or not tokens[lang][0]:
            return False
        return all(self.corpus.impacts[lang].words.weight(token) for token in tokens[lang][0])

    def _matching(self, parsed: parser.Parsed) -> Mask:
        mask = np.zeros(len(self.corpus.documents), dtype=np.bool_)
        for lang in self._langs:
            for name in self.corpus.keyword.matching(lang, parsed.phrases, parsed.excluded):
                if name in self._columns.rows:
                    mask[self._columns.rows[name]] = True
        return mask

    def _vector(self, plain: str) -> tuple[Vector | None, str]:
        """The query's vector, or None and why there is none."""
        meaning = self.corpus.meaning
        try:
            vector = self._embedder.encode([plain], "query")[0]
            if meaning is None:
                return None, "stale"
            if self._embedder.fingerprint != meaning.fingerprint or len(vector) != meaning.passages.vectors.shape[1]:
                return None, "stale"
            if not np.isfinite(vector).all():
                return None, "failed"
        except EmbedderUnavailable as unavailable:
            return None, unavailable.reason
        except ModelError:
            return None, "failed"
        return vector, ""

    # --- judging and showing -------------------------------------------------------------------------------------

    def _probability(self, ranked: _Ranked) -> float:
        """How likely the first hit answers, 0 to 1; at most UNSURE where hardly anything was asked."""
        chance = self.calibration.probability(self._signs(ranked)) if len(ranked.ranking.order) else 0.0
        return chance if _says_something(ranked.asked) else min(chance, UNSURE)

    def _signs(self, ranked: _Ranked) -> Signs:
        """The signs of the first hit; there must be one."""
        ranking = ranked.ranking
        first, rest = ranking.order[0], ranking.order[1:]
        evidence = ranking.evidence
        covered = float(evidence.coverage[first])
        own = self._langs if ranked.asked.lang not in self.corpus.impacts else [ranked.asked.lang]
        weight = math.log1p(max((telling_words(self.corpus.impacts[lang], ranked.asked.ready[lang].asked) for lang in own), default=0.0))
        named = self._named(ranked.asked, int(ranking.documents[first]))
        if evidence.passage is None or evidence.question is None:
            lead = covered - float(np.max(evidence.coverage[rest], initial=0.0))
            return Signs(covered, None, None, max(0.0, lead), weight, named)
        lead = float(ranking.scores[first]) - float(np.max(ranking.scores[rest], initial=0.0))
        above = float(fusion.above_floor(evidence.question[[first]])[0])
        return Signs(covered, float(evidence.passage[first]), above, max(0.0, lead), weight, named)

    def _named(self, asked: _Asked, row: int) -> float:
        """How much of the question one of the document's own questions names."""
        lang = self.corpus.documents[row].lang
        impacts, ready = self.corpus.impacts[lang], asked.ready[lang]
        return max((named_in(impacts, ready.asked, set(forms)) for forms in self.corpus.named(row)), default=0.0)

    def _hit(self, ranked: _Ranked, place: int, arms: dict[str, tuple[int, float]]) -> Hit:
        asked, ranking = ranked.asked, ranked.ranking
        row = int(ranking.documents[place])
        document = self.corpus.documents[row]
        score = round(float(ranking.scores[place]), 4)
        if not asked.query.show:
            return Hit(document.id, document, None, score, arms)
        shown = asked.ready[document.lang].shown
        title_spans = tuple(spans(document.lang, document.title, shown.words, shown.grams))
        best = self._best_passage(row, shown, ranking.passages)
        if best is None:
            return Hit(document.id, document, None, score, arms, title_spans=title_spans)
        passage = self.corpus.passage(best)
        window, marks = hits.snippet_of(passage, shown)
        return Hit(document.id, document, passage, score, arms, passage.text[slice(*window)], marks, title_spans)

    def _answer(self, asked: _Asked, hit: Hit) -> Answer | None:
        """The sentence or step of the first hit that answers, as the writer wrote it."""
        passage = hit.passage
        if passage is None:
            return None
        shown = asked.ready[hit.document.lang].shown
        start, end = hits.answer_window(passage, shown)
        marks = tuple(spans(passage.lang, passage.text, shown.words, shown.grams, (start, end)))
        return Answer(hit.article_id, passage, passage.text[start:end], marks) if end > start else None

    def _best_passage(self, row: int, shown: Shown, near: Comparison | None) -> int | None:
        """The row of the document's passage to show; None where it has none."""
        places = self._ranker.passages_of(row)[:SHOWN_PASSAGES]
        if len(places) < 2:
            return int(places[0]) if len(places) else None
        passages = [self.corpus.passage(place) for place in places.tolist()]
        cosines = near.of(places) if near is not None else None
        return int(places[hits.best_passage(passages, cosines, shown, fusion.COVERAGE_WEIGHT)])

    def _nearness(self, row: int, candidates: Rows) -> Vector:
        meaning = self.corpus.meaning
        own = self._ranker.passages_of(row)
        document = self.corpus.documents[row]
        likeness = self._columns.likeness(document)[candidates]
        if meaning is None or not len(own):
            return likeness
        middle = np.ascontiguousarray(meaning.passages.vectors[own].mean(axis=0))
        return self._ranker.passage_scores(meaning.passages.compare(middle), candidates) + likeness

    @staticmethod
    def _spelling(asked: _Asked) -> tuple[str, ...]:
        """The query with words that no article has replaced by the nearest that some has; empty where all are known."""
        corrections = asked.ready[asked.lang].corrections if asked.lang in asked.ready else ()
        return (expansion.corrected(asked.plain, corrections),) if corrections else ()


def _says_something(asked: _Asked) -> bool:
    """Whether more than one letter or kana was asked; a single ideograph is a word."""
    letters = [char for char in fold(asked.plain) if char.isalnum()]
    return len(letters) > 1 or any(token.prefix for _, grams in asked.tokens.values() for token in grams)


def _problem(plain: str) -> str:
    if not fold(plain).strip():
        return "empty"
    return "" if has_letters(fold(plain)) else "unsearchable"
