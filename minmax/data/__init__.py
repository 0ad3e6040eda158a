"""The data sets."""

from minmax.registry import Registry

DATASETS = Registry(
    "data set",
    {
        "gaussians": "minmax.data.gaussians:gaussians",
        "digits01": "minmax.data.digits01:digits01",
    },
)
get = DATASETS.build
