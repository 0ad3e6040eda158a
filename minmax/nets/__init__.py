"""The networks: pairs of a generator and a discriminator."""

from minmax.registry import Registry

NETS = Registry(
    "net",
    {
        "mlp": "minmax.nets.mlp:mlp",
        "mnist_mlp": "minmax.nets.mnist_mlp:mnist_mlp",
        "dcgan": "minmax.nets.dcgan:dcgan",
        "cifar_paper": "minmax.nets.cifar_paper:cifar_paper",
        "resnet": "minmax.nets.resnet:resnet",
    },
)
get = NETS.build
