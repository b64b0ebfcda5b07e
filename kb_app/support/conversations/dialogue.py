"""How a conversation goes on: answer, ask back which is meant, ask whether it helped, hand over.

Pure: the search and the case are the caller's.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from kb_app.support.conversations.model import (
    CUSTOMER,
    HANDED,
    HELPED,
    LONGEST_TEXT,
    MOST_TURNS,
    NOTHING,
    PERSON,
    SITE,
    WHICH,
    Answerer,
    Conversation,
    Option,
    Quote,
    Response,
    Turn,
)
from kb_app.support.conversations.texts import Texts, texts_of

MOST_OPTIONS = 3
LONGEST_QUOTE = 900
_YES = re.compile(r"(?:はい|うん|ええ|解決(?:しました|した)?|yes|yep|yeah|y|ok|solved|it did)")
_NO = re.compile(
    r"(?:いいえ|いや|違(?:う|います)|(?:まだ)?解決(?:しない|しません|していません)|no|nope|n)"
)
_NUMBER = re.compile(r"([1-9])(?:番(?:目)?)?[.。)]?")
# Words that ask for a person and hardly anything else.
_PERSON = re.compile(
    r"(?:担当者|オペレーター|スタッフ|係員|有人|人間?)(?:に|と|へ|を)?"
    r"(?:つな[いげぐ]|代わ|変わ|話|相談|お願い|呼)|^(?:担当者|オペレーター|スタッフ|有人対応)$"
    r"|\b(?:talk|speak|chat|connect me|put me through|get me|transfer me)\b.{0,20}"
    r"\b(?:person|human|agent|someone|somebody|operator|representative|people)\b"
    r"|^(?:an? )?(?:real )?(?:person|human|agent|operator|representative)(?: please)?$"
)
_LONGEST_WISH = 60


def respond(
    conversation: Conversation, text: str, answers: Answerer, now: int
) -> tuple[Conversation, Response]:
    """Go on with what the customer wrote: the conversation after it, and what the site says."""
    said = " ".join(text.split())[:LONGEST_TEXT]
    words = texts_of(conversation.language)
    if not said:
        return conversation, Response(words.empty)
    heard = _with_turn(conversation, Turn(CUSTOMER, said, now))
    after, response = _next(heard, said, answers, now)
    return _with_turn(after, Turn(SITE, response.text, now, response.url)), response


def _with_turn(conversation: Conversation, turn: Turn) -> Conversation:
    turns = (*conversation.turns, turn)[-MOST_TURNS:]
    return replace(conversation, turns=turns, changed_at=turn.at)


def _next(
    conversation: Conversation, said: str, answers: Answerer, now: int
) -> tuple[Conversation, Response]:
    words = texts_of(conversation.language)
    folded = unicodedata.normalize("NFKC", said).casefold().strip(" 。.!！?？、")
    if _wants_person(folded, said, words):
        return _handed(conversation)
    if conversation.waiting == WHICH:
        return _chosen(conversation, said, folded, answers, now)
    if conversation.waiting in (HELPED, PERSON) and (
        said == words.rephrase or _YES.fullmatch(folded) or _NO.fullmatch(folded)
    ):
        return _told(conversation, said, bool(_YES.fullmatch(folded)), words)
    if _NUMBER.fullmatch(folded) or said == words.rephrase:
        return replace(conversation, waiting=NOTHING), Response(words.ask_differently)
    return _asked(conversation, said, answers, now)


def _wants_person(folded: str, said: str, words: Texts) -> bool:
    return said == words.to_a_person or (
        len(folded) <= _LONGEST_WISH and bool(_PERSON.search(folded))
    )


def _handed(conversation: Conversation) -> tuple[Conversation, Response]:
    return replace(conversation, waiting=HANDED, options=()), Response("", hand_over=True)


def _told(
    conversation: Conversation, said: str, yes: bool, words: Texts
) -> tuple[Conversation, Response]:
    """What follows a yes or no, to an answer or to the offer of a person."""
    if conversation.waiting == PERSON:
        if yes:
            return _handed(conversation)
        return replace(conversation, waiting=NOTHING), Response(words.ask_differently)
    if yes:
        return replace(conversation, waiting=NOTHING), Response(words.glad, helped=True)
    offer = (words.to_a_person, words.rephrase)
    return replace(conversation, waiting=PERSON), Response(words.not_helped, offer, helped=False)


def _asked(
    conversation: Conversation, said: str, answers: Answerer, now: int
) -> tuple[Conversation, Response]:
    """A question: the answer, or which of several is meant, or that there is none."""
    reading = answers.read(said, conversation, now)
    language = conversation.language or reading.language
    asked = replace(
        conversation,
        language=language,
        question=said,
        query_id=reading.query_id or conversation.query_id,
        section=reading.section,
        article_id="",
        options=(),
    )
    words = texts_of(language)
    if len(reading.answers) == 1:
        return _answered(asked, reading.answers[0])
    if reading.answers:
        options = tuple(Option(one.article_id, one.title) for one in reading.answers)
        return _which(asked, options, words.which)
    if reading.verdict == "weak" and len(reading.near) == 1:
        quote = answers.quote(reading.near[0].article_id, said, asked)
        if quote is not None:
            return _answered(asked, quote, words.maybe)
    if reading.verdict in ("weak", "partly") and reading.near:
        text = words.which if reading.verdict == "weak" else words.partly
        return _which(asked, reading.near[:MOST_OPTIONS], text)
    choices = (words.to_a_person, words.rephrase)
    return replace(asked, waiting=PERSON), Response(words.not_found, choices)


def _which(
    conversation: Conversation, options: tuple[Option, ...], text: str
) -> tuple[Conversation, Response]:
    words = texts_of(conversation.language)
    listed = "\n".join(f"{number}. {one.title}" for number, one in enumerate(options, 1))
    last = f"{len(options) + 1}. {words.none_of_these}"
    titles = tuple(one.title for one in options)
    return replace(conversation, waiting=WHICH, options=options), Response(
        f"{text}\n{listed}\n{last}", (*titles, words.none_of_these)
    )


def _chosen(
    conversation: Conversation, said: str, folded: str, answers: Answerer, now: int
) -> tuple[Conversation, Response]:
    """One of the meanings that were offered; anything else is a question of its own."""
    words, options = texts_of(conversation.language), conversation.options
    match = _NUMBER.fullmatch(folded)
    place = (
        int(match[1]) - 1
        if match
        else next((number for number, one in enumerate(options) if _is_same(one.title, said)), -1)
    )
    if 0 <= place < len(options):
        quote = answers.quote(options[place].article_id, conversation.question, conversation)
        if quote is not None:
            return _answered(conversation, quote)
    is_none = place == len(options) or said == words.none_of_these or _NO.fullmatch(folded)
    if is_none or place >= 0:
        choices = (words.to_a_person, words.rephrase)
        after = replace(conversation, waiting=PERSON, options=())
        return after, Response(words.not_found, choices)
    return _asked(conversation, said, answers, now)


def _is_same(title: str, said: str) -> bool:
    """Whether a title was said; a channel may have cut it."""
    cut = said.rstrip("…")
    return title == said or (len(cut) >= 10 and title.startswith(cut))


def _answered(
    conversation: Conversation, quote: Quote, lead: str = ""
) -> tuple[Conversation, Response]:
    words = texts_of(conversation.language)
    parts = (lead, quote.title, short(quote.text, LONGEST_QUOTE), words.helped)
    text = "\n\n".join(part for part in parts if part)
    after = replace(conversation, waiting=HELPED, article_id=quote.article_id, options=())
    return after, Response(text, (words.yes, words.no), quote.url)


def short(text: str, most: int) -> str:
    """A text of at most ``most`` characters, cut at the end of a line or word where it can be."""
    if len(text) <= most:
        return text
    cut = text[: most - 1]
    for end in ("\n", "。", ". ", " "):
        at = cut.rfind(end)
        if at >= most // 2:
            return f"{cut[: at + len(end)].rstrip()}…"
    return f"{cut}…"


def choices_of(conversation: Conversation) -> tuple[str, ...]:
    """The words that can be tapped, for what the conversation waits for."""
    words = texts_of(conversation.language)
    if conversation.waiting == WHICH:
        return (*(one.title for one in conversation.options), words.none_of_these)
    if conversation.waiting == HELPED:
        return words.yes, words.no
    return (words.to_a_person, words.rephrase) if conversation.waiting == PERSON else ()
