"""Japanese queries that commonly fail in search engines.

All pass in keyword search alone, with in-memory and real parts, and in hybrid search.
"""

from pathlib import Path

import pytest

from indexer.bundling.build_cache import BuildCache
from indexer.model import Article
from indexer.publish import BuildContext, Source, publish
from search.embedding.background import DisabledEmbedder
from search.engine import Engine
from search.index.bundle import Builds
from search.index.reader import open_corpus
from search.index.synonyms import Rule
from search.model import Query
from search.ports import Embedder
from tests.support import NOW, PUBLIC, article, memory_engine, with_synonyms

ARTICLES = [
    article(
        "password",
        "パスワードを忘れたとき",
        "ログイン画面から新しいパスワードを決められます。",
        questions=("ログインできない",),
    ),
    article(
        "return",
        "商品を返品する",
        "到着から30日以内なら返品を受け付けます。返送の送料は600円です。",
    ),
    article("moving", "引っ越しで住所が変わるとき", "新しい住所をマイページで変えてください。"),
    article("apply", "会員の申し込み", "会員になるには、マイページから申し込みます。"),
    article("cancel", "注文の取り消し", "出荷の前なら注文を取り消せます。"),
    article(
        "wifi",
        "スピーカーがWi-Fiにつながらない",
        "2.4GHzの電波を選び、ルーターを再起動してください。サーバーの障害も確かめます。",
    ),
    article("card", "カードが使えない(E-502、E-110)", "E-502は本人認証の失敗、E-110は限度額です。"),
    article("phone", "iPhone15で画面が割れて見える", "アプリを更新してください。"),
    article("health", "健康診断の予約", "健やかに過ごすために健康診断を予約できます。"),
    article("view", "見積もりの見方", "見積もりは法人のお客様に出します。"),
    article("vegan", "ヴィーガン向けの商品", "動物性の材料を使わない食品の一覧です。"),
    article("tokyo", "東京都庁の店舗への行き方", "都庁前駅から歩いて3分です。"),
    article("tokyo-short", "東京の店舗", "東京には3つの店舗があります。"),
    article("train", "新幹線での配送", "新幹線を使う特急便です。"),
    article("new", "新商品の案内", "新しい商品は毎週入ります。"),
    article("name", "髙島屋ギフトと斎藤様の名入れ", "渡邉様など、旧字のお名前も入れられます。"),
    article(
        "late", "荷物が届かない", "配送状況を確かめ、2営業日たっても届かないときはご連絡ください。"
    ),
    article("company", "㈱の領収書", "領収書に会社名を入れられます。宛名は①会社名②部署の順です。"),
    article("parking", "Shop parking", "There are twelve spaces behind the shop.", lang="en"),
    article(
        "korean",
        "비밀번호를 잊어버렸을 때",
        "로그인 화면에서 새 비밀번호를 정할 수 있습니다.",
        lang="ko",
    ),
    article("chinese", "如何申请退货", "收到商品后三十天内可以申请退货。", lang="zh"),
    article("thai", "วิธีคืนสินค้า", "คืนสินค้าได้ภายใน 30 วัน", lang="th"),
    article(
        "german",
        "Rücksendungen anmelden",
        "Melden Sie die Rücksendung im Kundenkonto an.",
        lang="de",
    ),
]
HOUSE = [
    Rule("ja", "卒業", ("取り消し",)),
    Rule("ja", "キャンセル", ("取り消し", "解約")),
    Rule("ja", "解約", ("取り消し", "キャンセル")),
]
CASES = [
    ("mid-sentence word", "送料", "return"),
    (
        "whole sentence",
        "ログイン画面で新しいパスワードを決めるにはどうすればよいですか",
        "password",
    ),
    ("single kanji", "健", "health"),
    ("compound exact", "東京都庁", "tokyo"),
    ("part of compound", "都庁", "tokyo"),
    ("shorter word first", "東京 店舗", "tokyo-short"),
    ("no fall-back to a prefix", "新幹線", "train"),
    ("width", "ｗｉ－ｆｉ　スピーカー", "wifi"),
    ("half-width kana", "ﾊﾟｽﾜｰﾄﾞ", "password"),
    ("unfolded sign", "(株)の領収書", "company"),
    ("hiragana for katakana", "ぱすわーど", "password"),
    ("long vowel", "サーバ", "wifi"),
    ("v and b", "ビーガン", "vegan"),
    ("okurigana 1", "引越", "moving"),
    ("okurigana 2", "引越し", "moving"),
    ("okurigana 3", "申込", "apply"),
    ("okurigana 4", "取消", "cancel"),
    ("mixed 1", "Wi-Fiが繋がらない", "wifi"),
    ("mixed 2", "iPhone15 画面 割れ", "phone"),
    ("mixed 3", "エラーコードE-502", "card"),
    ("code alone", "e502", "card"),
    ("conjugation 1", "返品できますか", "return"),
    ("conjugation 2", "返品したい", "return"),
    ("conjugation 3", "荷物が届きません", "late"),
    ("politeness 1", "返品の方法を教えてください", "return"),
    ("politeness 2", "返品について知りたいのですが", "return"),
    ("old forms 1", "高島屋", "name"),
    ("old forms 2", "齋藤", "name"),
    ("old forms 3", "斉藤", "name"),
    ("old forms 4", "渡辺", "name"),
    ("combining mark", "アフ\u309aリの更新", "phone"),
    ("spacing mark", "アフ゜リの更新", "phone"),
    ("emoji beside", "😢返品したい", "return"),
    ("zero width", "返\u200b品", "return"),
    ("NUL", "返\x00品", "return"),
    ("lone surrogate", "返品\ud800", "return"),
    ("very long", "返品したい" + "。" * 10_000, "return"),
    ("synonym 1", "卒業したい", "cancel"),
    ("synonym 2", "注文のキャンセル", "cancel"),
    ("synonym 3", "注文を解約", "cancel"),
    ("misspelt katakana", "パスワド", "password"),
    ("misspelt hiragana", "ぱすわど", "password"),
    ("by its reading", "へんぴん", "return"),
]
ELSEWHERE = [
    ("ko", "비밀번호", "korean"),
    ("ko", "비밀번호를 잊었어요", "korean"),
    ("zh", "退货", "chinese"),
    ("zh", "我想退货怎么办", "chinese"),
    ("th", "คืนสินค้า", "thai"),
    ("de", "Rücksendung", "german"),
    ("de", "ruecksendungen anmelden", "german"),
]


