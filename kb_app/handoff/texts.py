"""What our mails say, in Japanese and English. Pure; every mail says who writes, about which case, and how a person is reached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Quoted:
    """An article that answers, with the words in it that do."""

    title: str
    url: str
    quote: str


Said = tuple[str, str]
"""(subject, body)"""


def lang_of(language: str) -> str:
    """The language that a mail is written in: Japanese to those who wrote Japanese, else English."""
    return "ja" if language == "ja" else "en"


def moment(at: int, zone: ZoneInfo, language: str) -> str:
    """A time as people say it, with its zone: 11月24日(火)18:00 (日本標準時)."""
    from babel.dates import format_datetime, get_timezone_name

    local = datetime.fromtimestamp(at / 1000, zone)
    pattern = "M月d日(EEE) HH:mm" if language == "ja" else "EEE d MMM, HH:mm"
    return f"{format_datetime(local, pattern, locale=lang_of(language))} ({get_timezone_name(local, locale=lang_of(language))})"


def received(site: str, number: str, until: str, link: str, language: str) -> Said:
    """That a message has come."""
    if language == "ja":
        promise = f"{until}までに返信します。\n" if until else ""
        return (
            f"[#{number}] お問い合わせを受け付けました",
            f"お問い合わせありがとうございます。\n受付番号は {number} です。\n{promise}\n"
            f"進み具合はここで見られます。追加のご連絡もここから送れます。\n{link}\n\nこのメールに返信しても届きます。\n\n{site}\n",
        )
    promise = f"You will have an answer by {until}.\n" if until else ""
    return (
        f"[#{number}] Your message is with us",
        f"Thank you for writing to us.\nYour case number is {number}.\n{promise}\n"
        f"Here you see how it stands, and can add to it:\n{link}\n\nA reply to this mail reaches us too.\n\n{site}\n",
    )


def reply(site: str, number: str, title: str, text: str, who: str, link: str, language: str) -> Said:
    """What an agent answers."""
    if language == "ja":
        return f"[#{number}] Re: {title}", f"{text}\n\n{who}\n{site}\n\n---\n受付番号 {number}\nこれまでのやりとり: {link}\nこのメールに返信できます。\n"
    return f"[#{number}] Re: {title}", f"{text}\n\n{who}\n{site}\n\n---\nCase {number}\nThe whole conversation: {link}\nYou can reply to this mail.\n"


def follow_up(site: str, number: str, yes: str, no: str, language: str) -> Said:
    """Whether it was solved."""
    if language == "ja":
        return (
            f"[#{number}] 解決しましたか",
            f"受付番号 {number} の件は、解決しましたか。\n\nはい、解決しました: {yes}\nいいえ、まだです: {no}\n\n「いいえ」のときは、同じ担当者がもう一度対応します。\n\n{site}\n",
        )
    return (
        f"[#{number}] Was it solved?",
        f"Is your case {number} solved?\n\nYes: {yes}\nNot yet: {no}\n\nIf not, the same person takes it up again.\n\n{site}\n",
    )


def automatic(site: str, number: str, answers: Sequence[Quoted], yes: str, no: str, until: str, language: str) -> Said:
    """The one automatic reply: what our articles say, and that a person reads it if they do not help."""
    if language == "ja":
        found = "\n\n".join(f"■ {one.title}\n{one.quote}\n{one.url}" for one in answers)
        person = (
            f"「いいえ」のとき、または返事がないときは、担当者が{until}までに返信します。"
            if until
            else "「いいえ」のとき、または返事がないときは、担当者が返信します。"
        )
        return (
            f"[#{number}] お問い合わせを受け付けました",
            f"お問い合わせありがとうございます。受付番号は {number} です。\nこれは自動の返信です。ヘルプに次の答えがあります。\n\n{found}\n\n"
            f"解決しましたか。\nはい、解決しました: {yes}\nいいえ、担当者と話したい: {no}\n\n{person}\n\n{site}\n",
        )
    found = "\n\n".join(f"* {one.title}\n{one.quote}\n{one.url}" for one in answers)
    person = f"If not, or if we hear nothing, a person answers by {until}." if until else "If not, or if we hear nothing, a person answers."
    return (
        f"[#{number}] Your message is with us",
        f"Thank you for writing to us. Your case number is {number}.\nThis is an automatic reply. Our help articles say:\n\n{found}\n\n"
        f"Does that solve it?\nYes: {yes}\nNo, I want a person: {no}\n\n{person}\n\n{site}\n",
    )


def handed_over(site: str, number: str, title: str, kind: str, step: str, said: str, link: str) -> Said:
    """A case as another desk or the next step of the ladder gets it."""
    return f"[#{number}] {title}", f"{site}: case {number} ({kind}, {step})\n\n{said}\n\n{link}\n"


def notice_over(site: str, title: str, link: str, stop: str, language: str) -> Said:
    """That a known problem is over."""
    if language == "ja":
        return f"解消しました: {title}", f"お知らせしていた問題は解消しました。\n\n{title}\n{link}\n\n{site}\n\nこのお知らせを受け取らない: {stop}\n"
    return f"It is over: {title}", f"The problem that we told you of is over.\n\n{title}\n{link}\n\n{site}\n\nNo more mails about this: {stop}\n"
