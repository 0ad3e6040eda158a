"""The metrics: what is measured on the players at a report, one value a member."""

from minmax.registry import Registry

METRICS = Registry(
    "metric",
    {
        "modes": "minmax.metrics.modes:modes",
        "digits": "minmax.metrics.digits:digits",
        "classes": "minmax.metrics.classes:classes",
        "frechet": "minmax.metrics.frechet:frechet",
        "kid": "minmax.metrics.kid:kid",
        "precision_recall": "minmax.metrics.precision_recall:precision_recall",
        "diversity": "minmax.metrics.diversity:diversity",
        "forgetting": "minmax.metrics.forgetting:forgetting",
        "discriminator": "minmax.metrics.discriminator:discriminator",
        "gradients": "minmax.metrics.gradients:gradients",
        "eigenvalues": "minmax.metrics.eigenvalues:eigenvalues",
        "distance": "minmax.metrics.distance:distance",
        "symptoms": "minmax.metrics.symptoms:symptoms",
    },
)
get = METRICS.build
