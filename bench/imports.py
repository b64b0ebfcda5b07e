"""Measures what imports of a made-up help centre lose, and how long they take.

    python -m bench.imports [--entries 1000] [--vendor zendesk ...]

tests/vendors has the vendors' published shapes, written apart from the importers. Lost counts every
mapped field of every text that is not as it was: title, words of the body, labels, status,
audience, votes, dates, author, translations, pictures, files, and old addresses that do not lead
to it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from kb_app.transfer.importer import Importer
from kb_app.transfer.state import ImportState
from tests.integration.kb_app.test_import import APIS, EXPORTS, address
from tests.vendors.comparison import losses
from tests.vendors.content import HelpCentre, help_centre


def main() -> None:
    """Parse the flags, import and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--entries", type=int, default=1_000)
    parser.add_argument("--vendor", nargs="*", default=[*APIS, *EXPORTS])
    flags = parser.parse_args()
    centre = help_centre(flags.entries)
    print("| vendor | texts | pictures, files | requests | s | again, s | written again | lost |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for vendor in flags.vendor:
        with tempfile.TemporaryDirectory() as folder:
            print(row(vendor, centre, Path(folder)), flush=True)


def row(vendor: str, centre: HelpCentre, work: Path) -> str:
    """One line of the table."""
    articles, state = work / "articles", ImportState()
    articles.mkdir()
    is_api = vendor in APIS
    with APIS[vendor][0].serve(centre) if is_api else nullcontext() as url:  # type: ignore[attr-defined]
        started = time.perf_counter()
        source = (
            APIS[vendor][1](str(url), work / "kept")
            if is_api
            else EXPORTS[vendor](centre, work / "export")
        )
        first = Importer(articles, source, state).run(lambda *_: None)
        took = time.perf_counter() - started
        asked = url.total if url is not None else 0
        started = time.perf_counter()
        again = Importer(articles, source, state).run(lambda *_: None)
        second = time.perf_counter() - started
        known = url.addresses if url is not None else _addresses(vendor, centre)
        lost = losses(vendor, centre, articles, known)
    for one in lost[:3]:
        print(one)
    return (
        f"| {vendor} | {first.written} | {first.files} | {asked} | {took:.1f} | {second:.1f} | "
        f"{again.written} | {len(lost)} |"
    )


def _addresses(vendor: str, centre: HelpCentre) -> dict[str, str]:
    return {
        f"{entry.key}/{text.lang}": address(vendor, centre, entry.key, text.lang)
        for entry in centre.entries
        for text in entry.texts
    }


if __name__ == "__main__":
    main()
