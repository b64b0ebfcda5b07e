"""What search engines read of an article beside its text (schema.org, as JSON-LD). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from indexer.model import Article, ArticleSummary

# An answer is the article's text, up to this many letters.
LONGEST_ANSWER = 5_000
Crumb = tuple[str, str]
"""(name, absolute address)"""


def article_data(
    article: Article,
    card: ArticleSummary,
    crumbs: Sequence[Crumb],
    site: str,
    picture: str = "",
) -> dict[str, Any]:
    """The graph of an article: itself, where it stands, and its question where it answers one.

    The last of ``crumbs`` is the article.
    """
    address = crumbs[-1][1]
    told: dict[str, Any] = {
        "@type": "Article",
        "@id": f"{address}#article",
        "headline": card.title[:110],
        "inLanguage": card.lang,
        "mainEntityOfPage": address,
        "publisher": {"@type": "Organization", "name": site},
        "author": {"@type": "Organization", "name": site},
    }
    if card.summary:
        told["description"] = card.summary
    if card.updated:
        told["dateModified"] = card.updated.isoformat()
    if picture:
        told["image"] = picture
    places = [
        {"@type": "ListItem", "position": number, "name": name, "item": url}
        for number, (name, url) in enumerate(crumbs, 1)
    ]
    graph: list[dict[str, Any]] = [told, {"@type": "BreadcrumbList", "itemListElement": places}]
    answer = _answer(article)
    if card.type == "faq" and answer:
        question = {
            "@type": "Question",
            "name": card.title,
            "acceptedAnswer": {"@type": "Answer", "text": answer},
        }
        page = {"@type": "FAQPage", "inLanguage": card.lang, "mainEntity": [question]}
        graph.append({**page, "@id": f"{address}#faq"})
    return {"@context": "https://schema.org", "@graph": graph}


def _answer(article: Article) -> str:
    """The text of the article, section by section."""
    parts = [
        part for section in article.sections for part in (section.heading, section.text) if part
    ]
    text = "\n".join(parts)
    return text if len(text) <= LONGEST_ANSWER else f"{text[:LONGEST_ANSWER].rsplit(None, 1)[0]} …"
