"""Gives articles what depends on other articles: ids, addresses, translations, sections, order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any

from indexer.model import Article, SectionInfo, memoized_on_article
from indexer.reading.front_matter import address_of, slugify
from indexer.reading.layout import Place
from indexer.reading.navigation import Navigation, without_suffix


@dataclass(frozen=True)
class Arranged:
    """The articles with their places among each other, and the sections that folders make."""

    articles: list[Article]
    sections: dict[str, SectionInfo]


def arrange(
    articles: Sequence[Article],
    places: Mapping[str, Place],
    navigation: Navigation,
    named: Mapping[str, SectionInfo],
    *,
    foreign: bool = False,
) -> Arranged:
    """Arrange the articles; ``places`` are by path, ``named`` are the sections of sections.yml.

    In a ``foreign`` folder, one of another tool, the path of a file was its address there.
    """
    changes: dict[str, dict[str, Any]] = defaultdict(dict)
    moved = [article for article in articles if article.redirect_to]
    articles = [article for article in articles if not article.redirect_to]
    _set_ids(articles, changes)
    _set_translations(articles, places, changes)
    _set_slugs(articles, places, changes)
    _set_order(articles, places, navigation, changes)
    if foreign or moved:
        _set_addresses(articles, places, moved, changes)
    arranged = [
        _changed(article, changes[article.path]) if article.path in changes else article
        for article in articles
    ]
    return Arranged(arranged, _sections(articles, places, navigation, named))


def _changed(article: Article, changes: Mapping[str, Any]) -> Article:
    """The article with these values; the same object as in the last build if nothing changed."""
    differing = {key: value for key, value in changes.items() if getattr(article, key) != value}
    if not differing:
        return article
    kept = _last_changed(article)
    if not kept or kept[0] != differing:
        kept[:] = [differing, replace(article, **differing)]
    result: Article = kept[1]
    return result


@memoized_on_article
def _last_changed(article: Article) -> list[Any]:
    """Storage for the changes of the last build and the article with them."""
    return []


def _shared(articles: Sequence[Article], key: Callable[[Article], Any]) -> dict[Any, list[Article]]:
    """The articles that share a key, by it. Few do: no list is made for the others."""
    count = Counter(map(key, articles))
    shared: dict[Any, list[Article]] = {name: [] for name, number in count.items() if number > 1}
    for article in articles if shared else ():
        if (name := key(article)) in shared:
            shared[name].append(article)
    return shared


def _first(articles: Sequence[Article]) -> list[Article]:
    """Published ones first, then by path."""
    return sorted(articles, key=lambda article: (article.status != "published", article.path))


# --- ids and translations ---


def _set_ids(articles: Sequence[Article], changes: dict[str, dict[str, Any]]) -> None:
    """An id that two languages share, as translations of other tools do, names the language."""
    for name, same in _shared(articles, attrgetter("id")).items():
        if len({article.lang for article in same}) < 2:
            continue
        original = _original([one for one in same if one.status == "published"] or same, articles)
        for article in same:
            if article.lang != original.lang:
                changes[article.path]["id"] = f"{name}.{article.lang}"
                if not article.translation_of:
                    changes[article.path]["translation_of"] = name


def _set_translations(
    articles: Sequence[Article],
    places: Mapping[str, Place],
    changes: dict[str, dict[str, Any]],
) -> None:
    """Files of one path below two languages are translations of each other."""
    if len({article.lang for article in articles}) < 2:
        return
    shared = _shared(articles, lambda article: places[article.path].key)
    named = {article.translation_of for article in articles if article.translation_of}
    for same in shared.values():
        group: dict[str, Article] = {}
        for article in same:
            group.setdefault(article.lang, article)
        original = _original(list(group.values()), articles, named)
        original_id = changes[original.path].get("id", original.id)
        for article in group.values():
            free = not article.translation_of and article.id not in named
            if article is not original and free and not original.translation_of:
                changes[article.path].setdefault("translation_of", original_id)


def _original(
    group: Sequence[Article], articles: Sequence[Article], named: set[str] | None = None
) -> Article:
    """The one that others name, else the one in the language of most articles."""
    count = Counter(article.lang for article in articles)
    return min(
        group,
        key=lambda article: (article.id not in (named or ()), -count[article.lang], article.lang),
    )


# --- addresses ---


def _set_slugs(
    articles: Sequence[Article],
    places: Mapping[str, Place],
    changes: dict[str, dict[str, Any]],
) -> None:
    """Where one name is taken twice, the folder goes before it: ``android-installation``.

    The name alone stays with the only published one, or leads to the first of them.
    """
    shared = _shared(articles, attrgetter("lang", "slug"))
    taken = {(article.lang, article.slug) for article in articles} if shared else set()
    for (lang, slug), same in shared.items():
        published = [article for article in same if article.status == "published"]
        moved = [article for article in same if len(published) != 1 or article is not published[0]]
        for article in _first(moved):
            address = _with_folders(article, slug, lang, places, taken)
            if address:
                taken.add((lang, address))
                changes[article.path]["slug"] = address
        if len(published) != 1:
            first = _first(same)[0]
            if "slug" in changes[first.path]:
                changes[first.path]["aliases"] = (*first.aliases, slug)


def _with_folders(
    article: Article,
    slug: str,
    lang: str,
    places: Mapping[str, Place],
    taken: set[tuple[str, str]],
) -> str:
    """The slug after as many folders as make it the only one; "" if none do."""
    place = places.get(article.path, Place())
    folders = place.folders[:-1] if place.is_index else place.folders
    address = slug
    for folder in reversed(folders):
        address = f"{slugify(folder)}-{address}"
        if (lang, address) not in taken:
            return address
    return ""


def _set_addresses(
    articles: Sequence[Article],
    places: Mapping[str, Place],
    moved: Sequence[Article],
    changes: dict[str, dict[str, Any]],
) -> None:
    """The path of a file was its address elsewhere; pages that only lead on are addresses too."""
    added = {article.path: _addresses(article, places) for article in articles}
    by_address = {address.casefold(): path for path, each in added.items() for address in each}
    for article in articles:
        by_address.update((address.casefold(), article.path) for address in article.addresses)
    for page in moved:
        target = by_address.get(address_of(page.redirect_to).casefold())
        if target is not None and not page.redirect_to.startswith(("http:", "https:")):
            added[target] += _addresses(page, places)
    for article in articles:
        if len(added[article.path]) != len(article.addresses):
            changes[article.path]["addresses"] = tuple(dict.fromkeys(added[article.path]))


def _addresses(article: Article, places: Mapping[str, Place]) -> list[str]:
    place = places.get(article.path)
    if place is None:
        return list(article.addresses)
    parts = (*place.folders, *(() if place.is_index else (place.stem,)))
    below = "/".join(parts)
    language = f"/{place.lang}" if place.lang else ""
    return [*article.addresses, f"{language}/{below}"] if below else list(article.addresses)


# --- order and sections ---


def _set_order(
    articles: Sequence[Article],
    places: Mapping[str, Place],
    navigation: Navigation,
    changes: dict[str, dict[str, Any]],
) -> None:
    for article in articles:
        if article.order is not None:
            continue
        if navigation.order and (name := without_suffix(article.path)) in navigation.order:
            changes[article.path]["order"] = float(navigation.order[name])
        elif (place := places.get(article.path)) and place.is_index:
            changes[article.path]["order"] = -1.0


def _sections(
    articles: Sequence[Article],
    places: Mapping[str, Place],
    navigation: Navigation,
    named: Mapping[str, SectionInfo],
) -> dict[str, SectionInfo]:
    """The sections that folders make, by their names; those of sections.yml stay as they are."""
    titles: dict[str, dict[str, str]] = defaultdict(dict)
    orders: dict[str, float] = {}
    keys = {name: slugify(name) for name in {place.section for place in places.values()}}
    for article in articles:
        place = places.get(article.path)
        if place is None or article.section in named or keys[place.section] != article.section:
            continue
        label, position = _folder_of(article.path, place, navigation)
        if label or place.section != article.section:
            titles[article.section].setdefault(article.lang, label or place.section)
        if position is not None:
            orders.setdefault(article.section, position)
    made = {
        key: SectionInfo(key, titles.get(key, {}), order=orders.get(key, 0))
        for key in dict.fromkeys((*titles, *orders))
    }
    return {**made, **named}


def _folder_of(path: str, place: Place, navigation: Navigation) -> tuple[str, float | None]:
    """Name and position that a file of Docusaurus gives the section's folder."""
    if not navigation.folders:
        return "", None
    above = path.split("/")[: -1 - len(place.folders)]
    folder = "/".join([*above, place.section])
    return navigation.folders.get(folder, ("", None))
