"""An article in the site's languages: what is missing, and what changed in the original."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from indexer.editing.model import EditConflictError
from indexer.model import ArticleSummary
from kb_app.web.core.context import site_settings, snapshot
from kb_app.web.desk.articles_folder import editor
from kb_app.web.desk.changes import changes_between
from kb_app.web.desk.previews import preview_of


@dataclass(frozen=True)
class Translations:
    """An article in the site's languages: ``written`` by language, and the ``missing`` ones.

    ``original`` is that of a translation. ``changes`` are the lines of it that changed since the
    translation was saved; None where that is not known.
    """

    written: Mapping[str, ArticleSummary]
    missing: Mapping[str, str]
    original: ArticleSummary | None = None
    original_html: str = ""
    changes: Sequence[str] | None = None


def translations_of(name: str) -> Translations | None:
    """The translations of an article file; None for one that is in no build yet."""
    articles = snapshot().articles
    card = next((card for card in articles.summaries.values() if card.path == name), None)
    if card is None:
        return None
    written = {other.lang: other for other in articles.translations(card)}
    missing = {
        lang: _folder_in(card, lang) for lang in site_settings().languages if lang not in written
    }
    original = articles.summaries.get(card.translation_of) if card.translation_of else None
    if original is None:
        return Translations(written, missing)
    shown = preview_of(original.path, _text_of(original.path))
    try:
        texts = editor().changed_since(original.path, name)
    except EditConflictError:
        texts = None
    changes = changes_between(*texts) if texts else None
    return Translations(written, missing, original, shown.html, changes)


def _text_of(name: str) -> str:
    try:
        return editor().open(name).text
    except EditConflictError:
        return ""


def _folder_in(card: ArticleSummary, lang: str) -> str:
    """Where a translation goes: beside those of its language, or the same folder below it."""
    first, slash, rest = card.path.rpartition("/")[0].partition("/")
    return f"{lang}{slash}{rest}" if first == card.lang else _folder_of_section(card, lang)


def _folder_of_section(card: ArticleSummary, lang: str) -> str:
    """The folder of an article of the same section in a language; its own without any."""
    others = snapshot().articles.summaries.values()
    found = (one for one in others if one.lang == lang and one.section == card.section)
    return next((one.path.rpartition("/")[0] for one in found), card.path.rpartition("/")[0])
