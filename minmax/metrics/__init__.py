"""The metrics: what is measured on the players at a report, one value a member."""

from minmax.registry import Registry

METRICS = Registry(
    "metric",
    {
        "modes": "minmax.metrics.modes:modes",
        "digits": "minmax.metrics.digits:digits",
        "frechet": "minmax.metrics.frechet:frechet",
        "gradients": "minmax.metrics.gradients:gradients",
        "distance": "minmax.metrics.distance:distance",
    },
)
get = METRICS.build
