"""A made-up help centre that belongs to no vendor; the same one for the same seed."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from tests.vendors import bodies, words
from tests.vendors.blocks import Blocks, Link, links_of, visible_texts
from tests.vendors.html_writer import NEUTRAL, Dialect, write_html
from tests.vendors.media import File, Media, Picture, file, picture

EPOCH = datetime(2021, 4, 1, 9, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Category:
    key: str
    title: dict[str, str]
    description: dict[str, str]


@dataclass(frozen=True)
class Section:
    """Everything in an internal section is internal, and nothing elsewhere is."""

    key: str
    category: str
    title: dict[str, str]
    internal: bool = False


@dataclass(frozen=True)
class Text:
    lang: str
    title: str
    blocks: Blocks
    updated: datetime
    pictures: tuple[Picture, ...] = ()

    @property
    def body_html(self) -> str:
        """The body with addresses such as ``article:a0003`` and ``picture:p0001.png``."""
        held = {one.name: one.bytes for one in self.pictures}
        return write_html(
            self.blocks, Dialect(NEUTRAL.link, NEUTRAL.picture, NEUTRAL.file, pictures=held)
        )

    @property
    def visible(self) -> tuple[str, ...]:
        """The texts a reader must find in the body, whatever format it went through."""
        return visible_texts(self.blocks)

    @property
    def links(self) -> tuple[Link, ...]:
        return links_of(self.blocks)


@dataclass(frozen=True)
class Entry:
    key: str
    section: str
    texts: tuple[Text, ...]
    author: str
    mail: str
    created: datetime
    up: int
    down: int
    labels: tuple[str, ...]
    draft: bool
    promoted: bool
    internal: bool
    old_paths: tuple[str, ...]
    pictures: tuple[Picture, ...]
    files: tuple[File, ...]
    position: int

    @property
    def original(self) -> Text:
        return self.texts[0]

    @property
    def media(self) -> tuple[Media, ...]:
        return (*self.pictures, *self.files)

    @property
    def updated(self) -> datetime:
        return max(text.updated for text in self.texts)

    def text(self, lang: str) -> Text | None:
        return next((text for text in self.texts if text.lang == lang), None)


@dataclass(frozen=True)
class HelpCentre:
    categories: tuple[Category, ...]
    sections: tuple[Section, ...]
    entries: tuple[Entry, ...]
    languages: tuple[str, ...] = ("ja", "en")

    @cached_property
    def by_key(self) -> dict[str, Entry]:
        return {entry.key: entry for entry in self.entries}

    @cached_property
    def sections_by_key(self) -> dict[str, Section]:
        return {section.key: section for section in self.sections}

    @property
    def groups(self) -> tuple[Category | Section, ...]:
        return (*self.categories, *self.sections)

    @cached_property
    def authors(self) -> dict[str, str]:
        """Names by mail address."""
        return {entry.mail: entry.author for entry in self.entries}

    def in_section(self, section: str) -> list[Entry]:
        found = (entry for entry in self.entries if entry.section == section)
        return sorted(found, key=lambda entry: entry.position)

    def sections_of(self, category: str) -> list[Section]:
        return [section for section in self.sections if section.category == category]


def make_categories() -> tuple[Category, ...]:
    return tuple(
        Category(
            f"c{i}", {"ja": ja, "en": en}, {"ja": f"{ja}のご案内です。", "en": f"All of {en}."}
        )
        for i, (ja, en) in enumerate(words.CATEGORIES)
    )


def make_sections(categories: tuple[Category, ...]) -> tuple[Section, ...]:
    made = []
    for category in categories:
        for i, (ja, en) in enumerate(words.SECTIONS):
            internal = i == len(words.SECTIONS) - 1
            made.append(
                Section(f"{category.key}s{i}", category.key, {"ja": ja, "en": en}, internal)
            )
    return tuple(made)


def languages_for(rng: random.Random) -> tuple[str, ...]:
    """40 % in Japanese and English, 35 % only Japanese, 25 % only English."""
    return rng.choices([("ja", "en"), ("ja",), ("en",)], weights=[40, 35, 25])[0]


def make_entry(position: int, total: int, sections: tuple[Section, ...], seed: int) -> Entry:
    rng = random.Random(f"{seed}:{position}")
    special = bodies.SPECIAL.get(position)
    languages = ("ja", "en") if special else languages_for(rng)
    internal = not special and rng.random() < 0.08
    offered = [section for section in sections if section.internal == internal]
    section = offered[0] if special else rng.choice(offered)
    created = EPOCH + timedelta(hours=position * 7, minutes=rng.randrange(50))
    pictures = (picture(f"p{position:04}a.png", rng), picture(f"画像 {position}.png", rng))
    files = (file(f"manual-{position:04}.pdf"), file(f"一覧表 {position}.csv"))
    texts = []
    for i, lang in enumerate(languages):
        maker = bodies.Maker(rng, lang, position, total, pictures, files, section.key)
        title = special.titles[lang] if special else words.title(lang, rng, position)
        body = special.body(maker) if special else maker.usual()
        updated = created + timedelta(days=30 + i * 3, seconds=position)
        texts.append(Text(lang, title, body, updated, pictures))
    author, mail = rng.choice(words.AUTHORS)
    used = "\n".join(text.body_html for text in texts)
    return Entry(
        key=f"a{position:04}",
        section=section.key,
        texts=tuple(texts),
        author=author,
        mail=mail,
        created=created,
        up=rng.randrange(90),
        down=rng.randrange(25),
        labels=tuple(rng.sample(words.LABELS, rng.randrange(4))),
        draft=not special and rng.random() < 0.06,
        promoted=rng.random() < 0.04,
        internal=internal,
        old_paths=words.old_paths(rng, position),
        pictures=tuple(one for one in pictures if f"picture:{one.name}" in used),
        files=tuple(one for one in files if f"file:{one.name}" in used),
        position=position,
    )


def help_centre(entries: int = 1000, seed: int = 7) -> HelpCentre:
    """The first entries are the awkward ones of ``bodies.SPECIAL``; the rest are usual."""
    categories = make_categories()
    sections = make_sections(categories)
    made = tuple(make_entry(i, entries, sections, seed) for i in range(entries))
    return HelpCentre(categories, sections, made)
