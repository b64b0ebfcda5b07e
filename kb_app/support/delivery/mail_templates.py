"""Texts of outgoing mails in Japanese and English.

Every mail about a case names the site and the case, and says how to reach an agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from kb_app.support.model import Case


@dataclass(frozen=True)
class Quoted:
    """An article that may answer a case, with the quoted passage."""

    title: str
    url: str
    quote: str


_ENGLISH = re.compile(
    r"(?i)(?:dear|hello|hi|hey|good (?:morning|afternoon|evening))(?:[ ,!][^\n]{0,60})?[,!:.]?"
)
_JAPANESE = re.compile(r"([^\n]{1,30}?)(?:様|さま|さん|御中|殿)[、,。]?")
Said = tuple[str, str]
"""(subject, body)"""


def lang_of(language: str) -> str:
    """The language of a mail: "ja" for cases in Japanese, else "en"."""
    return "ja" if language == "ja" else "en"


def pattern_of(language: str) -> str:
    """The date format in mails and on pages, as a Unicode LDML pattern."""
    return "M月d日(EEE) H:mm" if lang_of(language) == "ja" else "EEE d MMM, H:mm"


def moment(at: int, zone: ZoneInfo, language: str) -> str:
    """A localised time with its time zone: 11月24日(火)18:00 (日本標準時)."""
    from babel.dates import format_datetime, get_timezone_name

    local = datetime.fromtimestamp(at / 1000, zone)
    locale = lang_of(language)
    shown = format_datetime(local, pattern_of(language), locale=locale)
    return f"{shown} ({get_timezone_name(local, locale=locale)})"


def greeting(case: Case, text: str = "") -> str:
    """The salutation of a mail; "" if the name is unknown or the text begins with one."""
    if not case.name or _has_salutation(text, case.name):
        return ""
    return f"{case.name} 様\n\n" if lang_of(case.language) == "ja" else f"Dear {case.name},\n\n"


def _has_salutation(text: str, name: str) -> bool:
    """Whether the first line of several greets the customer."""
    first, _, rest = text.strip().partition("\n")
    return bool(rest.strip()) and is_salutation(first, name)


def is_salutation(text: str, name: str) -> bool:
    """Whether a line greets the customer."""
    line = text.strip()
    named = _JAPANESE.fullmatch(line)
    if named:
        given, own = _squeezed(named.group(1)), _squeezed(name)
        return given == "お客" or given in own or own in given
    parts = [_squeezed(name), *map(_squeezed, name.split())]
    return bool(_ENGLISH.fullmatch(line)) or _squeezed(line.rstrip(" ,!:、。")) in parts


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def short(text: str, most: int = 40) -> str:
    """A text shortened to ``most`` characters, for subjects."""
    return text if len(text) <= most else f"{text[:most]}…"


def received(site: str, case: Case, until: str, link: str) -> Said:
    """Acknowledgement of a new case.

    It quotes neither the message nor the name: anybody can type another's address into the form,
    and would have this site mail them what he likes.
    """
    if lang_of(case.language) == "ja":
        promise = f"{until}までに返信します。\n" if until else ""
        return (
            f"[#{case.number}] お問い合わせを受け付けました",
            f"お問い合わせありがとうございます。\n受付番号は {case.number} です。\n{promise}\n"
            f"今の状況は次のページで見られます。追加のご連絡もそこから送れます。\n{link}\n\nこのメールへの返信も届きます。\nお心当たりのないときは、このメールを捨ててください。\n\n{site}\n",
        )
    promise = f"You will have a reply by {until}.\n" if until else ""
    return (
        f"[#{case.number}] Your message is with us",
        f"Thank you for writing to us.\nYour case number is {case.number}.\n{promise}\n"
        f"Here you see how it stands, and can add to it:\n{link}\n\nA reply to this mail reaches us too.\nIf you did not write to us, please ignore this mail.\n\n{site}\n",
    )


def reply(site: str, case: Case, text: str, who: str, link: str) -> Said:
    """Reply of an agent."""
    subject = f"[#{case.number}] Re: {short(case.title)}"
    if lang_of(case.language) == "ja":
        signed = f"担当 {who}" if who else "担当者"
        return (
            subject,
            f"{greeting(case, text)}{text}\n\n{site}\n{signed}\n\n---\n受付番号 {case.number}\nこれまでのやりとり: {link}\nこのメールに返信できます。\n",
        )
    return (
        subject,
        f"{greeting(case, text)}{text}\n\n{who or 'Customer support'}\n{site}\n\n---\nCase {case.number}\nThe whole conversation: {link}\nYou can reply to this mail.\n",
    )


def copy_of_reply(site: str, case: Case, text: str, who: str) -> Said:
    """A reply for a further address; the page of the case is not for it."""
    subject = f"[#{case.number}] Re: {short(case.title)}"
    if lang_of(case.language) == "ja":
        signed = f"担当 {who}" if who else "担当者"
        return subject, (
            f"{case.name or case.mail} 様への返信の写しです。\n\n{text}\n\n{site}\n{signed}\n"
        )
    name = case.name or case.mail
    return subject, (
        f"A copy of our reply to {name}.\n\n{text}\n\n{who or 'Customer support'}\n{site}\n"
    )


def with_copies(text: str, addresses: Sequence[str], language: str) -> str:
    """A reply that says who else gets it."""
    if not addresses:
        return text
    others = ", ".join(addresses)
    line = f"写しの送り先: {others}" if lang_of(language) == "ja" else f"Copies to: {others}"
    return f"{text}\n\n{line}"


def with_files(text: str, names: Sequence[str], language: str) -> str:
    """A reply that names the files that are on the page of the case."""
    listed = "\n".join(f"- {name}" for name in names)
    if lang_of(language) == "ja":
        return f"{text}\n\n添付ファイル（下の「これまでのやりとり」のページで開けます）:\n{listed}"
    return f"{text}\n\nFiles, on the page of the conversation below:\n{listed}"


def follow_up(site: str, case: Case, yes: str, no: str) -> Said:
    """Follow-up: was the case solved?"""
    if lang_of(case.language) == "ja":
        same = (
            "「いいえ」のときは、同じ担当者がもう一度対応します。"
            if case.owner
            else "「いいえ」のときは、もう一度対応します。"
        )
        return (
            f"[#{case.number}] 解決しましたか",
            f"{greeting(case)}次のお問い合わせは、解決しましたか。\n「{short(case.title)}」(受付番号 {case.number})\n\n"
            f"はい、解決しました: {yes}\nいいえ、まだです: {no}\n\n{same}\n\n{site}\n",
        )
    same = (
        "If not, the same person takes it up again."
        if case.owner
        else "If not, we take it up again."
    )
    return (
        f"[#{case.number}] Was it solved?",
        f"{greeting(case)}Is this solved?\n“{short(case.title)}” (case {case.number})\n\nYes: {yes}\nNot yet: {no}\n\n{same}\n\n{site}\n",
    )


def automatic(
    site: str, case: Case, answers: Sequence[Quoted], yes: str, no: str, until: str
) -> Said:
    """Automatic reply: articles that may answer, and the offer to reach an agent."""
    if lang_of(case.language) == "ja":
        found = "\n\n".join(f"■ {one.title}\n{one.quote}\n{one.url}" for one in answers)
        person = (
            f"「いいえ」のとき、または返事がないときは、担当者が{until}までに返信します。"
            if until
            else "「いいえ」のとき、または返事がないときは、担当者が返信します。"
        )
        return (
            f"[#{case.number}] お問い合わせを受け付けました",
            f"{greeting(case)}お問い合わせありがとうございます。受付番号は {case.number} です。\nこれは自動の返信です。ヘルプに次の記事があります。\n\n{found}\n\n"
            f"解決しましたか。\nはい、解決しました: {yes}\nいいえ、担当者と話したい: {no}\n\n{person}\n\n{site}\n",
        )
    found = "\n\n".join(f"* {one.title}\n{one.quote}\n{one.url}" for one in answers)
    person = (
        f"If not, or if we hear nothing, a person answers by {until}."
        if until
        else "If not, or if we hear nothing, a person answers."
    )
    return (
        f"[#{case.number}] Your message is with us",
        f"{greeting(case)}Thank you for writing to us. Your case number is {case.number}.\nThis is an automatic reply. Our help articles say:\n\n{found}\n\n"
        f"Does that solve it?\nYes: {yes}\nNo, I want a person: {no}\n\n{person}\n\n{site}\n",
    )


NOT_SOLVED = {
    "ja": "(お客様は「解決していない」と答えました)",
    "en": "(The customer says that it is not solved.)",
}


def taken_to(step: str, language: str) -> str:
    """Message to the ticket system that a case was escalated."""
    return (
        f"({STEPS_JA.get(step, step)}に引き継がれました)"
        if language == "ja"
        else f"(Taken to the {step}.)"
    )


KINDS_JA = {
    "question": "質問",
    "problem": "困りごと",
    "complaint": "苦情",
    "praise": "お褒めの言葉",
}
STEPS_JA = {"desk": "サポート窓口", "supervisor": "責任者", "ombudsman": "オンブズマン"}
AUTHORS_JA = {"customer": "お客様", "agent": "担当者", "system": "記録", "note": "メモ"}
Facts = tuple[str, str, str, str, str, str]
"""(number, title, kind, escalation step, customer, due time as text)"""


def step_text(step: Mapping[str, Any], language: str) -> str:
    """A step of the customer's trail; the one that they are stuck at says so."""
    text = str(step.get("text", ""))
    if step.get("kind") != "step":
        return text
    number, words = step.get("step"), step.get("words", "")
    if language == "ja":
        return f"「{text}」の手順{number}で進めなくなった: {words}"
    return f"Stuck at step {number} of “{text}”: {words}"


