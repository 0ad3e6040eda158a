"""The penalties: what a discriminator pays for being steep."""

from minmax.registry import Registry

PENALTIES = Registry(
    "penalty",
    {
        "r1": "minmax.losses.penalties.r1:r1",
        "r2": "minmax.losses.penalties.r2:r2",
        "gradient_penalty": "minmax.losses.penalties.gradient_penalty:gradient_penalty",
    },
)
get = PENALTIES.build
