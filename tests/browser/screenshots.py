"""The README's pictures and table, all of one run of the quick-start: ``screenshots.py SPEC``, from the root."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from conftest import CHROMIUM
from looking import Look
from PIL import Image, PngImagePlugin
from playwright.sync_api import sync_playwright
from terminal import moment, picture, said

WIDTH, HEIGHT = 1400, 1800
LAST = "Math.ceil(document.querySelector('#samples figure').getBoundingClientRect().bottom) + 8"
SHARE = 50  # percent of the work: searches end, confirmations run
SWEEPS = [sys.executable, "-m", "sweeps"]


class Pictures(NamedTuple):
    """What the README shows: the terminal while the sweep ran (SVG), the top of its report (PNG), its ranking."""

    live: str
    report: bytes
    table: str


def made(spec: Path) -> Pictures:
    """Runs a sweep and takes its pictures."""
    with TemporaryDirectory() as storage:
        shown = said([*SWEEPS, "run", str(spec), "--set", f"storage={storage}"])
        best = [*SWEEPS, "best", spec.stem, "--storage", storage]
        told = subprocess.run(best, check=True, capture_output=True, encoding="utf-8").stdout
        report = taken(Path(storage, spec.stem, "report.html"))
    return Pictures(picture(moment(shown, SHARE), f"sweeps run {spec}"), report, told.partition("\n\n\n")[0])


def taken(report: Path) -> bytes:
    """The report down to its first row of samples, as PNG whose description is the report's answer."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        seen = Look(context, report.resolve().as_uri())
        seen.read_through()
        seen.page.evaluate("document.querySelectorAll('#answer details').forEach((each) => { each.open = false; })")
        seen.settled()
        part = {"x": 0, "y": 0, "width": WIDTH, "height": seen.page.evaluate(LAST)}
        drawn, answer = bytes(seen.page.screenshot(clip=part)), seen.page.inner_text("h1")
        browser.close()
    if seen.complaints:
        raise SystemExit(f"{report}: the page complains: {'; '.join(seen.complaints)}")
    small, about = io.BytesIO(), PngImagePlugin.PngInfo()
    about.add_itxt("Description", answer)
    Image.open(io.BytesIO(drawn)).convert("RGB").save(small, "png", optimize=True, pnginfo=about)
    return small.getvalue()


def with_table(readme: str, table: str) -> str:
    """The README with another ranking in its first block of text."""
    return re.sub(r"(?<=^```text\n).*?(?=^```$)", lambda _: f"{table.rstrip()}\n", readme, count=1, flags=re.S | re.M)


if __name__ == "__main__":
    pictures = made(Path(sys.argv[1]))
    Path("docs/live.svg").write_text(pictures.live, encoding="utf-8")
    Path("docs/report.png").write_bytes(pictures.report)
    readme = Path("README.md")
    readme.write_text(with_table(readme.read_text(encoding="utf-8"), pictures.table), encoding="utf-8")