def handed_over(site: str, facts: Facts, story: str, link: str, language: str) -> Said:
    """A case for a ticket system or an escalation step.

    Replies to this mail are forwarded to the customer.
    """
    number, title, kind, step, who, until = facts
    if language == "ja":
        head = (
            f"{site}\n受付番号 {number}({KINDS_JA.get(kind, kind)}、{STEPS_JA.get(step, step)})\nお客様: {who}\n"
            + (f"回答の期限: {until}\n" if until else "")
        )
        foot = "このメールに返信すると、そのままお客様に届きます。メモを残すだけのときは、上のページを使ってください。"
    else:
        head = f"{site}\nCase {number} ({kind}, {step})\nCustomer: {who}\n" + (
            f"Answer due by: {until}\n" if until else ""
        )
        foot = "What you answer to this mail goes to the customer word for word. For a note only, use the page above."
    return f"[#{number}] {short(title)}", f"{head}\n{story}\n\n{link}\n\n{foot}\n"


def story(
    message: str,
    tried: Sequence[str],
    files: Sequence[str],
    said: Sequence[tuple[str, str, str]],
    language: str,
) -> str:
    """Message, tried steps, files and conversation; ``said`` is (author, who, text)."""
    japanese = language == "ja"
    lines = [message]
    lines += (
        ["", "試したこと:" if japanese else "Tried before:", *(f"- {step}" for step in tried)]
        if tried
        else []
    )
    lines += ["", ("ファイル: " if japanese else "Files: ") + ", ".join(files)] if files else []
    for author, who, text in said:
        if author != "system":
            lines += [
                "",
                f"{AUTHORS_JA.get(author, author) if japanese else author} {who}".rstrip() + ":",
                text,
            ]
    return "\n".join(lines)


