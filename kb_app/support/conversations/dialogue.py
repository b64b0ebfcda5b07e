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
from kb_app.support.conversations.texts import ALL_TEXTS, Texts, texts_of

MOST_OPTIONS = 3
LONGEST_QUOTE = 900
_YES = re.compile(
    r"(?:はい|ええ|うん|お願い|おねがい|解決しました|解決した|大丈夫|ok|okay|オッケー|了解|ありがと|助かり"
    r"|できました|直りました|yes|yep|yeah|y\b|sure|please|thank|solved|it did|👍|🙏)"
)
_NO = re.compile(
    r"(?:いいえ|いえ|いや|うーん|違|ちが|まだ|だめ|ダメ|駄目|解決(?:し(?:ない|ません|ていま)|していな)"
    r"|できません|no\b|nope|not\b|n\b|it did ?n.t|did ?n.t|👎)"
)
# A refusal of an offer, which after an answer would be a yes.
_NO_THANKS = re.compile(r"(?:大丈夫|結構|けっこう|いりません|不要|thanks,? (?:but )?no|no thank)")
# What such words begin may be a question all the same.
_ASKS = re.compile(r"[?？]|(?:か|の)$|\b(?:how|when|what|where|why|but)\b|でも|ただ")
_LONGEST_YES = 30
_NUMBER = re.compile(r"([1-9])(?:番(?:目)?)?[.。)]?")
# A sentence that is hardly more than the wish for a person.
_PERSON = re.compile(
    r"\A(?:"
    r"(?:すみません|あの|やっぱり|もう|直接|早く|いいから|できれば|[、, ])*+"
    r"(?:担当者|担当の方|オペレーター|スタッフ|係員|係の人|有人|人間|人)(?:の方)?[にとへをでから]{0,2}(?:直接)?"
    r"(?:つな|繋|代わっ|替わっ|話|相談|お願い|呼ん|対応)"
    r"[いげがでてしたせられくださ下すまおを願のもえかきほ欲にと思な、]*+"
    r"|(?:担当者|オペレーター|スタッフ|有人対応|人間)[でを]?(?:お願いします)?"
    r"|(?:(?:please|hi|hello|i want to|i need to|i would like to|i.d like to|can i|could i|may i"
    r"|let me)[, ]*+)*+"
    r"(?:talk|speak|chat|connect me|put me through|get me|transfer me)(?: to| with)? "
    r"(?:an? |the |some)?(?:real |live |human )?"
    r"(?:person|human being|human|agent|someone|somebody|operator|representative|people)"
    r"(?: now| please)*+"
    r"|(?:an? )?(?:real |live )?(?:person|human|agent|operator|representative)(?: please)?"
    r")\Z"
)
_LONGEST_WISH = 60


def respond(
    conversation: Conversation, text: str, answers: Answerer, now: int
) -> tuple[Conversation, Response]:
    """Go on with what the customer wrote: the conversation after it, and what the site says."""
    said = " ".join(text.split())[:LONGEST_TEXT]
    words = texts_of(conversation.language)
    if not said:
        return with_site(conversation, words.no_text, now), Response(words.no_text)
    heard = _with_turn(conversation, Turn(CUSTOMER, said, now))
    after, response = _next(heard, said, answers, now)
    return with_site(after, response.text, now, response.url), response


def with_site(conversation: Conversation, text: str, now: int, url: str = "") -> Conversation:
    """The conversation with what the site said last."""
    return _with_turn(conversation, Turn(SITE, text, now, url))


def _with_turn(conversation: Conversation, turn: Turn) -> Conversation:
    turns = (*conversation.turns, turn)[-MOST_TURNS:]
    return replace(conversation, turns=turns, changed_at=turn.at)


def _next(
    conversation: Conversation, said: str, answers: Answerer, now: int
) -> tuple[Conversation, Response]:
    words = texts_of(conversation.language)
    folded = unicodedata.normalize("NFKC", said).casefold().strip(" 。.!！?？、")
    if _wants_person(folded, said):
        return _handed(conversation)
    if conversation.waiting == WHICH:
        return _chosen(conversation, said, folded, answers, now)
    if conversation.waiting in (HELPED, PERSON):
        yes = _agrees(folded, said, conversation.waiting == PERSON)
        if yes is not None:
            return _told(conversation, yes, words)
    if _NUMBER.fullmatch(folded) or said in {each.rephrase for each in ALL_TEXTS}:
        return replace(conversation, waiting=NOTHING), Response(words.ask_differently)
    return _asked(conversation, said, answers, now)


def _agrees(folded: str, said: str, is_offer: bool) -> bool | None:
    """Whether a short answer is a yes; None for what is no answer. ``is_offer``: of a person."""
    if any(said in (words.yes, words.no, words.rephrase) for words in ALL_TEXTS):
        return any(said == words.yes for words in ALL_TEXTS)
    if len(folded) > _LONGEST_YES or _ASKS.search(folded):
        return None
    if _NO.match(folded) or (is_offer and _NO_THANKS.match(folded)):
        return False
    return True if _YES.match(folded) else None


def _wants_person(folded: str, said: str) -> bool:
    return any(said == words.to_a_person for words in ALL_TEXTS) or (
        len(folded) <= _LONGEST_WISH and bool(_PERSON.match(folded))
    )


def _handed(conversation: Conversation) -> tuple[Conversation, Response]:
    return replace(conversation, waiting=HANDED, options=()), Response("", hand_over=True)


def _told(conversation: Conversation, yes: bool, words: Texts) -> tuple[Conversation, Response]:
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
    nothing = {each.none_of_these for each in ALL_TEXTS}
    is_none = place == len(options) or said in nothing or _agrees(folded, said, True) is False
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
    parts = (lead, quote.title, cut_at_sentence(quote.text, LONGEST_QUOTE), words.helped)
    text = "\n\n".join(part for part in parts if part)
    after = replace(conversation, waiting=HELPED, article_id=quote.article_id, options=())
    return after, Response(text, (words.yes, words.no), quote.url)


def cut_at_sentence(text: str, most: int) -> str:
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
