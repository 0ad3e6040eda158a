"""The data sets."""

from minmax.registry import Registry

DATASETS = Registry(
    "data set",
    {
        "gaussians": "minmax.data.gaussians:gaussians",
        "digits01": "minmax.data.digits01:digits01",
        "mnist": "minmax.data.mnist:mnist",
        "mnist01": "minmax.data.mnist01:mnist01",
        "cifar10": "minmax.data.cifar10:cifar10",
        "folder": "minmax.data.folder:folder",
    },
)
get = DATASETS.build
