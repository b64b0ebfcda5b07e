"""The shared values of values.yml: their texts, and the articles that use each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing.model import EditConflictError
from indexer.editing.values import digest_of_value
from indexer.model import ArticleSummary
from indexer.reading.layout import is_language
from indexer.reading.support_values import read_promises, support_texts
from indexer.reading.values_file import ANY, LONGEST_VALUE, NAME, SUPPORT_GROUP, read_values
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import site_settings, snapshot, user_store
from kb_app.web.desk.articles_folder import author, editor

blueprint = Blueprint("values", __name__, url_prefix="/desk")


@dataclass(frozen=True)
class _Draft:
    """What was sent and not saved."""

    name: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)


@blueprint.route("/values", methods=["GET", "POST"])
@needs("write")
def values() -> str | BaseResponse | tuple[str, int]:
    """List the values with where they are used; add, change or remove one."""
    if request.method == "GET":
        return _page()
    done, name = request.form.get("do", ""), request.form.get("name", "").strip()
    if done not in ("save", "remove"):
        abort(400)
    texts = _texts()
    wrong = _problem(name, texts, done)
    if not wrong:
        digest = request.form.get("digest", "")
        try:
            editor().set_value(name, texts if done == "save" else None, author(), digest)
        except EditConflictError as error:
            wrong = str(error)
    if wrong:
        return _page(wrong, _Draft(name, texts)), 409
    user_store().note(user().mail, f"shared value: {done}", name[:64])
    said = _("Saved. The articles that use it show it in a moment.")
    flash(said if done == "save" else _("Removed."))
    return redirect(url_for("values.values"), 303)


def _texts() -> dict[str, str]:
    """The texts by language that were sent; the one for all languages alone, if there is one."""
    given = {
        key.removeprefix("text-"): " ".join(text.split())
        for key, text in request.form.items()
        if key.startswith("text-") and (key == "text-any" or is_language(key[5:]))
    }
    whole = given.pop("any", "")
    texts = {lang: text for lang, text in given.items() if text}
    return {ANY: whole, **texts} if whole else texts


def _problem(name: str, texts: Mapping[str, str], done: str) -> str:
    """Why a value cannot be saved or removed; "" if it can."""
    if site_settings().review == "on" and not user().may("outbox"):
        return _("With reviews, leads change shared values.")
    if done == "remove":
        used = _uses().get(name, [])
        return _("Articles use it. Take it out of them first.") if used else ""
    return _wrong_name(name) or _wrong_texts(texts)


def _wrong_name(name: str) -> str:
    if not NAME.fullmatch(name):
        return _("A name has letters, digits, dashes and dots, as in price.shipping.")
    if name.partition(".")[0] == SUPPORT_GROUP:
        return _("Names with support come from support.yml. Choose another name.")
    return ""


def _wrong_texts(texts: Mapping[str, str]) -> str:
    if ANY in texts and len(texts) > 1:
        return _("Write one text for all languages, or one for each, not both.")
    if not texts or any(len(text) > LONGEST_VALUE for text in texts.values()):
        return _("Write a text of at most %(most)d letters.", most=LONGEST_VALUE)
    return ""


def _uses() -> dict[str, list[ArticleSummary]]:
    """The articles that use each value."""
    found: dict[str, list[ArticleSummary]] = defaultdict(list)
    for card in snapshot().articles.summaries.values():
        for name, text in card.values:
            if text:
                found[name].append(card)
    return found


def _page(wrong: str = "", draft: _Draft = _Draft()) -> str:
    folder = site_settings().articles
    known, problems = read_values(folder)
    return render_template(
        "desk/values.html",
        values=sorted(known.texts.items()),
        support_values=sorted(support_texts(read_promises(folder)).items()),
        uses=_uses(),
        problems=problems,
        languages=site_settings().languages,
        longest=LONGEST_VALUE,
        wrong=wrong,
        draft=draft,
        any=ANY,
        digest_of=digest_of_value,
    )
