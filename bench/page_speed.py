"""How soon a page is there on a slow phone: the measures of Lighthouse, by Chromium itself.

    python -m bench.page_speed URL [--paths /ja/ ...] [--runs 5]

Each page is opened on a screen of 390 x 844 pixels with the processor slowed down four times: first
and largest contentful paint in ms, the sum of layout shifts, the time that long tasks block, and
the bytes that came over the network. Printed are medians.
"""

from __future__ import annotations

import argparse
import shutil
from statistics import median
from typing import Any

from playwright.sync_api import Browser, sync_playwright

PERSON = "Mozilla/5.0 (Linux; Android 15) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"
PATHS = ("/ja/", "/ja/search?q=返品したい", "/ja/articles/返品", "/en/")
SLOWER = 4
_WATCH = """
window.seen = {lcp: 0, cls: 0, blocked: 0};
new PerformanceObserver(list => { for (const one of list.getEntries()) seen.lcp = one.startTime; })
  .observe({type: 'largest-contentful-paint', buffered: true});
new PerformanceObserver(list => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) seen.cls += one.value;
}).observe({type: 'layout-shift', buffered: true});
new PerformanceObserver(list => {
  for (const one of list.getEntries()) seen.blocked += Math.max(0, one.duration - 50);
}).observe({type: 'longtask', buffered: true});
"""


def measured(browser: Browser, url: str) -> dict[str, float]:
    """One visit with empty caches."""
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, locale="ja-JP", user_agent=PERSON
    )
    page = context.new_page()
    page.add_init_script(_WATCH)
    session = context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    session.send("Network.enable")
    received: list[float] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    page.goto(url, wait_until="load")
    page.wait_for_timeout(1_500)
    seen: dict[str, Any] = page.evaluate("window.seen")
    paints = page.evaluate(
        "performance.getEntriesByType('paint').map(one => [one.name, one.startTime])"
    )
    context.close()
    return {
        "FCP ms": dict(paints).get("first-contentful-paint", 0.0),
        "LCP ms": seen["lcp"],
        "CLS": seen["cls"],
        "TBT ms": seen["blocked"],
        "KB": sum(received) / 1024,
        "requests": len(received),
    }


def main() -> None:
    """Parse the flags, visit and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("url")
    parser.add_argument("--paths", nargs="+", default=PATHS)
    parser.add_argument("--runs", type=int, default=5)
    flags = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        names = ("FCP ms", "LCP ms", "CLS", "TBT ms", "KB", "requests")
        print("| page |", " | ".join(names), "|")
        print("| --- |", " | ".join("---" for _ in names), "|")
        for path in flags.paths:
            runs = [measured(browser, flags.url.rstrip("/") + path) for _ in range(flags.runs)]
            cells = (median(run[name] for run in runs) for name in names)
            shown = (
                f"{cell:.3f}" if name == "CLS" else f"{cell:.0f}"
                for name, cell in zip(names, cells, strict=True)
            )
            print(f"| {path} |", " | ".join(shown), "|")
        browser.close()


if __name__ == "__main__":
    main()
