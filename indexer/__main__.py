"""Command line: ``python -m indexer new|check|answers|overlaps|build|watch``.

Problems are printed as ``path:line: severity: message``, which editors can jump to.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import threading
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from indexer.errors import IndexerError
from indexer.model import Article, BuildReport, Problem
from search.errors import SearchError
from search.ports import Embedder


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    0: no problems. 1: the articles have errors. 2: the command could not run. 130: interrupted.
    """
    flags = _parser().parse_args(arguments)
    try:
        status: int = flags.run(flags)
    except (IndexerError, SearchError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m indexer", description="Create, check and index articles."
    )
    commands = parser.add_subparsers(
        required=True, metavar="new|check|answers|overlaps|build|watch"
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--articles",
        type=Path,
        default=Path("articles"),
        help="articles folder (default: articles)",
    )
    common.add_argument(
        "--timezone",
        type=_zone,
        default=UTC,
        help="time zone of front matter times that have none (default: UTC)",
    )
    indexing = argparse.ArgumentParser(add_help=False)
    indexing.add_argument(
        "--data",
        type=Path,
        default=Path("var"),
        help="folder of the index, the cache and the model (default: var)",
    )
    indexing.add_argument(
        "--model",
        default="",
        help="sentence-transformers id or path, or off (default: the bundled model)",
    )
    new = commands.add_parser("new", parents=[common], help="create an article with front matter")
    new.add_argument("title")
    new.add_argument("--lang", help="ja, en ... (default: detected in the title)")
    new.add_argument("--section", default="general")
    new.add_argument("--type", default="faq", choices=("faq", "guide", "paper", "case", "notice"))
    new.add_argument(
        "--translation-of",
        default="",
        metavar="ID",
        help="id of the article that this one translates",
    )
    new.set_defaults(run=_new)
    check = commands.add_parser(
        "check", parents=[common, indexing], help="report problems in the articles"
    )
    check.add_argument(
        "--fix",
        action="store_true",
        help="fix what can be fixed safely: missing ids, links to moved articles",
    )
    check.add_argument("--all", action="store_true", help="print every problem, not one per kind")
    check.add_argument("--json", action="store_true", help="print the report as JSON")
    check.add_argument("--strict", action="store_true", help="fail on warnings too")
    check.add_argument(
        "--search",
        action="store_true",
        help="index the articles in a temporary folder and run their tests: queries",
    )
    check.set_defaults(run=_check)
    answers = commands.add_parser(
        "answers",
        parents=[common, indexing],
        help="show which questions changed articles newly answer, lose or move",
    )
    answers.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="changed articles, or synonyms.yml, in the articles folder",
    )
    answers.add_argument(
        "--questions",
        type=Path,
        metavar="FILE",
        help="questions to try, one a line, or as kb questions writes them (default: the test "
        "queries and questions of all articles)",
    )
    answers.add_argument("--calibration", type=Path, help="a calibration.json to judge with")
    answers.set_defaults(run=_answers)
    similar = commands.add_parser(
        "overlaps",
        parents=[indexing],
        help="list articles of the index that tell the same or contradict each other",
    )
    similar.add_argument("--json", action="store_true", help="print the list as JSON")
    similar.set_defaults(run=_overlaps)
    build = commands.add_parser("build", parents=[common, indexing], help="index the articles")
    build.set_defaults(run=_build)
    watching = commands.add_parser(
        "watch", parents=[common, indexing], help="rebuild the index on every save"
    )
    watching.set_defaults(run=_watch)
    return parser


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(
            f"{name} is not a time zone; use a name like Asia/Tokyo"
        ) from error


def _new(flags: argparse.Namespace) -> int:
    from indexer.atomic_write import replace_file
    from indexer.ids import new_id
    from indexer.reading.front_matter import slugify
    from search.analysis.language import detect

    lang = flags.lang or detect(flags.title, ("ja", "en"))
    wrong = _wrong_flags(flags, lang)
    if wrong:
        print(wrong, file=sys.stderr)
        return 2
    path = flags.articles / lang / flags.section / f"{slugify(flags.title)}.md"
    if path.exists():
        print(
            f"{path} already exists. Use another title, or edit that file.",
            file=sys.stderr,
        )
        return 2
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, _template(new_id(), flags.title, flags.type, flags.translation_of))
    print(path)
    return 0


def _wrong_flags(flags: argparse.Namespace, lang: str) -> str:
    """Return what is wrong with the flags of ``new``, or "" if they are valid."""
    if not flags.articles.is_dir():
        return f"There is no articles folder {flags.articles}. Create it, or set --articles."
    if not flags.title.strip():
        return "The title is empty. Give the article a title."
    if not re.fullmatch(r"[\w-]+", flags.section):
        return f"--section {flags.section}: use letters, digits, dashes and underscores."
    return (
        ""
        if re.fullmatch(r"[a-z]{2,3}(-[A-Za-z]{2,4})?", lang)
        else f"--lang {lang} is not a language code, for example ja or en."
    )


def _template(name: str, title: str, kind: str, original: str) -> str:
    import json

    lines = [
        f"id: {name}",
        f"type: {kind}",
        f"title: {json.dumps(title, ensure_ascii=False)}",
        'summary: ""',
    ]
    lines += [f"translation_of: {json.dumps(original)}"] if original else []
    lines += [
        "tags: []",
        "questions: []   # other ways customers ask it, in their own words",
        "keywords: []    # searchable, not shown",
    ]
    lines += [
        "tests: []       # queries that must find this article first",
        "status: draft",
        f"updated: {date.today():%Y-%m-%d}",
    ]
    return "---\n" + "\n".join(lines) + "\n---\n\n"


