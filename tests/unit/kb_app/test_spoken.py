"""Answers for text messages and for a voice that reads them aloud."""

import pytest

from kb_app.web.core.spoken import spoken, text_message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("返品が着いてから5〜7営業日で返金します。", "返品が着いてから5から7営業日で返金します。"),
        ("電話は9:00〜18:00です", "電話は9時から18時です。"),
        ("土は10:30まで", "土は10時30分まで。"),
        ("0120-000-123 へ", "0 1 2 0、0 0 0、1 2 3 へ。"),
        ("エラーE-07が出たら", "エラーE、0 7が出たら。"),
        ("「設定」 > 「Wi-Fi」を開く", "設定、Wi-Fiを開く。"),
        ("1. 電源を切る\n2. 待つ", "手順1、電源を切る。 手順2、待つ。"),
        ("- 青い箱\n- 赤い箱", "青い箱。 赤い箱。"),
        ("詳しくは https://example.com/a をご覧ください。", "詳しくは をご覧ください。"),
        ("http://a.jpの後の文。", "の後の文。"),
        ("-20°C〜-5°Cで使えます", "-20°C〜-5°Cで使えます。"),
        ("〒150-0001です", "1 5 0、0 0 0 1です。"),
        ("600円〜1,200円です", "600円から1,200円です。"),
        ("2026-12-29まで", "2026年12月29日まで。"),
        ("注文番号はTS-2026-0012345です", "注文番号はT S、2 0 2 6、0 0 1 2 3 4 5です。"),
    ],
)
def test_japanese_is_read_aloud(text: str, said: str) -> None:
    assert spoken(text, "ja") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("We refund you 5-7 business days later.", "We refund you 5 to 7 business days later."),
        ("Open 9:00-18:00", "Open 9 o'clock to 18 o'clock."),
        ("Ring 0120-000-123.", "Ring 0 1 2 0, 0 0 0, 1 2 3."),
        ("1. Switch it off.\n2. Wait.", "Step 1: Switch it off. Step 2: Wait."),
        ("Model TB-200", "Model T B, 2 0 0."),
        ("on 2026-12-01", "on 1 December 2026."),
    ],
)
def test_english_is_read_aloud(text: str, said: str) -> None:
    assert spoken(text, "en") == said


def test_a_text_message_is_short_and_keeps_its_address() -> None:
    message = text_message("長い文です。" * 100, "https://help.example/ja/articles/x")
    assert len(message) <= 280 and message.endswith("…\nhttps://help.example/ja/articles/x")
    assert len(text_message("長い文です。" * 100, "https://help.example/" + "%E3" * 200)) <= 280
    assert text_message("短い\n\n文です。", "") == "短い\n文です。"


@pytest.mark.parametrize("text", ["", "\n", "https://example.com", "「」"])
def test_what_has_no_words_is_silence(text: str) -> None:
    assert spoken(text, "ja") == ""


def test_hostile_text_takes_no_time() -> None:
    for piece in ("1-", "9:", "A-1", "-", "1〜", "1. "):
        assert len(spoken(piece * 20_000, "ja")) <= 601
