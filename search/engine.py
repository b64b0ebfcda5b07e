"""The engine: a query in, ranked articles out. The same query over the same parts always gives the same answer."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from search import answerability, fusion, showing, syntax
from search.corpus import Corpus, Meaning, Rows
from search.errors import EmbedderUnavailable, ModelError
from search.folding import fold
from search.fusion import Evidence
from search.language import detect
from search.model import ARMS, Document, Filters, Hit, Passage, Query, Results
from search.ports import Embedder, Impacts, Vector, VectorIndex
from search.suggest import Entry
from search.text import Token, analyser, folded_word, has_letters

# How many documents or rows each arm may propose. MAP over 100 needs more than a page.
CANDIDATES = 200
# Hits below this share of the first one's score are not counted among the results that a page offers.
RELEVANT_SHARE = 0.35
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
    allowed: NDArray[np.bool_]


@dataclass(frozen=True)
class _Ranking:
    """Documents by fused score, best first, with each arm's own scores."""

    documents: Rows
    scores: Vector
    evidence: Evidence
    order: Rows


class Engine:
    """Searches one corpus. Threads may share it; it never changes."""

    def __init__(self, corpus: Corpus, embedder: Embedder) -> None:
        self.corpus = corpus
        self._embedder = embedder
        self._begin, self._end = _times(corpus.documents)
        self._audience = np.array([document.audience for document in corpus.documents], dtype=np.str_)
        self._langs = sorted(corpus.impacts)
        self._rows = {document.id: row for row, document in enumerate(corpus.documents)}
        self._groups = np.array([_group_number(self._rows, document, row) for row, document in enumerate(corpus.documents)], dtype=np.int64)
        self._first_passage = np.searchsorted(corpus.passage_documents, np.arange(len(corpus.documents) + 1))
        self._question_order = np.argsort(corpus.meaning.question_documents, kind="stable") if corpus.meaning else np.zeros(0, np.int64)

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
        ranking = self._rank(asked, vector)
        chance = self._probability(ranking) if _says_something(asked) else min(self._probability(ranking), UNSURE)
        verdict = answerability.verdict(chance)
        page = [int(place) for place in ranking.order[query.offset : query.offset + query.limit]]
        ranks = _ranks_by_arm(ranking.evidence, ranking.order)
        relevant = _relevant(ranking)
        return Results(
            hits=tuple(self._hit(asked, ranking, place, vector, ranks) for place in page),
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
        row = self._rows.get(article_id)
        if row is None:
            return []
        document = self.corpus.documents[row]
        allowed = self.visible(now, audiences, Filters(lang=document.lang)) & (self._groups != self._groups[row])
        candidates = np.flatnonzero(allowed)
        if not len(candidates):
            return []
        nearness = self._nearness(row, candidates)
        order = candidates[np.argsort(-nearness, kind="stable")]
        return [self.corpus.documents[int(other)] for other in order[:limit]]

    def suggest(self, typed: str, lang: str, limit: int, now: datetime, audiences: frozenset[str]) -> list[tuple[str, Document]]:
        """(title or question, its article) that complete what was typed; nothing the asker may not read."""
        allowed = self.visible(now, audiences, Filters())
        preferred = np.array([document.lang == lang for document in self.corpus.documents])
        found: list[Entry] = self.corpus.suggest.find(typed[:100], allowed.tolist(), preferred.tolist(), limit)
        return [(entry.text, self.corpus.documents[entry.document]) for entry in found]

    def visible(self, now: datetime, audiences: frozenset[str], filters: Filters) -> NDArray[np.bool_]:
        """Which documents one of the audiences may see at that time and the filters admit, shape (documents,)."""
        stamp = now.timestamp()
        allowed: NDArray[np.bool_] = (self._begin <= stamp) & (stamp < self._end)
        allowed &= np.isin(self._audience, list(audiences))
        if filters:
            allowed &= np.array([filters.admits(document) for document in self.corpus.documents], dtype=np.bool_)
        return allowed

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

    def _matching(self, parsed: syntax.Parsed) -> NDArray[np.bool_]:
        mask = np.zeros(len(self.corpus.documents), dtype=np.bool_)
        for lang in self._langs:
            for name in self.corpus.keyword.matching(lang, parsed.phrases, parsed.excluded):
                if name in self._rows:
                    mask[self._rows[name]] = True
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

    # --- ranking -------------------------------------------------------------------------------------------------

    def _rank(self, asked: _Asked, vector: Vector | None) -> _Ranking:
        arms = asked.query.arms
        covered = self._coverage(asked) if "keyword" in arms else np.zeros(len(self.corpus.documents), np.float32)
        chosen = np.flatnonzero(covered)
        chosen = chosen[np.argsort(-covered[chosen], kind="stable")][:CANDIDATES]
        passage = question = None
        if vector is not None and self.corpus.meaning is not None:
            near = self._nearest_documents(asked, vector, self.corpus.meaning, arms)
            chosen = np.union1d(chosen, near)
            passage = self._passage_scores(vector, chosen) if "passage" in arms else None
            question = self._question_scores(vector, chosen) if "question" in arms else None
        evidence = Evidence(covered[chosen], passage, question)
        scores = fusion.fuse(evidence) + self._preferences(asked, chosen) if len(arms) > 1 else _single(evidence, arms)
        return _Ranking(chosen, scores, evidence, self._order(asked, chosen, scores))

    def _coverage(self, asked: _Asked) -> Vector:
        covered = np.zeros(len(self.corpus.documents), dtype=np.float32)
        for lang, (words, grams) in asked.tokens.items():
            impacts = self.corpus.impacts[lang]
            total = _total_weight(impacts.words, words) + _total_weight(impacts.grams, grams)
            if total:
                covered[impacts.documents] = fusion.coverage(impacts.words.scores(words) + impacts.grams.scores(grams), total)
        covered[~asked.allowed] = 0
        return covered

    def _nearest_documents(self, asked: _Asked, vector: Vector, meaning: Meaning, arms: frozenset[str]) -> Rows:
        found: list[Rows] = []
        everything = bool(asked.allowed.all())
        if "passage" in arms and len(meaning.passages):
            allowed = None if everything else asked.allowed[self.corpus.passage_documents]
            rows, _ = meaning.passages.search(vector, CANDIDATES, allowed)
            found.append(self.corpus.passage_documents[rows])
        if "question" in arms and len(meaning.questions):
            allowed = None if everything else asked.allowed[meaning.question_documents]
            rows, _ = meaning.questions.search(vector, 2 * CANDIDATES, allowed)
            found.append(meaning.question_documents[rows])
        return np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)

    def _passage_scores(self, vector: Vector, documents: Rows) -> Vector:
        """Cosine of each document's nearest passage."""
        rows = [np.arange(self._first_passage[d], self._first_passage[d + 1]) for d in documents]
        return self._best_of(self._meaning().passages, vector, rows)

    def _question_scores(self, vector: Vector, documents: Rows) -> Vector:
        """Cosine of each document's nearest title, question or confirmed question."""
        owners = self._meaning().question_documents[self._question_order]
        first, last = np.searchsorted(owners, documents, "left"), np.searchsorted(owners, documents, "right")
        rows = [self._question_order[a:b] for a, b in zip(first, last, strict=True)]
        return self._best_of(self._meaning().questions, vector, rows)

    def _best_of(self, index: VectorIndex, vector: Vector, rows: Sequence[Rows]) -> Vector:
        best = np.full(len(rows), fusion.BACKGROUND, dtype=np.float32)
        sizes = np.array([len(part) for part in rows])
        if not sizes.sum():
            return best
        scores = index.scores(vector, np.concatenate([part for part in rows if len(part)]))
        starts = np.concatenate([[0], np.cumsum(sizes[sizes > 0])[:-1]])
        best[sizes > 0] = np.maximum.reduceat(scores, starts)
        scale = self._meaning().scale
        return scale.standard(best) if scale else best

    def _meaning(self) -> Meaning:
        assert self.corpus.meaning is not None
        return self.corpus.meaning

    def _preferences(self, asked: _Asked, documents: Rows) -> Vector:
        wanted = {asked.lang, asked.query.lang} - {""}
        added = np.zeros(len(documents), dtype=np.float32)
        for place, row in enumerate(documents):
            document = self.corpus.documents[int(row)]
            if wanted and document.lang not in wanted:
                added[place] += fusion.OTHER_LANGUAGE
            if document.boost != 1.0:
                added[place] += fusion.BOOST_WEIGHT * float(np.log(document.boost))
        return added

    def _order(self, asked: _Asked, documents: Rows, scores: Vector) -> Rows:
        """Places by score; of an article and its translations only the one in the asker's language, at the best one's place."""
        order = np.argsort(-scores, kind="stable")
        best: dict[int, int] = {}
        for place in order:
            group = int(self._groups[documents[place]])
            if group not in best or self._preferred(asked, documents, int(place), best[group]):
                best[group] = int(place)
        return np.array(list(best.values()), dtype=np.int64)

    def _preferred(self, asked: _Asked, documents: Rows, one: int, other: int) -> bool:
        first, second = (self.corpus.documents[int(documents[place])].lang for place in (one, other))
        wanted = [asked.lang, asked.query.lang]
        rank = {lang: place for place, lang in reversed(list(enumerate(wanted))) if lang}
        return rank.get(first, 9) < rank.get(second, 9)

    # --- judging and showing -------------------------------------------------------------------------------------

    def _probability(self, ranking: _Ranking) -> float:
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

    def _hit(self, asked: _Asked, ranking: _Ranking, place: int, vector: Vector | None, ranks: Mapping[str, Mapping[int, tuple[int, float]]]) -> Hit:
        row = int(ranking.documents[place])
        document = self.corpus.documents[row]
        arms = {arm: ranks[arm][place] for arm in ARMS if place in ranks.get(arm, {})}
        score = round(float(ranking.scores[place]), 4)
        if not asked.query.show:
            return Hit(document.id, document, None, score, arms)
        reader = analyser(document.lang)
        tokens = asked.tokens.get(document.lang) or reader.analyse_query(asked.plain)
        passage = self._best_passage(row, asked, tokens, vector)
        shown, spans = showing.snippet_of(passage, asked.plain, tokens, reader) if passage else ("", ())
        title_spans = tuple(reader.spans(document.title, *showing.marked(tokens)))
        return Hit(document.id, document, passage, score, arms, shown, spans, title_spans)

    def _best_passage(self, row: int, asked: _Asked, tokens: showing.Tokens, vector: Vector | None) -> Passage | None:
        first, last = int(self._first_passage[row]), int(self._first_passage[row + 1])
        last = min(last, first + SHOWN_PASSAGES)
        if first == last:
            return None
        passages = [self.corpus.passage(place) for place in range(first, last)]
        cosines = self._meaning().passages.scores(vector, np.arange(first, last)) if vector is not None else None
        return showing.best_passage(passages, cosines, asked.plain, tokens)

    def _nearness(self, row: int, candidates: Rows) -> Vector:
        meaning = self.corpus.meaning
        own = slice(int(self._first_passage[row]), int(self._first_passage[row + 1]))
        document = self.corpus.documents[row]
        likeness = np.array(
            [
                0.02 * len(set(document.tags) & set(other.tags)) + 0.01 * (other.section == document.section)
                for other in (self.corpus.documents[int(c)] for c in candidates)
            ],
            dtype=np.float32,
        )
        if meaning is None or own.start == own.stop:
            return likeness
        centre = meaning.passages.vectors[own].mean(axis=0)
        return self._passage_scores(np.ascontiguousarray(centre), candidates) + likeness

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


