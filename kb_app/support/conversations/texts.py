"""What the site says in a conversation, in Japanese and English."""

from __future__ import annotations

from dataclasses import dataclass

from kb_app.support.delivery.mail_templates import lang_of


@dataclass(frozen=True)
class Texts:
    """The sentences of one language. ``{}`` takes what the name of the field says."""

    greeting: str
    helped: str
    yes: str
    no: str
    maybe: str
    which: str
    none_of_these: str
    not_found: str
    not_helped: str
    partly: str
    to_a_person: str
    rephrase: str
    glad: str
    ask_differently: str
    handed: str
    handed_until: str
    added: str
    no_text: str
    files_there: str
    too_many: str
    customer: str
    site: str


_TEXTS = {
    "ja": Texts(
        greeting="こんにちは。お困りのことを、ひとことで書いてください。",
        helped="これで解決しましたか。",
        yes="はい",
        no="いいえ",
        maybe="これのことでしょうか。",
        which="どちらのことでしょうか。番号でもお答えいただけます。",
        none_of_these="どれでもない",
        not_found="申し訳ありません。その答えはヘルプにありません。担当者におつなぎしますか。",
        not_helped="お役に立てず申し訳ありません。担当者におつなぎしますか。",
        partly="お尋ねの点は書かれていませんが、近い記事があります。番号でお選びください。",
        to_a_person="担当者につなぐ",
        rephrase="別の言い方で聞く",
        glad="よかったです。ほかにもあれば、続けて書いてください。",
        ask_differently="別の言い方で、もう一度書いてください。",
        handed="ここまでのお話を担当者に送りました（受付番号 {number}）。返信はここに届きます。",
        handed_until=(
            "ここまでのお話を担当者に送りました（受付番号 {number}）。"
            "{until}までに、ここに返信します。"
        ),
        added="担当者に送りました。返信はここに届きます。",
        no_text="文字でお書きください。写真は、担当者におつなぎしたあと専用ページから送れます。",
        files_there="写真やファイルは、次のページから担当者に送れます。",
        too_many="短い間に多くのメッセージが届いたため、少し時間をおいてからお書きください。",
        customer="お客様",
        site="自動応答",
    ),
    "en": Texts(
        greeting="Hello. What is it about? A few words are enough.",
        helped="Did that help?",
        yes="Yes",
        no="No",
        maybe="Perhaps this is it:",
        which="Which do you mean? A number is enough.",
        none_of_these="None of these",
        not_found="Sorry, our help does not have that. Shall a person look into it?",
        not_helped="Sorry about that. Shall a person look into it?",
        partly="What you ask is not written there, but these are near. A number is enough.",
        to_a_person="Ask a person",
        rephrase="Say it differently",
        glad="Good. If there is anything else, just write it.",
        ask_differently="Please say it in other words.",
        handed=(
            "A person has it now, with all that was said (case {number}). The reply comes here."
        ),
        handed_until=(
            "A person has it now, with all that was said (case {number}). "
            "You have a reply here by {until}."
        ),
        added="A person has that too. The reply comes here.",
        no_text="Please write it in words. Pictures can be sent once a person has your case.",
        files_there="Pictures and files can be sent to the person on this page:",
        too_many="Those were many messages in a short time. Please try again in a while.",
        customer="Customer",
        site="Automatic answer",
    ),
}


ALL_TEXTS = tuple(_TEXTS.values())


def texts_of(language: str) -> Texts:
    """The sentences of a language; the English ones for those that there are none of."""
    return _TEXTS[lang_of(language)]
