"""The desk's packs: chosen articles that customers get together, as a page, a PDF or a mail."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from werkzeug.wrappers import Response as BaseResponse

from indexer.editing.model import EditConflictError
from indexer.model import ArticleSummary
from indexer.reading.packs_file import (
    LONGEST_TEXT,
    LONGEST_TITLE,
    MOST_ARTICLES,
    Pack,
    digest_of_pack,
    problem_of,
    read_packs,
)
from kb_app.support.delivery import mail_templates
from kb_app.support.delivery.mail_templates import Quoted, Said
from kb_app.support.delivery.pack_mail import MOST_ADDRESSES, addresses_in, enqueue_pack
from kb_app.web.core.auth import needs, user
from kb_app.web.core.context import (
    PUBLIC,
    event_store,
    now,
    site_settings,
    snapshot,
    support_service,
    user_store,
)
from kb_app.web.core.forms import given_form_id, given_text
from kb_app.web.core.inputs import whole_number
from kb_app.web.core.pack_pdf import can_print
from kb_app.web.core.packs import known_packs, pack_page
from kb_app.web.core.search import ask
from kb_app.web.core.tracking import now_ms
from kb_app.web.desk.articles_folder import author, editor

blueprint = Blueprint("desk_packs", __name__, url_prefix="/desk")
FOUND = 10


@blueprint.get("/packs")
@needs("write")
def packs() -> str:
    """List the packs."""
    known, problems = read_packs(site_settings().articles)
    ui = site_settings().languages[0]
    pages = [pack_page(pack, ui) for pack in known.values()]
    return render_template("desk/packs.html", pages=pages, problems=problems)


@blueprint.route("/packs/edit", methods=["GET", "POST"])
@needs("write")
def edit() -> str | BaseResponse | tuple[str, int]:
    """Change a pack, or make one of the articles that were chosen in the list."""
    known = known_packs().get(request.values.get("key", ""))
    if request.method == "GET":
        empty = Pack("", {}, tuple(request.args.getlist("article")[:MOST_ARTICLES]))
        return _edit_page(known or empty, digest_of_pack(known) if known else "")
    done, digest = request.form.get("do", ""), request.form.get("digest", "")
    pack = _given()
    if done == "find":
        return _edit_page(pack, digest)
    if done not in ("save", "remove"):
        abort(400)
    wrong = problem_of(pack) if done == "save" else ""
    if site_settings().review == "on" and not user().may("outbox"):
        wrong = _("With reviews, leads change packs.")
    if wrong:
        return _edit_page(pack, digest, wrong), 400
    try:
        editor().set_pack(pack.key, pack if done == "save" else None, author(), digest)
    except EditConflictError as error:
        return _edit_page(pack, digest, str(error)), 409
    user_store().note(user().mail, f"pack: {done}", pack.key)
    flash(_("Saved.") if done == "save" else _("Removed."))
    return redirect(url_for("desk_packs.packs"), 303)


def _given() -> Pack:
    """The pack in the form, its articles in the order of their numbers."""
    languages = site_settings().languages

    def texts(name: str) -> dict[str, str]:
        given = {lang: request.form.get(f"{name}-{lang}", "").strip() for lang in languages}
        return {lang: text for lang, text in given.items() if text}

    chosen = list(dict.fromkeys(request.form.getlist("article")))[: MOST_ARTICLES + 1]
    order = {
        name: whole_number(request.form.get(f"place-{name}", ""), 1, 999) or 999 for name in chosen
    }
    chosen.sort(key=lambda name: order[name])
    key = request.form.get("key", "").strip().lower()
    return Pack(key, texts("title"), tuple(chosen), texts("text"))


def _edit_page(pack: Pack, digest: str, wrong: str = "") -> str:
    cards = snapshot().articles.summaries
    words = request.values.get("find", "").strip()[:200]
    results = ask(words, site_settings().languages[0], FOUND) if words else None
    found = [cards[hit.article_id] for hit in results.hits] if results else []
    return render_template(
        "desk/pack_edit.html",
        pack=pack,
        chosen=[(name, cards.get(name)) for name in pack.articles],
        found=[card for card in found if card.id not in pack.articles],
        find=words,
        # The articles that customers cannot read now.
        hidden={name for name, card in cards.items() if not card.visible(now(), PUBLIC)},
        digest=digest,
        wrong=wrong,
        languages=site_settings().languages,
        longest_title=LONGEST_TITLE,
        longest_text=LONGEST_TEXT,
    )


@blueprint.route("/packs/<key>/send", methods=["GET", "POST"])
@needs("notices")
def send(key: str) -> str | BaseResponse | tuple[str, int]:
    """Send a pack by mail; the mail is shown before."""
    pack = known_packs().get(key)
    if pack is None:
        abort(404)
    language = site_settings().spoken(request.values.get("language", ""))
    letter = _letter(pack, language)
    if letter is None:
        flash(_("Customers can read none of its articles."))
        return redirect(url_for("desk_packs.packs"))
    right, wrong = addresses_in(request.form.get("addresses", "")[:50_000])
    problem = _problem(right, wrong) if request.form.get("do") == "send" else ""
    if request.form.get("do") == "send" and not problem:
        once = f"{key}:{given_form_id()}"
        count = enqueue_pack(event_store().engine, right, letter, language, once, now_ms())
        user_store().note(user().mail, "pack: send", f"{key} {count}")
        flash(ngettext("%(num)d mail is on its way.", "%(num)d mails are on their way.", count))
        return redirect(url_for("desk_packs.packs"), 303)
    page = render_template(
        "desk/pack_send.html",
        pack=pack,
        letter=letter,
        language=language,
        languages=site_settings().languages,
        addresses=given_text("addresses"),
        can_mail=support_service().can_mail,
        form_id=given_form_id(),
        wrong=problem,
        most=MOST_ADDRESSES,
    )
    return (page, 400) if problem else page


def _problem(right: Sequence[str], wrong: Sequence[str]) -> str:
    """Why nothing is sent; "" if it can be."""
    if not support_service().can_mail:
        return _("No mail is sent: KB_SMTP_URL is not set.")
    if wrong:
        return _("Not sent: %(what)s is no mail address.", what=wrong[0][:100])
    if not 0 < len(right) <= MOST_ADDRESSES:
        return _("Write 1 to %(most)d addresses.", most=MOST_ADDRESSES)
    return ""


def _letter(pack: Pack, language: str) -> Said | None:
    """The mail in a language; None where customers can read none of the articles."""
    settings = site_settings()
    page, base = pack_page(pack, language), f"{settings.address}/{language}"
    if not page.cards:
        return None

    def told(card: ArticleSummary) -> Quoted:
        return Quoted(card.title, f"{base}/articles/{quote(card.slug)}", card.summary)

    here, listed = f"{base}/packs/{pack.key}", [told(card) for card in page.cards]
    document = f"{here}.pdf" if can_print() else ""
    return mail_templates.pack(
        settings.name(language), page.title, page.text, listed, here, document, language
    )
