"""Which language a text is written in, judged among the languages that can be meant.

Scripts decide wherever they can: a text with kana is Japanese however much kanji surrounds it, and kanji alone are
Japanese wherever Japanese is among the candidates. Only texts in the same script are left to a trained classifier.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from search.analysis.latin import STEMMERS
from search.analysis.scripts import HIRAGANA, IDEOGRAPHS, KATAKANA

_SCRIPTS: tuple[tuple[str, str], ...] = (
    ("ja", f"[{HIRAGANA}{KATAKANA}\uff66-\uff9d]"),
    ("ko", "[\uac00-\ud7af\u1100-\u11ff\u3130-\u318f]"),
    ("th", "[\u0e01-\u0e5b]"),
    ("lo", "[\u0e81-\u0edf]"),
    ("my", "[\u1000-\u109f]"),
    ("km", "[\u1780-\u17ff]"),
    ("el", "[\u0370-\u03ff]"),
    ("hy", "[\u0531-\u058f]"),
    ("he", "[\u05d0-\u05ea]"),
    ("ta", "[\u0b80-\u0bff]"),
)
_BY_SCRIPT = tuple((lang, re.compile(pattern)) for lang, pattern in _SCRIPTS)
_IDEOGRAPHS = re.compile(f"[{IDEOGRAPHS}]")
_FAMILIES: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile("[\u0400-\u04ff]"), ("ru", "sr", "uk", "bg")),
    (re.compile("[\u0600-\u06ff]"), ("ar", "fa", "ur")),
    (re.compile("[\u0900-\u097f]"), ("hi", "ne")),
)
_LATIN_LETTER = re.compile("[a-z\u00c0-\u024f]", re.IGNORECASE)
LATIN = tuple(
    lang for lang in STEMMERS if lang not in ("ar", "el", "hi", "hy", "ne", "ru", "sr", "ta", "yi")
)

# Where no candidate is written in Latin letters, a text has to be this long and this sure to be taken for anything but
# English, or a short answer full of names ends up as Danish, alone in its own index.
_LONG_ENOUGH = 60
_SURE_ENOUGH = 0.98


def detect(text: str, candidates: Sequence[str], fallback: str | None = None) -> str:
    """The language of ``text``: one of ``candidates`` in order of preference, or another that its script leaves no doubt of.

    ``fallback`` (else the first candidate) is the answer where nothing tells: digits, signs, an empty text.
    """
    by_script = _by_script(text, candidates)
    if by_script:
        return by_script
    if not _LATIN_LETTER.search(text):
        return fallback or candidates[0]
    known = list(dict.fromkeys(lang for lang in candidates if lang in LATIN))
    if len(known) == 1:
        return known[0]
    return _by_words(text, known)


def _by_script(text: str, candidates: Sequence[str]) -> str | None:
    counts = {lang: len(pattern.findall(text)) for lang, pattern in _BY_SCRIPT}
    lang, count = max(counts.items(), key=lambda item: item[1])
    if count:
        return lang
    if _IDEOGRAPHS.search(text):
        return (
            "zh"
            if "zh" in candidates and "ja" not in candidates
            else "ja"
            if "ja" in candidates
            else "zh"
        )
    for pattern, langs in _FAMILIES:
        if pattern.search(text):
            return next((lang for lang in candidates if lang in langs), langs[0])
    return None


def _by_words(text: str, known: Sequence[str]) -> str:
    ranked: list[tuple[str, float]] = _classifier().rank(text[:1000])
    if known:
        return next((lang for lang, _ in ranked if lang in known), known[0])
    best, probability = ranked[0]
    return best if len(text) >= _LONG_ENOUGH and probability >= _SURE_ENOUGH else "en"


@lru_cache(maxsize=1)
def _classifier() -> Any:
    """py3langid over the Latin-script languages that can be stemmed, with probabilities."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LATIN))
    return identifier
