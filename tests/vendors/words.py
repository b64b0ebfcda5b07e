"""Words that titles and bodies are made of, in Japanese and English."""

from __future__ import annotations

import random

CATEGORIES = [
    ("はじめに", "Getting started"),
    ("アカウントと請求", "Account & billing"),
    ("機能ガイド", "Feature guides"),
    ("トラブルシューティング", "Troubleshooting"),
]
SECTIONS = [
    ("基本操作", "Basics"),
    ("設定", "Settings"),
    ("よくある質問", "FAQ"),
    ("社内手順", "Internal procedures"),
]
AUTHORS = [
    ("佐藤 花子", "hanako.sato@example.jp"),
    ("鈴木 一郎", "ichiro.suzuki@example.jp"),
    ("Emma O'Brien", "emma.obrien@example.jp"),
    ("高橋 🌸 さくら", "sakura.takahashi@example.jp"),
]
LABELS = ["請求", "billing", "2段階認証", "C++", "how to", "モバイル", "重要!", "API/連携"]
TOPICS = [
    ("パスワード", "password"),
    ("請求書", "invoice"),
    ("通知メール", "notification mail"),
    ("会員情報", "member profile"),
    ("APIキー", "API key"),
    ("共有フォルダ", "shared folder"),
    ("領収書", "receipt"),
    ("カレンダー", "calendar"),
    ("ワークスペース", "workspace"),
    ("バックアップ", "backup"),
    ("クーポン", "coupon"),
    ("モバイルアプリ", "mobile app"),
]
ACTIONS = [
    ("再設定する", "reset"),
    ("変更する", "change"),
    ("ダウンロードする", "download"),
    ("削除する", "delete"),
    ("確認する", "check"),
    ("招待する", "invite others to"),
    ("移行する", "migrate"),
    ("共有する", "share"),
]
PLACES = [
    ("管理画面", "the admin page"),
    ("マイページ", "your account page"),
    ("アプリの設定", "the settings of the app"),
    ("右上のメニュー", "the menu at the top right"),
]
SENTENCES = {
    "ja": [
        "{place}を開き、{topic}を選びます。",
        "{topic}は管理者だけが{action}ことができます。",
        "反映まで最大15分かかる場合があります。",
        "うまくいかない場合は、{place}でもう一度お試しください。",
        "契約プランによっては{topic}を{action}ことができません。",
        "変更内容は{place}の履歴に残ります。",
    ],
    "en": [
        "Open {place} and choose the {topic}.",
        "Only an administrator can {action} the {topic}.",
        "It can take up to 15 minutes until you see the change.",
        "If that does not work, try again from {place}.",
        "Some plans cannot {action} the {topic}.",
        "Every change is kept in the history of {place}.",
    ],
}
HEADINGS = {
    "ja": ["手順", "事前に確認すること", "注意事項", "関連する設定", "エラーが出る場合"],
    "en": ["Steps", "Before you begin", "Please note", "Related settings", "If an error appears"],
}


def _side(lang: str) -> int:
    return 0 if lang == "ja" else 1


def sentence(lang: str, rng: random.Random) -> str:
    side = _side(lang)
    return rng.choice(SENTENCES[lang]).format(
        place=rng.choice(PLACES)[side],
        topic=rng.choice(TOPICS)[side],
        action=rng.choice(ACTIONS)[side],
    )


def sentences(lang: str, rng: random.Random, count: int) -> str:
    joiner = "" if lang == "ja" else " "
    return joiner.join(sentence(lang, rng) for _ in range(count))


def title(lang: str, rng: random.Random, position: int) -> str:
    topic, action = rng.choice(TOPICS)[_side(lang)], rng.choice(ACTIONS)[_side(lang)]
    if lang == "ja":
        return f"{topic}を{action}には({position})"
    return f"How to {action} the {topic} ({position})"


def old_paths(rng: random.Random, position: int) -> tuple[str, ...]:
    """Addresses from before the vendor, kept by redirects."""
    paths = (f"/old/manual/{position:04}", f"/faq/{position:04}/detail")
    return rng.choices([(), paths[:1], paths], weights=[70, 20, 10])[0]
