"""The engine: a query in, ranked articles out. The same query over the same parts always gives the same answer."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from search import answerability, fusion, showing, syntax
from search.columns import Columns, Mask
from search.corpus import Corpus
from search.errors import EmbedderUnavailable, ModelError
from search.folding import fold
from search.language import detect
from search.model import Document, Filters, Hit, Passage, Query, Results
from search.ports import Embedder, Rows, Vector
from search.ranking import Question, Ranker, Ranking
from search.text import analyser, folded_word, has_letters

# A single letter may find articles, but is no question that could be known to be answered.
UNSURE = 0.3
# Passages of one article that are looked at for the one to show.
SHOWN_PASSAGES = 64


@dataclass(frozen=True)
class _Asked:
    """A query made ready: analysed once for every language of the index."""

    query: Query
    plain: str
    lang: str
    tokens: Mapping[str, showing.Tokens]
    allowed: Mask


class Engine:
    """Searches one corpus. Threads may share it; it never changes."""

    def __init__(self, corpus: Corpus, embedder: Embedder) -> None:
        self.corpus = corpus
        self._embedder = embedder
        self._langs = sorted(corpus.impacts)
        self._columns = Columns(corpus.documents)
        self._ranker = Ranker(corpus, self._columns)

    @property
    def version(self) -> str:
        """The build this engine serves."""
        return self.corpus.version

    # --- searching -----------------------------------------------------------------------------------------------

    def search(self, query: Query) -> Results:
        """Rank the articles that answer a query. Never raises for what a visitor typed."""
        started = time.perf_counter()
        parsed = syntax.parse(query.text, query.filters)
        problem = _problem(parsed.plain)
        if problem:
            return Results(problem=problem, index_version=self.version, lang=query.lang, elapsed_ms=_since(started))
        asked = self._prepare(query, parsed)
        vector, degraded = self._vector(parsed.plain)
        ranking = self._ranker.rank(Question(asked.tokens, vector, asked.allowed, _languages(asked), query.arms))
        chance = self._probability(ranking) if _says_something(asked) else min(self._probability(ranking), UNSURE)
        verdict = answerability.verdict(chance)
        page = [int(place) for place in ranking.order[query.offset : query.offset + query.limit]]
        relevant = ranking.relevant()
        return Results(
            hits=tuple(self._hit(asked, ranking, place, vector) for place in page),
            total=len(relevant),
            relevant=tuple(self.corpus.documents[int(ranking.documents[place])].id for place in relevant),
            verdict=verdict,
            probability=round(chance, 6),
            lang=asked.lang,
            suggestions=() if verdict == "strict" else self._spelling(asked),
            index_version=self.version,
            elapsed_ms=_since(started),
            degraded=degraded,
        )

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

    def visible(self, now: datetime, audiences: frozenset[str], filters: Filters) -> Mask:
        """Which documents one of the audiences may see at that time and the filters admit, shape (documents,)."""
        return self._columns.visible(now, audiences, filters)

    # --- preparing -----------------------------------------------------------------------------------------------

    def _prepare(self, query: Query, parsed: syntax.Parsed) -> _Asked:
        candidates = [lang for lang in (query.lang, *self._langs) if lang]
        lang = detect(parsed.plain, candidates or ["en"], query.lang or None)
        tokens = {own: analyser(own).analyse_query(parsed.plain) for own in self._langs}
        if lang != query.lang and self._knows(query.lang, tokens):
            lang = query.lang
        now = query.now or datetime.now(UTC)
        allowed = self.visible(now, query.audiences, parsed.filters)
        if parsed.phrases or parsed.excluded:
            allowed = allowed & self._matching(parsed)
        return _Asked(query, parsed.plain, lang, tokens, allowed)

    def _knows(self, lang: str, tokens: Mapping[str, showing.Tokens]) -> bool:
        """Whether every word is one of the language's articles: Wi-Fi and E-502 are asked in the asker's own language."""
        if lang not in tokens or not tokens[lang][0]:
            return False
        return all(self.corpus.impacts[lang].words.weight(token) for token in tokens[lang][0])

    def _matching(self, parsed: syntax.Parsed) -> Mask:
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
            if self._embedder.fingerprint != meaning.fingerprint:
                return None, "stale"
        except EmbedderUnavailable as unavailable:
            return None, unavailable.reason
        except ModelError:
            return None, "failed"
        return vector, ""

    # --- judging and showing -------------------------------------------------------------------------------------

    def _probability(self, ranking: Ranking) -> float:
        if not len(ranking.order):
            return 0.0
        first = ranking.order[0]
        rest = ranking.order[1:]
        evidence = ranking.evidence
        covered = float(evidence.coverage[first])
        if evidence.passage is None or evidence.question is None:
            lead = covered - float(np.max(evidence.coverage[rest], initial=0.0))
            return answerability.probability_by_keyword(covered, max(0.0, lead))
        lead = float(ranking.scores[first]) - float(np.max(ranking.scores[rest], initial=0.0))
        above = float(fusion.above_floor(evidence.question[[first]])[0])
        return answerability.probability(covered, float(evidence.passage[first]), above, max(0.0, lead))

    def _hit(self, asked: _Asked, ranking: Ranking, place: int, vector: Vector | None) -> Hit:
        row = int(ranking.documents[place])
        document = self.corpus.documents[row]
        arms = ranking.arms(place)
        score = round(float(ranking.scores[place]), 4)
        if not asked.query.show:
            return Hit(document.id, document, None, score, arms)
        reader = analyser(document.lang)
        tokens = asked.tokens.get(document.lang) or reader.analyse_query(asked.plain)
        passage = self._best_passage(row, asked, tokens, vector)
        marked = showing.marked(tokens)
        shown, spans = showing.snippet_of(passage, showing.pieces_of(asked.plain, tokens), marked, reader) if passage else ("", ())
        title_spans = tuple(reader.spans(document.title, *marked))
        return Hit(document.id, document, passage, score, arms, shown, spans, title_spans)

    def _best_passage(self, row: int, asked: _Asked, tokens: showing.Tokens, vector: Vector | None) -> Passage | None:
        places = self._ranker.passages_of(row)[:SHOWN_PASSAGES]
        if not places:
            return None
        passages = [self.corpus.passage(place) for place in places]
        meaning = self.corpus.meaning
        cosines = meaning.passages.scores(vector, np.array(places)) if vector is not None and meaning is not None else None
        return showing.best_passage(passages, cosines, asked.plain, tokens)

    def _nearness(self, row: int, candidates: Rows) -> Vector:
        meaning = self.corpus.meaning
        own = self._ranker.passages_of(row)
        document = self.corpus.documents[row]
        likeness = self._columns.likeness(document)[candidates]
        if meaning is None or not own:
            return likeness
        centre = meaning.passages.vectors[own.start : own.stop].mean(axis=0)
        return self._ranker.passage_scores(np.ascontiguousarray(centre), candidates) + likeness

    def _spelling(self, asked: _Asked) -> tuple[str, ...]:
        """The query with words that no article has replaced by the nearest that some has; empty where all are known."""
        corrected = asked.plain
        lang = asked.lang
        if lang not in self.corpus.impacts:
            return ()
        known = self.corpus.impacts[lang].words
        for token in asked.tokens[lang][0]:
            written = asked.plain[token.start : token.end]
            if not known.weight(token) and (better := self.corpus.keyword.correct(lang, folded_word(written))):
                corrected = corrected.replace(written, better)
        return (corrected,) if corrected != asked.plain else ()


def _languages(asked: _Asked) -> tuple[str, ...]:
    """The languages to answer in: of the question, then of the asker."""
    return tuple(lang for lang in (asked.lang, asked.query.lang) if lang)


def _says_something(asked: _Asked) -> bool:
    """Whether more than one letter or kana was asked; a single ideograph is a word."""
    letters = [char for char in fold(asked.plain) if char.isalnum()]
    return len(letters) > 1 or any(token.prefix for _, grams in asked.tokens.values() for token in grams)


def _problem(plain: str) -> str:
    if not fold(plain).strip():
        return "empty"
    return "" if has_letters(fold(plain)) else "unsearchable"


def _since(started: float) -> float:
    return round((time.perf_counter() - started) * 1000, 2)
