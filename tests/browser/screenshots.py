"""The README's picture of the report, as `make screenshots` takes it: ``screenshots.py REPORT PICTURE``."""

from __future__ import annotations

import io
import sys
from pathlib import Path

from conftest import CHROMIUM
from looking import Look
from PIL import Image
from playwright.sync_api import sync_playwright

WIDTH, HEIGHT = 1100, 1400  # the answer, its table, and the samples below


def taken(report: Path) -> bytes:
    """The report's top as PNG, the samples at their last step."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        seen = Look(context, report.resolve().as_uri())
        seen.read_through()
        seen.page.evaluate("document.querySelectorAll('#answer details').forEach((each) => { each.open = false; })")
        seen.settled()
        picture = bytes(seen.page.screenshot())
        browser.close()
    if seen.complaints:
        raise SystemExit(f"{report}: the page complains: {'; '.join(seen.complaints)}")
    small = io.BytesIO()
    Image.open(io.BytesIO(picture)).convert("RGB").save(small, "png", optimize=True)
    return small.getvalue()


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(taken(Path(sys.argv[1])))
