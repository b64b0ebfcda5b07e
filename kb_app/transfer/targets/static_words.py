"""The words of the static site's own pages; languages without any have the English ones."""

from __future__ import annotations

from collections.abc import Mapping

_ENGLISH = {
    "search": "Search articles",
    "typing": "Type a word or a question",
    "none": "No article has these words.",
    "one": "1 article",
    "many": "{n} articles",
    "skip": "Skip to content",
    "home": "Home",
    "place": "You are here",
    "languages": "Languages",
    "contents": "On this page",
    "related": "Related articles",
    "updated": "Updated",
    "sections": "Sections",
    "all": "All articles in this section",
    "moved": "This page has moved",
    "choose": "Choose a language",
    "without": "Search needs JavaScript. All articles are in the sections below.",
    "without_here": "Search needs JavaScript. All articles are in the sections of the home page.",
}
_WORDS: Mapping[str, Mapping[str, str]] = {
    "en": _ENGLISH,
    "ja": {
        "search": "記事を検索",
        "typing": "言葉や質問を入力",
        "none": "この言葉を含む記事はありません。",
        "one": "1件",
        "many": "{n}件",
        "skip": "本文へ移動",
        "home": "ホーム",
        "place": "現在の位置",
        "languages": "言語",
        "contents": "目次",
        "related": "関連する記事",
        "updated": "更新日",
        "sections": "カテゴリー",
        "all": "このカテゴリーのすべての記事",
        "moved": "このページは移動しました",
        "choose": "言語を選択",
        "without": "検索にはJavaScriptが必要です。すべての記事は下のカテゴリーにあります。",
        "without_here": "検索にはJavaScriptが必要です。記事はすべてホームのカテゴリーにあります。",
    },
}


def words_for(lang: str) -> Mapping[str, str]:
    """The words in a language, else in English."""
    return _WORDS.get(lang.partition("-")[0], _ENGLISH)
