"""The transforms: how a gradient becomes a direction."""

from minmax.registry import Registry

TRANSFORMS = Registry(
    "transform",
    {
        "sgd": "minmax.transforms.sgd:sgd",
        "momentum": "minmax.transforms.momentum:momentum",
        "rmsprop": "minmax.transforms.rmsprop:rmsprop",
        "adam": "minmax.transforms.adam:adam",
    },
)
get = TRANSFORMS.build
