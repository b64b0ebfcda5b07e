"""Measures the desk's pages of a folder with many articles.

    python -m bench.desk [--articles 5000] [--json]

Writes recombined sample articles, builds them without a model, and reads the pages as a signed-in
lead (HTTP client in the process). Prints p50 and p95 in ms, and what one preview takes.
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from pathlib import Path

from bench.cases import signed_in, timed
from bench.footprint import write_articles
from kb_app.services.container import build_services
from kb_app.settings import load_settings


def measure(count: int, folder: Path) -> dict[str, object]:
    """Return the times of the pages by name."""
    flags = argparse.Namespace(beir=None, texts=None, dealt=count, articles=count)
    articles = folder / "articles"
    written = write_articles(articles, flags)
    settings = {"articles": articles, "data": folder / "var", "rate_limit": "off"}
    services = build_services(load_settings(**settings, embedding_model="off"))
    services.indexing.publish_build(services.indexing.rebuild())
    client = signed_in(services)
    name = next(articles.rglob("*.md")).relative_to(articles).as_posix()
    paths = {
        "today": "/desk/",
        "all articles": "/desk/articles",
        "by words": "/desk/articles?words=return",
        "by reads, last page": "/desk/articles?sort=views&page=50",
        "editor": f"/desk/edit?name={name}",
    }
    figures: dict[str, object] = {"articles": written}
    for label, path in paths.items():
        figures[label] = timed(lambda path=path: client.get(path).get_data())  # type: ignore[misc]
    page = client.get(paths["editor"]).get_data(as_text=True)
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    text = (articles / name).read_text(encoding="utf-8") + "\n[a](other.md)\n"
    form = {"name": name, "text": text, "do": "preview", "csrf_token": token and token.group(1)}
    figures["preview"] = timed(lambda: client.post("/desk/edit", data=form).get_data())
    return figures


def main() -> None:
    """Parse the flags, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--articles", type=int, default=5_000)
    parser.add_argument("--json", action="store_true")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(flags.articles, Path(folder))
    print(
        json.dumps(figures)
        if flags.json
        else "\n".join(f"{name:24s}{value}" for name, value in figures.items())
    )


if __name__ == "__main__":
    main()
