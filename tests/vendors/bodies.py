"""Bodies: the usual ones and the awkward ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from tests.vendors import words
from tests.vendors.blocks import (
    Accordion,
    Attached,
    Block,
    Blocks,
    Break,
    Callout,
    Cell,
    CodeBlock,
    Heading,
    Image,
    Inlines,
    Item,
    Link,
    Listing,
    Noise,
    Para,
    Quote,
    Ruby,
    Str,
    Table,
    Tabs,
    Terms,
    Video,
    plain,
)
from tests.vendors.media import File, Picture

ANCHOR = "h_01HABCDEF"
LONG_BYTES = 400_000
CALLOUTS: tuple[Literal["note", "tip", "warning", "danger"], ...] = (
    "note",
    "tip",
    "warning",
    "danger",
)
CODE_FORMS: tuple[Literal["language", "breaks", "plain"], ...] = ("language", "breaks", "plain")
MARKDOWN_TEXTS = (
    "*星* と _下線_ と `逆引用符` と [x] と [角](括弧)",
    "1. 番号で始まる行 1) これも",
    "# 番号記号で始まる行",
    "- ハイフンで始まる行",
    "<div> は & のまま、<script> も文字です",
    "左 | 右 と ~~取り消し~~ と \\ と ![画像]",
    "+ 足し算で始まる行 && ---",
)


@dataclass(frozen=True)
class Maker:
    """Makes blocks for one text of one entry."""

    rng: random.Random
    lang: str
    position: int
    total: int
    pictures: tuple[Picture, ...]
    files: tuple[File, ...]
    section: str

    def say(self, count: int = 2) -> str:
        return words.sentences(self.lang, self.rng, count)

    def parts(self, count: int = 1) -> Inlines:
        return plain(self.say(count))

    def other(self) -> str:
        return f"article:a{self.rng.randrange(self.total):04}"

    def heading(self, level: int = 2, anchor: str = "") -> Heading:
        return Heading(level, self.rng.choice(words.HEADINGS[self.lang]), anchor)

    def steps(self) -> Listing:
        deepest = Listing((Item(self.parts()), Item(self.parts())), ordered=True)
        middle = Listing((Item(self.parts(), deepest), Item(self.parts())), ordered=True)
        return Listing((Item(self.parts(), middle), Item(self.parts()), Item(self.parts())))

    def table(self) -> Table:
        rows = tuple(
            (
                Cell(plain(f"項目{i}")),
                Cell((Str(self.say(1)), Break(), Str("A|B"))),
                Cell((Str("値", "bold"),)),
            )
            for i in range(3)
        )
        head = (Cell(plain("名前")), Cell(plain("説明 | 備考")), Cell(plain("Value")))
        return Table((head, *rows), self.rng.choice(("thead", "th", "none")))

    def spanning_table(self) -> Table:
        return Table(
            (
                (Cell(plain("プラン"), rows=2), Cell(plain("料金"), cols=2)),
                (Cell(plain("月払い")), Cell(plain("年払い"))),
                (Cell(plain("標準")), Cell(plain("¥980")), Cell(plain("¥9,800"))),
            ),
            "thead",
        )

    def code(self) -> CodeBlock:
        form = self.rng.choice(CODE_FORMS)
        text = 'curl -X GET "https://api.example.jp/v1/items?a=1&b=2"\nif [ $? -ne 0 ]; then'
        return CodeBlock("bash", text + "\n  echo '<error>' # 失敗 {0}\nfi", form)

    def links(self) -> Para:
        return Para(
            (
                Str("関連: "),
                Link(self.other(), self.say(1)),
                Str("、"),
                Link("article:a0000", "見出しへ", ANCHOR),
                Str("、"),
                Link(self.other(), "検索から", form="search"),
                Str("、"),
                Link(self.other(), "相対リンク", form="relative"),
                Str("、"),
                Link(f"section:{self.section}", "セクション"),
                Str("、"),
                Link(f"category:{self.section[:2]}", "カテゴリ"),
                Str("、"),
                Link("missing:gone", "消えた記事"),
                Str("、"),
                Link("https://www.example.com/?q=1&r=2", "外部サイト"),
                Str("、"),
                Link(f"#{ANCHOR}", "このページの見出し"),
            )
        )

    def images(self) -> list[Block]:
        first, second = (one.name for one in self.pictures)
        return [
            Image(first, "画面の例"),
            Image(second, 'Screen "2"', "relative"),
            Image(first, "埋め込み", "data"),
            Image(second, "高解像度", "srcset"),
            Image(first, "幅つき", "width"),
        ]

    def styled(self) -> Para:
        return Para(
            (
                Str("絵文字 🎉👨‍👩‍👧 と "),
                Ruby("漢字", "かんじ"),
                Str(" と "),
                Str("Ctrl", "kbd"),
                Str("+"),
                Str("C", "kbd"),
                Str(" と 10"),
                Str("2", "sup"),
                Str(" と H"),
                Str("2", "sub"),
                Str("O と "),
                Str("強い", "bold"),
                Str(" と "),
                Str("斜め", "italic"),
                Str(" と "),
                Str("a `b` <c>", "code"),
                Str(" と "),
                Str("色つき", "styled"),
            )
        )

    def hints(self) -> list[Block]:
        return [Callout(self.rng.choice(CALLOUTS), self.parts(2))]

    def usual(self) -> Blocks:
        """Three to eight kinds of blocks, as most articles have them."""
        makers: list[Callable[[], list[Block]]] = [
            lambda: [self.steps()],
            lambda: [self.table()],
            lambda: [self.code()],
            lambda: [self.links()],
            lambda: self.images()[:2],
            lambda: [self.styled()],
            self.hints,
            lambda: [Attached(self.files[0].name)],
            lambda: [Noise("empty"), Para(self.parts(), "div")],
            lambda: [self.spanning_table()],
            lambda: [Accordion(self.say(1), self.parts(2))],
            lambda: [Para(self.parts(), "centred"), Noise("script")],
        ]
        blocks: list[Block] = [Para(self.parts(3))]
        for make in self.rng.sample(makers, self.rng.randrange(2, 8)):
            blocks.append(self.heading(self.rng.choice((2, 2, 3, 4))))
            blocks += make()
        return tuple(blocks)

    def everything(self) -> Blocks:
        return (
            Noise("comment"),
            Heading(1, "本文の中の h1"),
            Para(self.parts(3)),
            self.heading(2, ANCHOR),
            self.steps(),
            self.heading(3),
            Table(self.table().rows, "thead"),
            Table(self.table().rows, "th"),
            Table(self.table().rows, "none"),
            self.spanning_table(),
            self.heading(4),
            CodeBlock("python", "for i in range(3):\n    print(i)", "language"),
            CodeBlock("", "一行目\n二行目 <b>", "breaks"),
            *self.images(),
            *(Callout(kind, self.parts(2)) for kind in CALLOUTS),
            Tabs((("Windows", self.parts()), ("macOS", self.parts()))),
            Accordion("詳しく見る", self.parts(2)),
            self.links(),
            self.styled(),
            Terms((("用語", self.parts()), ("Term", self.parts()))),
            Quote(self.parts()),
            Noise("empty"),
            Noise("style"),
            Noise("script"),
            *(Para(self.parts(), form) for form in ("div", "centred", "onclick", "nbsp")),
            Video("https://www.youtube.com/embed/dQw4w9WgXcQ?rel=0"),
            *(Attached(one.name) for one in self.files),
        )

    def empty(self) -> Blocks:
        return ()

    def long(self) -> Blocks:
        blocks: list[Block] = []
        size = 0
        while size < LONG_BYTES:
            text = self.say(12)
            blocks += [self.heading(), Para(plain(text))]
            size += len(text.encode())
        return tuple(blocks)

    def marked(self) -> Blocks:
        """Text full of what Markdown takes for markup."""
        cells = tuple((Cell(plain(text)), Cell(plain("a|b"))) for text in MARKDOWN_TEXTS)
        items = tuple(Item(plain(text)) for text in MARKDOWN_TEXTS)
        return (
            *(Para(plain(text)) for text in MARKDOWN_TEXTS),
            Listing(items),
            Table(((Cell(plain("*h*")), Cell(plain("x|y"))), *cells)),
        )


@dataclass(frozen=True)
class Special:
    titles: dict[str, str]
    body: Callable[[Maker], Blocks]


LONG_TITLE = "とても長い題名" * 36
SPECIAL: dict[int, Special] = {
    0: Special({"ja": "すべての部品", "en": "Every part there is"}, Maker.everything),
    1: Special({"ja": "空の記事", "en": "Empty article"}, Maker.empty),
    2: Special({"ja": "400 KB の記事", "en": "An article of 400 KB"}, Maker.long),
    3: Special({"ja": "Markdown の文字", "en": "Characters of Markdown"}, Maker.marked),
    4: Special({"ja": "「引用」: \"二重\" / 'one'", "en": "He said: \"yes\" / 'no'"}, Maker.usual),
    5: Special({"ja": "🎉 絵文字の題名 👨‍👩‍👧", "en": "🎉 Emoji 👨‍👩‍👧 title"}, Maker.usual),
    6: Special({"ja": "- ハイフンで始まる", "en": "- starts with a dash"}, Maker.usual),
    7: Special({"ja": "同じ題名", "en": "Same title"}, Maker.usual),
    8: Special({"ja": "同じ題名", "en": "Same title"}, Maker.usual),
    9: Special({"ja": LONG_TITLE[:250], "en": ("A very long title " * 14)[:250]}, Maker.usual),
    10: Special({"ja": "英語の題名がない", "en": ""}, Maker.usual),
    11: Special(
        {"ja": "# @ & 100% [x] {y} | z", "en": "`code` <b>not bold</b> & more"}, Maker.usual
    ),
}
