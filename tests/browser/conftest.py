"""What the tests in a browser share: Debian's Chromium, a real sweep that has finished, and MLflow's server over it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from looking import Look, Open
from serving import served
from sweeping import Left, begun

from sweeps.run.driver import carry_on
from sweeps.show.report.page import render
from sweeps.show.view import SweepView

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SPEC = """
name: seen
game: {data: {name: gaussians, modes: 8, std: 0.1, count: 500}, net: {name: mlp, widths: [16]}, batch: 16, latent: 4}
length: 200
seeds: 2
optimizers: [alternating_gda, optimistic, consensus, accept_reject]
trials: 4
space: {lr: {log: [1.0e-3, 1.0e-1]}}
objective: {maximize: mean.modes}
report_every: 20
search: {pruner: none}
confirm: {seeds: 8}
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for all tests; skips where none is installed, and says how one gets it."""
    if CHROMIUM is None:
        pytest.skip("no Chromium: `make test-browser` installs Debian's as root")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright: `pip install -e .[browser]`")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield chromium
        chromium.close()


@pytest.fixture
def look(browser: Any) -> Iterator[Callable[..., Look]]:
    """Opens an address in a window of a width and a scheme of colours; a test ends with no complaint of any page."""
    opened: list[Look] = []

    def open_page(address: str, width: int = 1400, scheme: str = "light", quiet: tuple[str, ...] = ()) -> Look:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        opened.append(Look(context, address, quiet))
        return opened[-1]

    yield open_page
    complaints = [each for one in opened for each in one.complaints]
    for one in opened:
        one.context.close()
    assert complaints == []


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Left:
    """A small sweep of four arms, driven to its end and followed by MLflow; kept between runs where the environment
    says so."""
    kept = os.environ.get("SWEEPS_TEST_SEEN")
    storage = Path(kept) if kept else tmp_path_factory.mktemp("seen")
    if not (storage / "seen" / "report.html").exists():
        carry_on(begun(storage, SPEC), serial=True)
    return Left(storage, "seen")


@pytest.fixture(scope="session")
def mlflow(finished: Left) -> Iterator[str]:
    """The address of MLflow's own server over the sweep's store."""
    with served(finished.storage) as address:
        yield address


@pytest.fixture
def report(finished: Left) -> str:
    return (finished.folder / "report.html").as_uri()


@pytest.fixture
def shown(tmp_path: Path, look: Open) -> Callable[..., Look]:
    """Opens the page of a view."""

    def show(view: SweepView, *screen: Any) -> Look:
        (tmp_path / "report.html").write_text(render(view), encoding="utf-8")
        return look((tmp_path / "report.html").as_uri(), *screen)

    return show
