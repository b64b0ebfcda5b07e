"""The truth of the figures: visits whose true outcome is known, written as a log and read back by the analytics.

    python -m bench.episodes [--seed N] [--episodes N] [--runs N] [--rewordings FILE] [--model-dir DIR] [--json]

Visitors word a few dozen problems each in their own way, in two languages; what each truly wanted and how it ended is kept beside the
log. One visit in seven is about a problem that has no article. The seed is taken from the clock where none is given. With --json one flat object.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kb_app.analytics import model as m
from kb_app.analytics.episodes.outcomes import judge
from kb_app.analytics.episodes.task_detection import by_client, group, pairwise_f1, searches_of_tickets
from kb_app.analytics.gaps import gaps as gap_report
from kb_app.analytics.ports import Vectors
from kb_app.analytics.reports.metrics import episode_figures, probable_calibration
from kb_app.analytics.reports.rollup import count_episodes
from kb_app.durations import DAY, HOUR, MINUTE, SECOND

BEGIN = 1_780_000_000_000
SPAN = 30 * DAY
# Long after the last visit: nothing is provisional any more.
LATER = BEGIN + SPAN + 60 * DAY
SURVEYED, ANSWERED = 0.3, 0.7
UNANSWERABLE = 7
WRONG_FIRST = 0.15


@dataclass(frozen=True)
class Intent:
    """One problem with the ways in which it is asked, by language."""

    name: str
    asked: tuple[tuple[str, str], ...]
    answered: bool


@dataclass
class Visit:
    """What really happened: the searches of one problem, how it ended, and the outcome that an honest log can show."""

    problem: str
    intent: str
    truth: str
    shown: m.Outcome
    queries: list[m.QueryEvent] = field(default_factory=list)
    actions: list[m.ActionEvent] = field(default_factory=list)
    revoked: bool = False


@dataclass
class Log:
    """One simulated month."""

    visits: list[Visit]
    bots: list[m.QueryEvent]

    @property
    def queries(self) -> list[m.QueryEvent]:
        """All searches, bots' among them."""
        return [query for visit in self.visits for query in visit.queries] + self.bots

    @property
    def actions(self) -> list[m.ActionEvent]:
        """All that was done."""
        return [action for visit in self.visits for action in visit.actions]


# --- how visitors behave -----------------------------------------------------------------------------------------------------


class Visitor:
    """Writes the trail of one visit."""

    def __init__(self, chance: random.Random, intent: Intent, client: str, at: int, number: int) -> None:
        self.chance, self.intent, self.client, self.at = chance, intent, client, at
        self.visit = Visit(f"p{number}", intent.name, "", "unknown")
        self.lang, self.wordings = self._language()
        self.number = number

    def _language(self) -> tuple[str, list[str]]:
        lang = self.chance.choice(sorted({lang for _, lang in self.intent.asked}))
        return lang, [text for text, own in self.intent.asked if own == lang]

    def ask(self, verdict: str = "") -> m.QueryEvent:
        """One search, in the visitor's next words."""
        text = self.wordings[len(self.visit.queries) % len(self.wordings)] if self.visit.queries else self.chance.choice(self.wordings)
        found = verdict or ("strict" if self.intent.answered else "none")
        # A search is not always right about what comes first.
        first = self.intent.name if self.chance.random() > WRONG_FIRST else f"other-{self.chance.randrange(30)}"
        query = m.QueryEvent(
            f"{self.visit.problem}-q{len(self.visit.queries)}",
            self.at,
            text,
            self.client,
            "s",
            self.lang,
            verdict=found,
            hit_ids=(first, "other"),
            section="s",
        )
        self.visit.queries.append(query)
        self.wait(5, 20)
        return query

    def do(self, name: str, joined: str = "both", **attributes: Any) -> None:
        """One action on the last answer; ``joined`` says what a ticket can be known by."""
        last = self.visit.queries[-1]
        query_id = last.query_id if joined in ("both", "token") else None
        client = self.client if joined in ("both", "client") else None
        event = f"{self.visit.problem}-a{len(self.visit.actions)}"
        self.visit.actions.append(m.ActionEvent(event, name, self.at, query_id, client, "s", self.intent.name, language=self.lang, attributes=attributes))
        self.wait(5, 30)

    def read(self) -> None:
        """Open the article and read it."""
        self.do(m.CLICK)
        self.do(m.VIEW)
        self.wait(20, 90)
        self.do(m.ENGAGED, seconds=self.chance.uniform(15, 120))

    def wait(self, least: float, most: float) -> None:
        """Let seconds pass."""
        self.at += int(self.chance.uniform(least, most) * SECOND)

    def later(self, least_days: float, most_days: float) -> None:
        """Let days pass."""
        self.wait(least_days * 86_400, most_days * 86_400)

    def ticket(self) -> None:
        """Reach an agent; the ticket is known by its token, its client, or its words alone."""
        joined = self.chance.choice(("token", "client", "words"))
        words = {"text": self.chance.choice(self.wordings)} if joined != "token" else {}
        self.do(m.TICKET_CREATED, joined, **words)

    def survey(self, solved: bool) -> bool:
        """The question to a random share; True where it was answered."""
        if self.chance.random() >= SURVEYED:
            return False
        self.do(m.SURVEY_SHOWN)
        if self.chance.random() >= ANSWERED:
            return False
        self.do(m.SOLVED_YES if solved else m.SOLVED_NO)
        return True