def _times(documents: Sequence[Document]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each document begins and ends to be shown (seconds since 1970); never, where it is not published."""
    begin = [document.publish_at.timestamp() if document.publish_at else -np.inf for document in documents]
    end = [document.expire_at.timestamp() if document.expire_at else np.inf for document in documents]
    begin = [start if document.status == "published" else np.inf for start, document in zip(begin, documents, strict=True)]
    return np.array(begin, dtype=np.float64), np.array(end, dtype=np.float64)


def _group_number(rows: Mapping[str, int], document: Document, row: int) -> int:
    return rows.get(document.group, row) if document.group else row


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


def _total_weight(impacts: Impacts, tokens: Sequence[Token]) -> float:
    return sum(impacts.weight(token) or impacts.unknown_weight() for token in tokens)


def _single(evidence: Evidence, arms: frozenset[str]) -> Vector:
    """One arm alone, for measuring."""
    if "passage" in arms and evidence.passage is not None:
        return evidence.passage
    if "question" in arms and evidence.question is not None:
        return evidence.question
    return evidence.coverage


def _ranks_by_arm(evidence: Evidence, shown: Rows) -> dict[str, dict[int, tuple[int, float]]]:
    """Per arm, place -> (rank from 1, score) among the documents shown; the keyword arm only where it found something."""
    arms = {"keyword": evidence.coverage, "passage": evidence.passage, "question": evidence.question}
    ranks: dict[str, dict[int, tuple[int, float]]] = {}
    for arm, scores in arms.items():
        if scores is not None:
            order = shown[np.argsort(-scores[shown], kind="stable")]
            ranks[arm] = {int(place): (rank, round(float(scores[place]), 4)) for rank, place in enumerate(order, 1) if arm != "keyword" or scores[place] > 0}
    return ranks


def _relevant(ranking: _Ranking) -> Rows:
    """The places worth paging through: those near enough to the first."""
    scores = ranking.scores[ranking.order]
    if not len(scores) or scores[0] <= 0:
        return ranking.order
    kept: Rows = ranking.order[scores >= RELEVANT_SHARE * scores[0]]
    return kept
