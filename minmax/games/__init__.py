"""The games."""

from minmax.registry import Registry

GAMES = Registry(
    "game",
    {
        "bilinear": "minmax.games.bilinear:bilinear",
        "cos_sin": "minmax.games.cos_sin:cos_sin",
        "curl": "minmax.games.curl:curl",
        "f1": "minmax.games.accept_reject_toys:f1",
        "f2": "minmax.games.accept_reject_toys:f2",
        "f3": "minmax.games.accept_reject_toys:f3",
        "gan": "minmax.games.gan:gan",
        "quadratic": "minmax.games.quadratic:quadratic",
        "xy": "minmax.games.xy:xy",
    },
)
get = GAMES.build