def reads_and_votes(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    return "solved", "confirmed"


def reads_and_leaves_happy(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    return "solved", "confirmed" if visitor.survey(solved=True) else "probable"


def reads_and_gives_up(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    return "gave up", "unanswered" if visitor.survey(solved=False) else "probable"


def gives_up_at_once(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    return "gave up", "unknown"


def glances(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.do(m.CLICK)
    visitor.do(m.VIEW)
    visitor.do(m.ENGAGED, seconds=visitor.chance.uniform(1, 6))
    return "gave up", "unknown"


def rewords_and_votes(visitor: Visitor) -> tuple[str, m.Outcome]:
    for _ in range(visitor.chance.randint(2, 3)):
        visitor.ask(visitor.chance.choice(("weak", "strict")))
    visitor.read()
    visitor.do(m.VOTE_YES)
    return "solved", "confirmed"


def votes_no(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_NO, reason="did not work")
    return "gave up", "unanswered"


def opens_form_and_leaves(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.CONTACT_OPEN)
    return "gave up", "unanswered"


def asks_an_agent(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.CONTACT_OPEN)
    visitor.ticket()
    return "escalated", "escalated"


def votes_and_phones_later(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    visitor.later(0.1, 5)
    visitor.ticket()
    visitor.visit.revoked = True
    return "escalated", "escalated"


def votes_and_comes_back(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    visitor.later(1, 5)
    visitor.ask()
    return "came back", "unknown"


def refreshes(visitor: Visitor) -> tuple[str, m.Outcome]:
    """Every page is loaded again, so every event comes twice."""
    visitor.ask()
    visitor.read()
    visitor.do(m.VOTE_YES)
    visitor.visit.actions += visitor.visit.actions
    visitor.visit.queries += [replace(visitor.visit.queries[0], query_id=f"{visitor.visit.problem}-again", at=visitor.visit.queries[0].at + 2 * SECOND)]
    return "solved", "confirmed"


def finds_nothing(visitor: Visitor) -> tuple[str, m.Outcome]:
    visitor.ask()
    if visitor.chance.random() < 0.4:
        visitor.ask()
    return "gave up", "unanswered"


Persona = Callable[[Visitor], tuple[str, m.Outcome]]
PERSONAS: dict[Persona, float] = {
    reads_and_votes: 0.10,
    reads_and_leaves_happy: 0.22,
    reads_and_gives_up: 0.12,
    gives_up_at_once: 0.15,
    glances: 0.08,
    rewords_and_votes: 0.06,
    votes_no: 0.05,
    opens_form_and_leaves: 0.04,
    asks_an_agent: 0.08,
    votes_and_phones_later: 0.05,
    votes_and_comes_back: 0.03,
    refreshes: 0.02,
}


def simulate(intents: Sequence[Intent], mix: Mapping[Persona, float], count: int, chance: random.Random) -> Log:
    """``count`` visits over a month. Some visitors share a computer: two problems of one client on the same day."""
    visits: list[Visit] = []
    answered = [intent for intent in intents if intent.answered]
    unanswered = [intent for intent in intents if not intent.answered]
    shared: tuple[str, int, str] | None = None
    for number in range(count):
        without = chance.random() < 1 / UNANSWERABLE
        intent = chance.choice(unanswered if without else answered)
        client, at = f"c{number}", BEGIN + chance.randrange(SPAN)
        if shared and shared[2] != intent.name and chance.random() < 0.5:
            client, at = shared[0], shared[1] + chance.randrange(MINUTE, HOUR)
        visitor = Visitor(chance, intent, client, at, number)
        persona = finds_nothing if without else chance.choices(list(mix), list(mix.values()))[0]
        visitor.visit.truth, visitor.visit.shown = persona(visitor)
        visits.append(visitor.visit)
        shared = None if client != f"c{number}" else (client, at, intent.name)
    bots = [m.QueryEvent(f"bot{n}", BEGIN + chance.randrange(SPAN), "price", "bot", bot=True) for n in range(count // 20)]
    return Log(visits, bots)


def drawn_mix(chance: random.Random) -> dict[Persona, float]:
    """The personas with the shares of one run, drawn anew for each."""
    weights = {persona: chance.gammavariate(share * 60, 1) for persona, share in PERSONAS.items()}
    total = sum(weights.values())
    return {persona: weight / total for persona, weight in weights.items()}


def expected(mix: Mapping[Persona, float]) -> dict[str, float]:
    """The probability of each outcome, and that a probable one gave up, by which the visits were drawn."""
    with_article, told = 1 - 1 / UNANSWERABLE, SURVEYED * ANSWERED
    happy, gave_up = mix[reads_and_leaves_happy], mix[reads_and_gives_up]
    shares = {
        "confirmed": mix[reads_and_votes] + mix[rewords_and_votes] + mix[refreshes] + happy * told,
        "probable": (happy + gave_up) * (1 - told),
        "unanswered": mix[votes_no] + mix[opens_form_and_leaves] + gave_up * told,
        "escalated": mix[asks_an_agent] + mix[votes_and_phones_later],
        "unknown": mix[gives_up_at_once] + mix[glances] + mix[votes_and_comes_back],
    }
    chances = {name: value * with_article for name, value in shares.items()}
    chances["unanswered"] += 1 / UNANSWERABLE
    return chances | {"upper": chances["confirmed"] + chances["probable"], "probable_gave_up": gave_up / (happy + gave_up)}


# --- reading the log back ----------------------------------------------------------------------------------------------------


def read_back(log: Log, vectors: Mapping[str, Vectors]) -> list[m.Episode]:
    """The episodes that the analytics make of a log; what came twice is in the log once, as in the database."""
    queries = list({query.query_id: query for query in log.queries}.values())
    actions = list({action.event_id: action for action in log.actions}.values())
    meaning = {query.query_id: vectors[query.user_query] for query in queries if query.user_query in vectors}
    meaning |= {action.event_id: vectors[action.attributes["text"]] for action in actions if action.attributes.get("text")}
    orphans = [action for action in actions if action.attributes.get("text") and not action.query_id and not action.client_id]
    links = searches_of_tickets(orphans, queries, actions, meaning)
    joined = [replace(action, query_id=links[action.event_id]) if action.event_id in links else action for action in actions]
    return [judge(trail, LATER) for _, asked, done in by_client(queries, joined) for trail in group(asked, done, meaning)]


def truth(log: Log, episodes: Sequence[m.Episode]) -> dict[str, float]:
    """How far the episodes agree with what really happened."""
    episode_of = {query_id: episode for episode in episodes for query_id in episode.query_ids}
    visit_of = {query.query_id: visit for visit in log.visits for query in visit.queries}
    asked = [query_id for query_id in episode_of if query_id in visit_of]
    ended = {visit.problem: {episode_of[query.query_id].outcome for query in visit.queries if query.query_id in episode_of} for visit in log.visits}
    revoked = [visit for visit in log.visits if visit.revoked]
    taken_back = [visit for visit in revoked if "confirmed" not in ended[visit.problem]]
    kept = [visit for visit in revoked if "confirmed" in ended[visit.problem]]
    # Who phoned under no name cannot be known; a success of the same intent must go all the same.
    swapped = Counter(visit.intent for visit in log.visits if visit.truth == "solved" and "escalated" in ended[visit.problem])
    by_words = sum(min(count, swapped[intent]) for intent, count in Counter(visit.intent for visit in kept if _kind(visit) == "words").items())
    probable = [visit for visit in log.visits if "probable" in ended[visit.problem]]
    return {
        "episodes": len(episodes),
        "abandonment_counted_as_success": sum(visit.truth == "gave up" and "confirmed" in ended[visit.problem] for visit in log.visits),
        "revocation_accuracy": (len(taken_back) + by_words) / max(1, len(revoked)),
        **{f"revocation_by_{name}": value for name, value in _by_kind(revoked, taken_back).items()},
        "revocation_of_the_very_person": len(taken_back) / max(1, len(revoked)),
        "returns_counted_as_success": sum(visit.truth == "came back" and "confirmed" in ended[visit.problem] for visit in log.visits),
        "outcome_accuracy": sum(visit.shown in ended[visit.problem] for visit in log.visits) / len(log.visits),
        "probable_that_gave_up": sum(visit.truth == "gave up" for visit in probable) / max(1, len(probable)),
        "episode_f1": pairwise_f1([episode_of[name].episode_id for name in asked], [visit_of[name].problem for name in asked]),
    }


def _kind(visit: Visit) -> str:
    """What the ticket of a visit is known by."""
    ticket = next(action for action in visit.actions if action.action_name == m.TICKET_CREATED)
    return "token" if ticket.query_id else "client" if ticket.client_id else "words"


def _by_kind(revoked: Sequence[Visit], taken_back: Sequence[Visit]) -> dict[str, float]:
    """Of the successes that a ticket with a token, with a client, or with words alone should take back, the share that it did."""
    due, done = Counter(map(_kind, revoked)), Counter(map(_kind, taken_back))
    return {name: done[name] / max(1, due[name]) for name in ("token", "client", "words")}


def gap_f1(log: Log, vectors: Mapping[str, Vectors]) -> float:
    """How far the gaps agree with the intents that have no article."""
    nothing = [query for visit in log.visits for query in visit.queries if query.verdict == "none"]
    intent_of = {query.query_id: visit.intent for visit in log.visits for query in visit.queries}
    questions = gap_report.questions_of(nothing)
    groups = gap_report.group_gaps(questions, {question.key: vectors[question.text] for question in questions}, {})
    gap_of = {query.query_id: found.gap_id for found in groups for query in found.queries}
    return pairwise_f1([gap_of[query.query_id] for query in nothing], [intent_of[query.query_id] for query in nothing])


def holds(episodes: Sequence[m.Episode], chances: Mapping[str, float]) -> dict[str, bool]:
    """Of each figure whether its interval holds the probability by which the visits were drawn."""
    counts: Counter[str] = Counter()
    for counter in count_episodes(episodes).values():
        counts.update(counter)
    known = {
        "confirmed_rate": "confirmed",
        "upper_bound": "upper",
        "unknown_share": "unknown",
        "unanswered_rate": "unanswered",
        "escalation_rate": "escalated",
    }
    held: dict[str, bool] = {}
    for figure in episode_figures(counts):
        if figure.name in known and figure.low is not None and figure.high is not None:
            held[figure.name] = figure.low <= chances[known[figure.name]] <= figure.high
    calibration = probable_calibration(counts)
    if calibration.low is not None and calibration.high is not None:
        held["probable_gave_up"] = calibration.low <= chances["probable_gave_up"] <= calibration.high
    return held


# --- material ------------------------------------------------------------------------------------------------------------------


def intents_of(path: Path) -> list[Intent]:
    """Problems with the ways in which people word them, one JSON object a line: {"intent", "answered", language: [texts]}."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Intent(row["intent"], tuple((text, lang) for lang in ("ja", "en") for text in row[lang]), row.get("answered", True)) for row in rows]


def vectors_of(intents: Sequence[Intent], model_dir: Path) -> dict[str, Vectors]:
    """Centred vectors of all wordings."""
    from kb_app.services.search_adapters import CentredQuestions
    from search.embedding.loader import load_embedder

    encode = CentredQuestions(load_embedder("", model_dir))
    pairs = list(dict.fromkeys(pair for intent in intents for pair in intent.asked))
    made = encode([text for text, _ in pairs], [lang for _, lang in pairs])
    return {text: vector for (text, _), vector in zip(pairs, made, strict=True)}


def run(flags: argparse.Namespace) -> dict[str, float]:
    """One run for the truth figures, many for the intervals."""
    chance = random.Random(flags.seed)
    intents = intents_of(flags.rewordings)
    vectors = vectors_of(intents, flags.model_dir)
    log = simulate(intents, PERSONAS, flags.episodes, chance)
    figures = {"seed": float(flags.seed)} | truth(log, read_back(log, vectors)) | {"gap_f1": gap_f1(log, vectors)}
    held: dict[str, list[bool]] = defaultdict(list)
    for _ in range(flags.runs):
        mix = drawn_mix(chance)
        again = simulate(intents, mix, flags.episodes, chance)
        for name, value in holds(read_back(again, vectors), expected(mix)).items():
            held[name].append(value)
    figures |= {f"coverage_{name}": sum(values) / len(values) for name, values in held.items()}
    figures["interval_coverage"] = min((sum(values) / len(values) for values in held.values()), default=0.0)
    return {name: round(value, 4) for name, value in figures.items()}


def main() -> None:
    """Parse flags, run, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seed", type=int, default=time.time_ns() % 1_000_000)
    parser.add_argument("--episodes", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=200, help="repeated runs for the coverage of the intervals")
    parser.add_argument("--rewordings", type=Path, default=Path("bench/data/rewordings.jsonl"))
    parser.add_argument("--model-dir", type=Path, default=Path("var/model"))
    parser.add_argument("--json", action="store_true")
    figures = run(flags := parser.parse_args())
    print(json.dumps(figures) if flags.json else "\n".join(f"{name:34s}{value:12,.4f}" for name, value in figures.items()))


if __name__ == "__main__":
    main()