def notice_update(site: str, title: str, text: str, stop: str, language: str) -> Said:
    """News of a known problem for those who want to hear of it."""
    if language == "ja":
        return (
            f"続報: {title}",
            f"お知らせしている問題について、新しいことが分かりました。\n\n{title}\n{text}\n\n"
            f"解消したときにも、もう一度お知らせします。\n\n---\nお知らせを止める: {stop}\n{site}\n",
        )
    return (
        f"News of: {title}",
        f"There is news of the problem that we told you of.\n\n{title}\n{text}\n\n"
        f"You will also hear when it is over.\n\n---\nStop these mails: {stop}\n{site}\n",
    )


def notice_over(site: str, title: str, link: str, language: str) -> Said:
    """Notification that a known problem is over."""
    if language == "ja":
        return (
            f"解消しました: {title}",
            f"お知らせしていた問題は解消しました。\n\n{title}\n{link}\n\n{site}\n",
        )
    return (
        f"It is over: {title}",
        f"The problem that we told you of is over.\n\n{title}\n{link}\n\n{site}\n",
    )


def follow_ask(site: str, what: str, link: str, language: str) -> Said:
    """Ask whether an address wants to follow: anybody may have typed it."""
    if language == "ja":
        return (
            "更新のお知らせを受け取りますか",
            f"「{what}」の更新をメールで受け取るには、2日以内に、次のページで「受け取る」を押してください。\n{link}\n\n"
            f"お心当たりのないときは、このメールを捨ててください。何も届きません。\n\n{site}\n",
        )
    return (
        "Do you want to hear of changes?",
        f"To hear by mail when “{what}” changes, open this page within two days and choose “Follow”:\n{link}\n\n"
        f"If you did not ask for this, ignore this mail; nothing will come.\n\n{site}\n",
    )


def follow_news(site: str, what: str, articles: Sequence[Quoted], stop: str, language: str) -> Said:
    """Articles that are new or changed, each with its summary."""
    parts = ((one.title, one.quote, one.url) for one in articles)
    listed = "\n\n".join("\n".join(filter(None, part)) for part in parts)
    if language == "ja":
        return (
            f"更新: {short(what)}",
            f"「{what}」に新しい内容があります。\n\n{listed}\n\n---\nお知らせを止める: {stop}\n{site}\n",
        )
    return (
        f"Updated: {short(what)}",
        f"There is something new in “{what}”.\n\n{listed}\n\n---\nStop these mails: {stop}\n{site}\n",
    )


def pack(
    site: str,
    title: str,
    text: str,
    articles: Sequence[Quoted],
    page: str,
    document: str,
    lang: str,
) -> Said:
    """A pack of articles: its introduction, each article's summary, and where all of it is.

    ``page`` and ``document`` are the addresses of the page and of the PDF, "" without one.
    """
    parts = [text] if text else []
    parts += ["\n".join(filter(None, (f"■ {one.title}", one.quote, one.url))) for one in articles]
    whole = "まとめて読む" if lang_of(lang) == "ja" else "All on one page"
    links = [f"{whole}: {page}", *([f"PDF: {document}"] if document else [])]
    return title, "\n\n".join([*parts, "\n".join(links), f"{site}\n"])
