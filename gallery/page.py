"""The page that says what each figure shows, and the pictures on it."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import matplotlib
from PIL import Image

from gallery.plates import Plate
from minmax.plots.style import STYLE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEAD = """# Gallery

What the literature of games and GANs draws, drawn by this package. `make gallery` makes all of it again, `python -m
gallery NAME` one figure. Numbers in the captions are computed while drawing. x or the generator minimises f, y or the
discriminator maximises it, and arrows show the motion −F. The lines of Python begin with

```python
import minmax, torch
from minmax import field, plots
from gallery.plates import play
```
"""
COLOURS = 256


def picture(figure: Figure) -> bytes:
    """A PNG of few colours and without a date: the same drawing gives the same bytes."""
    drawn = io.BytesIO()
    with matplotlib.rc_context(STYLE):
        figure.savefig(drawn, format="png")
    paper = Image.open(drawn).convert("RGB").quantize(COLOURS, kmeans=1, dither=Image.Dither.NONE)
    out = io.BytesIO()
    paper.save(out, "png", optimize=True)
    return out.getvalue()


def page(themes: Mapping[str, list[Plate]], captions: Mapping[str, str]) -> str:
    """The page: a heading a theme, and for each figure drawn so far its title, picture, caption, source and code."""
    parts = [HEAD, "\n".join(f"- [{theme}](#{_anchor(theme)})" for theme in themes) + "\n"]
    for theme, plates in themes.items():
        parts.append(f"## {theme}\n")
        parts += [_entry(plate, captions[plate.name]) for plate in plates if plate.name in captions]
    return "\n".join(parts)


def captions_of(text: str) -> dict[str, str]:
    """Name -> caption, read back from a page."""
    return dict(re.findall(r"^!\[.*?\]\((\w+)\.png\)\n\n(.+)$", text, flags=re.MULTILINE))


def write(folder: Path, name: str, figure: Figure) -> None:
    """The picture of one figure."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(picture(figure))


def _entry(plate: Plate, caption: str) -> str:
    shown = f"![{plate.title}]({plate.name}.png)\n\n{caption}"
    language = "sh" if plate.code.startswith("python -m") else "python"
    code = f"```{language}\n{plate.code}\n```"
    return f"### {plate.title}\n\n{shown}\n\nIllustrates: {plate.source}.\n\n{code}\n"


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")
