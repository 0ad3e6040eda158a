"""Looking at a game: surfaces, series, orbits, fields, spectra, samples.

``pip install minmax-sweeps[plots]`` brings matplotlib, which nothing else in this package needs:
``from minmax import plots``. Every function draws into the axes it is given, or into a new figure's, and returns them.

    >>> import minmax
    >>> from minmax import plots
    >>> plots.contour(minmax.games.get("bilinear")).get_xlabel()
    'x'
"""

try:
    import matplotlib  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "minmax.plots needs matplotlib, which the extra named plots brings: pip install 'minmax-sweeps[plots]'",
        name=error.name,
    ) from error

from minmax.plots.equilibria import MARKERS, mark_equilibria, three_fields
from minmax.plots.fields import quiver, stream
from minmax.plots.history import History, history, path
from minmax.plots.landscape import landscape
from minmax.plots.orbit import mark_solution, orbit
from minmax.plots.samples import densities, pictures, scatter
from minmax.plots.series import distance, series
from minmax.plots.spectrum import spectrum
from minmax.plots.style import STYLE, panels, styled
from minmax.plots.surface import contour, surface

__all__ = [
    "MARKERS",
    "STYLE",
    "History",
    "contour",
    "densities",
    "distance",
    "history",
    "landscape",
    "mark_equilibria",
    "mark_solution",
    "orbit",
    "panels",
    "path",
    "pictures",
    "quiver",
    "scatter",
    "series",
    "spectrum",
    "stream",
    "styled",
    "surface",
    "three_fields",
]
