"""What is translated, by section and language, and the terms that translations are to have."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, render_template

from indexer.reading.glossary_file import read_glossary
from kb_app.web.core.auth import needs
from kb_app.web.core.context import services, site_settings, snapshot
from kb_app.web.desk.article_list import Line, all_lines

blueprint = Blueprint("languages", __name__, url_prefix="/desk")


@dataclass
class Coverage:
    """The articles of one section and language: those there, and what is wrong with them."""

    there: int = 0
    outdated: int = 0
    drafts: int = 0
    machine: int = 0
    missing: int = 0

    @property
    def share(self) -> float | None:
        """The share of what could be there; None where nothing could."""
        return self.there / (self.there + self.missing) if self.there + self.missing else None


def coverage(lines: list[Line], languages: tuple[str, ...]) -> Mapping[str, Mapping[str, Coverage]]:
    """What is there by section and language; archived articles do not count."""
    found: dict[str, dict[str, Coverage]] = defaultdict(
        lambda: {lang: Coverage() for lang in languages}
    )
    for line in lines:
        if line.state == "archived" or line.card.lang not in languages:
            continue
        here = found[line.card.section][line.card.lang]
        here.there += line.state != "draft"
        here.drafts += line.state == "draft"
        here.outdated += line.outdated
        here.machine += line.card.machine_translation
        if not line.card.translation_of:
            for lang in line.missing:
                found[line.card.section][lang].missing += 1
    return dict(sorted(found.items()))


@blueprint.get("/languages")
@needs("write")
def languages() -> str:
    """Show the coverage and the glossary."""
    settings, last = site_settings(), services().indexing.last_build()
    terms, problems = read_glossary(settings.articles)
    found = last.report.problems if last else ()
    return render_template(
        "desk/languages.html",
        coverage=coverage(all_lines(), tuple(settings.languages)),
        languages=settings.languages,
        section_names=snapshot().articles.sections,
        terms=terms,
        problems=problems,
        unlike=[one for one in found if one.code == "glossary"],
    )
