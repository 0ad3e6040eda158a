"""The games."""

from minmax.registry import Registry

GAMES = Registry(
    "game",
    {
        "bilinear": "minmax.games.bilinear:bilinear",
        "gan": "minmax.games.gan:gan",
    },
)
get = GAMES.build