def real_engine(folder: Path, embedder: Embedder) -> Engine:
    builds = Builds(folder / "index")
    cache = BuildCache(folder / "cache.sqlite")
    with builds.building() as work:
        publish(BuildContext(builds, work, embedder, cache), Source(ARTICLES, folder, {}, HOUSE))
    cache.close()
    return Engine(open_corpus(builds.open_current()), embedder)


@pytest.fixture(
    scope="module", params=["memory", "keyword", pytest.param("hybrid", marks=pytest.mark.model)]
)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    if request.param == "memory":
        return with_synonyms(memory_engine(ARTICLES), HOUSE)
    embedder = (
        DisabledEmbedder()
        if request.param == "keyword"
        else request.getfixturevalue("real_embedder")
    )
    return real_engine(tmp_path_factory.mktemp("japanese"), embedder)


def hits(engine: Engine, text: str) -> list[str]:
    return [hit.article_id for hit in engine.search(Query(text, lang="ja", now=NOW)).hits]


def test_the_articles_are_detected_as_japanese(engine: Engine) -> None:
    known: list[Article] = ARTICLES
    assert {document.lang for document in engine.corpus.documents} == {one.lang for one in known}
    for text in ("返品", "パスワード", "カタカナ", "送料無料"):
        assert engine.search(Query(text, now=NOW)).lang == "ja"


@pytest.mark.parametrize(
    ("text", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_the_right_article_is_first(engine: Engine, text: str, wanted: str) -> None:
    assert hits(engine, text)[0] == wanted


def test_another_kanji_is_not_found(engine: Engine) -> None:
    if engine.corpus.semantic is None:
        assert "view" not in hits(engine, "健")
        assert "new" not in hits(engine, "新幹線")


def test_politeness_changes_nothing(engine: Engine) -> None:
    bare = hits(engine, "返品")[0]
    assert all(
        hits(engine, text)[0] == bare
        for text in (
            "返品を教えてください",
            "返品について知りたいのですが",
            "返品したいのですがどうすればいいですか",
        )
    )


def test_matches_are_marked_in_the_writers_spelling(engine: Engine) -> None:
    hit = next(
        hit
        for hit in engine.search(Query("ﾊﾟｽﾜｰﾄﾞ", lang="ja", now=NOW)).hits
        if hit.article_id == "password"
    )
    assert [hit.document.title[start:end] for start, end in hit.title_spans] == ["パスワード"]
    assert [hit.snippet[start:end] for start, end in hit.spans] == ["パスワード"]


@pytest.mark.parametrize("typed", ["ぱすわ", "パスワ", "pasuwa"])
def test_suggestions_before_conversion(engine: Engine, typed: str) -> None:
    assert "password" in [
        document.id for _, document in engine.lookups.suggest(typed, "ja", 5, NOW, PUBLIC)
    ]


@pytest.mark.parametrize(("lang", "text", "wanted"), ELSEWHERE)
def test_other_languages_are_found_too(engine: Engine, lang: str, text: str, wanted: str) -> None:
    hits = engine.search(Query(text, lang=lang, now=NOW)).hits
    assert hits[0].article_id == wanted and hits[0].document.lang == lang


def test_a_question_in_another_language_finds_the_only_article_there_is(engine: Engine) -> None:
    if engine.corpus.semantic is None:
        pytest.skip("words of two languages do not meet without search by meaning")
    for text, lang, wanted in (
        ("I forgot my password", "en", "password"),
        ("I am moving to a new address", "en", "moving"),
        ("駐車場はありますか", "ja", "parking"),
    ):
        hit = engine.search(Query(text, lang=lang, now=NOW)).hits[0]
        assert hit.article_id == wanted and hit.document.lang != lang


def test_a_query_in_an_unindexed_language_is_no_error(engine: Engine) -> None:
    for text in ("Πώς επιστρέφω ένα προϊόν;", "როგორ დავაბრუნო", "كيف أعيد المنتج", "שכחתי סיסמה"):
        results = engine.search(Query(text, lang="", now=NOW))
        assert not results.problem and results.verdict in ("none", "weak", "strict")
        if engine.corpus.semantic is None:
            assert results.verdict == "none"


def test_a_correctly_spelt_word_is_never_hidden_by_a_correction(engine: Engine) -> None:
    assert engine.search(Query("東京", lang="ja", now=NOW)).suggestions == ()
    assert engine.search(Query("パスワド", lang="ja", now=NOW)).suggestions == ("パスワード",)
    assert engine.search(Query("へんぴん", lang="ja", now=NOW)).suggestions in ((), ("返品",))
