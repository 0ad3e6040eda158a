"""The GAN losses: each player's own loss, from the discriminator's logits."""

from minmax.registry import Registry

LOSSES = Registry(
    "loss",
    {
        "minimax": "minmax.losses.minimax:minimax",
        "nonsaturating": "minmax.losses.nonsaturating:nonsaturating",
        "wasserstein": "minmax.losses.wasserstein:wasserstein",
        "hinge": "minmax.losses.hinge:hinge",
        "least_squares": "minmax.losses.least_squares:least_squares",
        "fgan": "minmax.losses.fgan:fgan",
        "coulomb": "minmax.losses.coulomb:coulomb",
    },
)
get = LOSSES.build
