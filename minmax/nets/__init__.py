"""The networks: pairs of a generator and a discriminator."""

from minmax.registry import Registry

NETS = Registry(
    "net",
    {
        "mlp": "minmax.nets.mlp:mlp",
    },
)
get = NETS.build
