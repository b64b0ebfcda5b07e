"""Language detection among candidate languages.

Scripts decide first: any kana means Japanese, and kanji alone mean Japanese where Japanese is a
candidate. A trained classifier decides only between languages of the same script.
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

# Without a Latin-script candidate, a text that is shorter or less certain counts as English:
# short texts full of names would otherwise be detected as, for example, Danish.
_LONG_ENOUGH = 60
_SURE_ENOUGH = 0.98


def detect(text: str, candidates: Sequence[str], fallback: str | None = None) -> str:
    """Return the language of ``text`` as an ISO 639-1 code.

    It is one of ``candidates`` (in order of preference), or another language that the script
    determines. Texts without letters (digits, symbols, empty) give ``fallback``, or the first
    candidate.
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
    """Return py3langid with probabilities, limited to Latin-script languages with a stemmer."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    identifier.set_languages(list(LATIN))
    return identifier
