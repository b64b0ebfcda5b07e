"""Guards for the package structure, the documentation and the translations."""

import ast
import io
import re
import subprocess
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

from indexer.__main__ import _parser
from indexer.reading.front_matter import KNOWN_KEYS
from kb_app.cli.site import kb
from kb_app.settings import Settings

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("search", "indexer", "kb_app", "bench")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def text_of(*names: str) -> str:
    return "\n".join((ROOT / name).read_text(encoding="utf-8") for name in names)


HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "sudachipy",
    "faiss",
    "py3langid",
    "onnx",
    "onnxruntime",
    "tokenizers",
    "sentencepiece",
    "sklearn",
)


def test_importing_loads_nothing_heavy() -> None:
    module = (
        "search.model, search.engine, search.embedding.sentence_transformers, "
        "search.embedding.loader, indexer.build, kb_app, kb_app.web.app"
    )
    program = f"import sys, {module}; print([n for n in {HEAVY} if n in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert found.stdout.strip() == "[]"


def test_packages_begin_empty() -> None:
    for package in ("search", "indexer", "bench", "kb_app/web"):
        tree = ast.parse((ROOT / package / "__init__.py").read_text(encoding="utf-8"))
        assert all(isinstance(node, ast.Expr) for node in tree.body)


def test_only_settings_read_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
    }
    # The other one starts programs that are not ours.
    assert readers <= {"kb_app/settings.py", "bench/cluster/processes.py"}


OWNERS = [
    ("whoosh", "search/index/phrase_index.py search/index/whoosh_storage.py"),
    ("faiss", "search/vectors/vector_index.py"),
    ("onnxruntime", "search/embedding/onnx_session.py"),
    ("onnx", "search/embedding/onnx_export.py search/embedding/onnx_graph.py"),
    ("sentencepiece", "search/embedding/tokenizer.py"),
    ("sudachipy", "search/analysis/japanese.py"),
    ("sentence_transformers", "search/embedding/sentence_transformers.py"),
]


@pytest.mark.parametrize(("library", "owner"), OWNERS)
def test_each_library_has_its_owner(library: str, owner: str) -> None:
    users = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if "bench" not in path.parts
        and re.search(
            rf"^\s*(?:import|from) {library}\b", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    assert users == set(owner.split())


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_is_documented(name: str) -> None:
    assert f"`KB_{name.upper()}`" in text_of("docs/operating.md")


@pytest.mark.parametrize("name", KNOWN_KEYS)
def test_every_key_of_the_front_matter_is_documented(name: str) -> None:
    assert f"`{name}`" in text_of("docs/writing.md")


def test_every_command_is_documented() -> None:
    documents = text_of("docs/operating.md", "docs/writing.md", "README.md")
    commands = [f"kb {name}" for name in kb.commands]
    actions = next(action for action in _parser()._actions if action.choices)
    commands += [f"python -m indexer {name}" for name in actions.choices or ()]
    commands += [
        f"make {name}"
        for name in re.findall(r"^([a-z-]+):", text_of("Makefile"), re.MULTILINE)
        if name not in ("help", "browser")
    ]
    assert [command for command in commands if command not in documents] == []


def test_every_requirement_is_pinned_and_explained() -> None:
    for line in text_of("requirements.txt").splitlines():
        assert line.startswith("#") or re.match(
            r"^[\w.-]+(\[\w+\])?==[\w.]+(; python_full_version [<>=]+ \"[\d.]+\")?(\s+#.+)?$", line
        ), line


def test_no_template_has_a_line_over_140_characters() -> None:
    long_lines = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sorted((ROOT / "templates").rglob("*.*"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if len(line) > 140
    ]
    assert long_lines == []


def _texts(catalogue: Catalog) -> dict[object, object]:
    return {
        str(list(message.id) if isinstance(message.id, tuple) else message.id): str(
            list(message.string) if isinstance(message.string, tuple) else message.string
        )
        for message in catalogue
        if message.id
    }


def test_every_interface_text_is_translated() -> None:
    folder = ROOT / "kb_app" / "translations" / "ja" / "LC_MESSAGES"
    methods = [("kb_app/**.py", "python"), ("templates/**.html", "jinja2")]
    used = set()
    for top in ("kb_app", "templates"):
        for _file, _line, message, _comments, _context in extract_from_dir(
            ROOT / top, [("**" + pattern[-5:].lstrip("*"), kind) for pattern, kind in methods]
        ):
            used.add(message[0] if isinstance(message, tuple) else message)
    with (folder / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale="ja")
    translated = {
        message.id[0] if isinstance(message.id, tuple) else message.id
        for message in catalogue
        if message.id and message.string
    }
    assert used and used <= translated, used - translated
    compiled = read_mo(io.BytesIO((folder / "messages.mo").read_bytes()))
    assert _texts(compiled) == _texts(catalogue), "run: pybabel compile -d kb_app/translations"


def test_every_formula_of_the_reports_is_translated() -> None:
    from kb_app.analytics.reports import metrics, vendor_definitions
    from kb_app.support import case_metrics

    with (ROOT / "kb_app/translations/ja/LC_MESSAGES/messages.po").open("rb") as file:
        known = {str(message.id) for message in read_po(file, locale="ja") if message.string}
    sources = "".join(
        Path(str(module.__file__)).read_text(encoding="utf-8")
        for module in (metrics, vendor_definitions, case_metrics)
    )
    formulas = set(re.findall(r'"([^"\n]+ / [a-z ]+)"', sources))
    assert len(formulas) > 20 and formulas <= known, formulas - known
