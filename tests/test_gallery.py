"""The gallery: page, pictures and registry agree, its lines of code run, and all of it can be drawn again."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch
from PIL import Image

import minmax
from gallery.__main__ import FOLDER, draw, main
from gallery.page import captions_of, page, picture
from gallery.plates import play
from gallery.registry import FIGURES, THEMES
from minmax import field, plots

TEXT = (FOLDER / "README.md").read_text(encoding="utf-8")
CODE = {name: plate.code for name, plate in FIGURES.items() if not plate.code.startswith("python -m")}
TRAINED = {"convergence", "mode_oscillation", "gaussians", "digits", "shares"}


def test_the_page_shows_every_figure_once_and_no_other() -> None:
    assert re.findall(r"\]\((\w+)\.png\)", TEXT) == list(FIGURES)
    assert {path.stem for path in FOLDER.glob("*.png")} == set(FIGURES)
    assert len(FIGURES) == sum(map(len, THEMES.values())), "a name is used once"
    assert page(THEMES, captions_of(TEXT)) == TEXT


@pytest.mark.parametrize("name", FIGURES)
def test_pictures_fit_the_page(name: str) -> None:
    with Image.open(FOLDER / f"{name}.png") as shown:
        assert shown.format == "PNG" and 350 <= shown.width <= 1600
        assert "Software" not in shown.info


def test_the_gallery_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 4e6


@pytest.mark.parametrize("name", CODE)
def test_the_line_of_code_runs(name: str) -> None:
    scope = {"minmax": minmax, "torch": torch, "plots": plots, "field": field, "play": play}
    assert eval(CODE[name], scope) is not None


def test_a_figure_drawn_twice_is_the_same_to_the_byte() -> None:
    first, second = (FIGURES["outward"].draw() for _ in range(2))
    assert first[1] == second[1] == captions_of(TEXT)["outward"]
    assert picture(first[0]) == picture(second[0])


def test_an_unknown_figure_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["outwards", "--folder", str(tmp_path)])
    assert "outwards: no such figure; known: three_sides" in capsys.readouterr().err


@pytest.mark.slow
def test_everything_is_drawn_again(tmp_path: Path) -> None:
    """Captions without training come out the same; a GAN's numbers may differ where the processor rounds otherwise."""
    draw(list(FIGURES), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in FOLDER.iterdir()}
    again, before = captions_of((tmp_path / "README.md").read_text(encoding="utf-8")), captions_of(TEXT)
    assert {name: text for name, text in again.items() if name not in TRAINED} == {
        name: text for name, text in before.items() if name not in TRAINED
    }
