"""``python -m indexer new|build|check|watch``: flags in, one call each, problems as lines an editor can jump to."""

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
from indexer.model import BuildReport, Problem
from search.errors import SearchError
from search.ports import Embedder


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 all well, 1 something to mend, 2 nothing could be done."""
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
        prog="python -m indexer", description="Makes, checks and indexes articles."
    )
    commands = parser.add_subparsers(required=True, metavar="new|build|check|watch")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--articles",
        type=Path,
        default=Path("articles"),
        help="the articles folder (default: articles)",
    )
    common.add_argument(
        "--timezone",
        type=_zone,
        default=UTC,
        help="of times without one in front matter (default: UTC)",
    )
    indexing = argparse.ArgumentParser(add_help=False)
    indexing.add_argument(
        "--data",
        type=Path,
        default=Path("var"),
        help="where index, cache and model lie (default: var)",
    )
    indexing.add_argument(
        "--model",
        default="",
        help="a sentence-transformers id or path, or off (default: the bundled model)",
    )
    new = commands.add_parser("new", parents=[common], help="make an article with its front matter")
    new.add_argument("title")
    new.add_argument("--lang", help="ja, en ... (default: the title's)")
    new.add_argument("--section", default="general")
    new.add_argument("--type", default="faq", choices=("faq", "guide", "paper", "case", "notice"))
    new.add_argument(
        "--translation-of",
        default="",
        metavar="ID",
        help="the id of the article that this one translates",
    )
    new.set_defaults(run=_new)
    check = commands.add_parser(
        "check", parents=[common, indexing], help="find what is wrong with the articles"
    )
    check.add_argument(
        "--fix",
        action="store_true",
        help="mend what is safe to mend: missing ids, links to moved articles",
    )
    check.add_argument("--strict", action="store_true", help="warnings count too")
    check.add_argument(
        "--search",
        action="store_true",
        help="index the articles aside and run every article's tests: queries",
    )
    check.set_defaults(run=_check)
    build = commands.add_parser("build", parents=[common, indexing], help="index the articles")
    build.set_defaults(run=_build)
    watching = commands.add_parser(
        "watch", parents=[common, indexing], help="index again at every save"
    )
    watching.set_defaults(run=_watch)
    return parser


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise argparse.ArgumentTypeError(
            f"{name} is no time zone; for example Asia/Tokyo"
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
            f"{path} is there already; give the article another title, or edit that one.",
            file=sys.stderr,
        )
        return 2
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, _template(new_id(), flags.title, flags.type, flags.translation_of))
    print(path)
    return 0


def _wrong_flags(flags: argparse.Namespace, lang: str) -> str:
    """What is wrong with the flags of ``new``; "" where nothing is."""
    if not flags.articles.is_dir():
        return f"There is no articles folder {flags.articles}. Make it, or give --articles."
    if not flags.title.strip():
        return "An article needs a title."
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
        "keywords: []    # found, not shown",
    ]
    lines += [
        "tests: []       # queries that must find this article first",
        "status: draft",
        f"updated: {date.today():%Y-%m-%d}",
    ]
    return "---\n" + "\n".join(lines) + "\n---\n\n"


def _check(flags: argparse.Namespace) -> int:
    from indexer.build import collect
    from indexer.bundling.build_cache import BuildCache
    from indexer.checking.autofix import fix

    with tempfile.TemporaryDirectory() as folder:
        cache = BuildCache(Path(folder) / "check.sqlite")
        articles, problems, _ = collect(flags.articles, cache, flags.timezone)
        if flags.fix:
            for line in fix(flags.articles, articles, problems):
                print(line)
            articles, problems, _ = collect(flags.articles, cache, flags.timezone)
        cache.close()
    if flags.search:
        problems = [*problems, *_search_tests(flags)]
    _show(problems)
    print(_summary(len(articles), problems))
    return 1 if any(problem.severity == "error" or flags.strict for problem in problems) else 0


def _search_tests(flags: argparse.Namespace) -> list[Problem]:
    """Articles that their own tests do not find first."""
    from indexer.progress import Bar
    from indexer.query_tests import failed_tests

    return failed_tests(flags.articles, flags.data, _embedder(flags), flags.timezone, Bar())


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
    print(f"Watching {flags.articles}; Ctrl-C ends it.")
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
    """The model that the flags name; none where it cannot be had, which is said."""
    from indexer.progress import Bar
    from search.embedding.background import DisabledEmbedder
    from search.embedding.loader import load_embedder
    from search.errors import ModelError

    try:
        return load_embedder(flags.model, flags.data / "model", progress=Bar())
    except ModelError as error:
        print(f"{error}\nIndexing for keyword search alone.", file=sys.stderr)
        return DisabledEmbedder()


def _print_report(report: BuildReport) -> None:
    _show(report.problems)
    done = "published" if report.published else "unchanged, still"
    at = f"{datetime.now():%H:%M:%S}"
    print(
        f"{at} {done} {report.version}: {report.articles} articles, {report.passages} passages, {report.embedded} texts embedded, {report.seconds} s"
    )
    if report.degraded:
        print(f"Search by meaning is out in this index: {report.degraded}.")


def _show(problems: Sequence[Problem]) -> None:
    for problem in problems:
        print(problem)


def _summary(articles: int, problems: Sequence[Problem]) -> str:
    errors = sum(problem.severity == "error" for problem in problems)
    return f"{articles} articles, {errors} errors, {len(problems) - errors} warnings"


if __name__ == "__main__":
    sys.exit(main())
