"""The success criteria of WCAG 2.2 A and AA, and how each is judged.

Those of JIS X 8341-3:2016 are the criteria of WCAG 2.0. A test names the criteria that it judges
with ``@pytest.mark.criterion``; ``APART`` says why a criterion needs none.
"""

from __future__ import annotations

# number: (level, since WCAG, English title, Japanese title)
CRITERIA: dict[str, tuple[str, str, str, str]] = {
    "1.1.1": ("A", "2.0", "Non-text Content", "非テキストコンテンツ"),
    "1.2.1": ("A", "2.0", "Audio-only and Video-only", "音声だけ及び映像だけ（収録済み）"),
    "1.2.2": ("A", "2.0", "Captions (Prerecorded)", "キャプション（収録済み）"),
    "1.2.3": ("A", "2.0", "Audio Description or Alternative", "音声解説又は代替（収録済み）"),
    "1.2.4": ("AA", "2.0", "Captions (Live)", "キャプション（ライブ）"),
    "1.2.5": ("AA", "2.0", "Audio Description (Prerecorded)", "音声解説（収録済み）"),
    "1.3.1": ("A", "2.0", "Info and Relationships", "情報及び関係性"),
    "1.3.2": ("A", "2.0", "Meaningful Sequence", "意味のある順序"),
    "1.3.3": ("A", "2.0", "Sensory Characteristics", "感覚的な特徴"),
    "1.3.4": ("AA", "2.1", "Orientation", "表示の向き"),
    "1.3.5": ("AA", "2.1", "Identify Input Purpose", "入力目的の特定"),
    "1.4.1": ("A", "2.0", "Use of Color", "色の使用"),
    "1.4.2": ("A", "2.0", "Audio Control", "音声の制御"),
    "1.4.3": ("AA", "2.0", "Contrast (Minimum)", "コントラスト（最低限レベル）"),
    "1.4.4": ("AA", "2.0", "Resize Text", "テキストのサイズ変更"),
    "1.4.5": ("AA", "2.0", "Images of Text", "文字画像"),
    "1.4.10": ("AA", "2.1", "Reflow", "リフロー"),
    "1.4.11": ("AA", "2.1", "Non-text Contrast", "非テキストのコントラスト"),
    "1.4.12": ("AA", "2.1", "Text Spacing", "テキストの間隔"),
    "1.4.13": ("AA", "2.1", "Content on Hover or Focus", "ホバー又はフォーカスで現れる内容"),
    "2.1.1": ("A", "2.0", "Keyboard", "キーボード"),
    "2.1.2": ("A", "2.0", "No Keyboard Trap", "キーボードトラップなし"),
    "2.1.4": ("A", "2.1", "Character Key Shortcuts", "文字キーのショートカット"),
    "2.2.1": ("A", "2.0", "Timing Adjustable", "タイミング調整可能"),
    "2.2.2": ("A", "2.0", "Pause, Stop, Hide", "一時停止、停止及び非表示"),
    "2.3.1": ("A", "2.0", "Three Flashes or Below Threshold", "3回のせん光、又は閾値以下"),
    "2.4.1": ("A", "2.0", "Bypass Blocks", "ブロックスキップ"),
    "2.4.2": ("A", "2.0", "Page Titled", "ページタイトル"),
    "2.4.3": ("A", "2.0", "Focus Order", "フォーカス順序"),
    "2.4.4": ("A", "2.0", "Link Purpose (In Context)", "リンクの目的（コンテキスト内）"),
    "2.4.5": ("AA", "2.0", "Multiple Ways", "複数の手段"),
    "2.4.6": ("AA", "2.0", "Headings and Labels", "見出し及びラベル"),
    "2.4.7": ("AA", "2.0", "Focus Visible", "フォーカスの可視化"),
    "2.4.11": ("AA", "2.2", "Focus Not Obscured (Minimum)", "隠されないフォーカス（最低限）"),
    "2.5.1": ("A", "2.1", "Pointer Gestures", "ポインタのジェスチャ"),
    "2.5.2": ("A", "2.1", "Pointer Cancellation", "ポインタのキャンセル"),
    "2.5.3": ("A", "2.1", "Label in Name", "名前（name）のラベル"),
    "2.5.4": ("A", "2.1", "Motion Actuation", "動きによる起動"),
    "2.5.7": ("AA", "2.2", "Dragging Movements", "ドラッグ動作"),
    "2.5.8": ("AA", "2.2", "Target Size (Minimum)", "ターゲットのサイズ（最低限）"),
    "3.1.1": ("A", "2.0", "Language of Page", "ページの言語"),
    "3.1.2": ("AA", "2.0", "Language of Parts", "一部分の言語"),
    "3.2.1": ("A", "2.0", "On Focus", "フォーカス時"),
    "3.2.2": ("A", "2.0", "On Input", "入力時"),
    "3.2.3": ("AA", "2.0", "Consistent Navigation", "一貫したナビゲーション"),
    "3.2.4": ("AA", "2.0", "Consistent Identification", "一貫した識別性"),
    "3.2.6": ("A", "2.2", "Consistent Help", "一貫したヘルプ"),
    "3.3.1": ("A", "2.0", "Error Identification", "エラーの特定"),
    "3.3.2": ("A", "2.0", "Labels or Instructions", "ラベル又は説明"),
    "3.3.3": ("AA", "2.0", "Error Suggestion", "エラー修正の提案"),
    "3.3.4": ("AA", "2.0", "Error Prevention", "エラー回避（法的、金融及びデータ）"),
    "3.3.7": ("A", "2.2", "Redundant Entry", "冗長な入力項目"),
    "3.3.8": ("AA", "2.2", "Accessible Authentication (Minimum)", "アクセシブルな認証（最低限）"),
    "4.1.1": ("A", "2.0", "Parsing", "構文解析"),
    "4.1.2": ("A", "2.0", "Name, Role, Value", "名前（name）、役割（role）及び値（value）"),
    "4.1.3": ("AA", "2.1", "Status Messages", "ステータスメッセージ"),
}  # fmt: skip

# How the others are judged: "none": the pages have nothing of the kind. "articles": it is for the
# writers of articles, whose texts are not in these tests.
APART = {
    "1.2.1": "articles",
    "1.2.2": "articles",
    "1.2.3": "articles",
    "1.2.4": "none",
    "1.2.5": "articles",
    "1.3.3": "articles",
    "1.4.2": "none",
    "1.4.5": "articles",
    "2.2.1": "none",
    "2.3.1": "none",
    "3.3.4": "none",
}