def _check(flags: argparse.Namespace) -> int:
    from indexer.bundling.build_cache import BuildCache
    from indexer.checking.autofix import fix
    from indexer.collect import collect

    with tempfile.TemporaryDirectory() as folder:
        cache = BuildCache(Path(folder) / "check.sqlite")
        found = collect(flags.articles, cache, flags.timezone)
        if flags.fix:
            for line in fix(flags.articles, found.articles, found.problems):
                print(line)
            found = collect(flags.articles, cache, flags.timezone)
        cache.close()
    articles, problems = found.articles, found.problems
    if flags.search:
        problems = [*problems, *_search_tests(flags)]
    if flags.json:
        print(_json_report(articles, problems))
    else:
        _show(problems, everything=flags.all)
        print(_summary(articles, problems))
    return 1 if any(problem.severity == "error" or flags.strict for problem in problems) else 0


def _search_tests(flags: argparse.Namespace) -> list[Problem]:
    """Return a problem for each test query that does not rank its own article first."""
    from indexer.progress import Bar
    from indexer.query_tests import failed_tests

    return failed_tests(flags.articles, flags.data, _embedder(flags), flags.timezone, Bar())


def _answers(flags: argparse.Namespace) -> int:
    from indexer.answer_report import report_changes

    return report_changes(
        flags.articles,
        flags.data,
        _embedder(flags),
        flags.timezone,
        flags.files,
        flags.questions,
        flags.calibration,
    )


def _overlaps(flags: argparse.Namespace) -> int:
    from indexer.checking.overlap_report import report_overlaps

    report_overlaps(flags.data, _embedder(flags), as_json=flags.json)
    return 0


def _build(flags: argparse.Namespace) -> int:
    report = _run_build(flags)
    _print_report(report)
    return 1 if report.errors else 0


def _watch(flags: argparse.Namespace) -> int:
    from indexer.build import Paths, build
    from indexer.progress import Bar
    from indexer.reading.files import require_folder
    from indexer.watch import watch
    from search.embedding.loader import load_embedder

    embedder = load_embedder(flags.model, flags.data / "model", progress=Bar())
    paths = Paths(flags.articles, flags.data)

    def rebuild() -> BuildReport:
        return build(paths, embedder, flags.timezone, Bar())

    require_folder(flags.articles)
    print(f"Watching {flags.articles}. Press Ctrl-C to stop.")
    stop = threading.Event()
    try:
        watch(flags.articles, rebuild, _print_report, stop)
    finally:
        stop.set()
    return 0


def _run_build(flags: argparse.Namespace) -> BuildReport:
    from indexer.build import Paths, build
    from indexer.progress import Bar

    return build(Paths(flags.articles, flags.data), _embedder(flags), flags.timezone, Bar())


def _embedder(flags: argparse.Namespace) -> Embedder:
    """Return the model that the flags name.

    If it cannot be loaded, print the error and return a disabled embedder.
    """
    from indexer.progress import Bar
    from search.embedding.background import DisabledEmbedder
    from search.embedding.loader import load_embedder
    from search.errors import ModelError

    try:
        return load_embedder(flags.model, flags.data / "model", progress=Bar())
    except ModelError as error:
        print(f"{error}\nIndexing for keyword search only.", file=sys.stderr)
        return DisabledEmbedder()


def _print_report(report: BuildReport) -> None:
    _show(report.problems)
    state = "published" if report.published else "unchanged, still"
    time = f"{datetime.now():%H:%M:%S}"
    print(
        f"{time} {state} {report.version}: {report.articles} articles, {report.passages} passages, "
        f"{report.embedded} texts embedded, {report.seconds} s"
    )
    if report.degraded:
        print(f"This index has no vectors (keyword search only): {report.degraded}.")


def _show(problems: Sequence[Problem], *, everything: bool = False) -> None:
    from indexer.checking.summary import lines_of

    for line in lines_of(problems, everything=everything):
        print(line)


def _hidden(articles: Sequence[Article]) -> int:
    return sum(one.status != "published" or one.audience != "public" for one in articles)


def _json_report(articles: Sequence[Article], problems: Sequence[Problem]) -> str:
    """The report for programs: counts, kinds and every problem."""
    import json
    from dataclasses import asdict

    from indexer.checking.summary import grouped

    errors = sum(problem.severity == "error" for problem in problems)
    return json.dumps(
        {
            "articles": len(articles),
            "public": len(articles) - _hidden(articles),
            "errors": errors,
            "warnings": len(problems) - errors,
            "kinds": [
                {
                    "severity": group.severity,
                    "code": group.code,
                    "message": group.kind,
                    "problems": len(group.problems),
                    "files": group.files,
                }
                for group in grouped(problems)
            ],
            "problems": [asdict(problem) for problem in problems],
        },
        ensure_ascii=False,
        indent=1,
    )


def _summary(articles: Sequence[Article], problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    hidden = _hidden(articles)
    kept = f" ({hidden} of them not public)" if hidden else ""
    counts = f"{errors} errors, {len(problems) - errors} warnings"
    return f"{len(articles)} articles{kept}, {counts}"


if __name__ == "__main__":
    sys.exit(main())
