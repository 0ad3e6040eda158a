"""The optimizers: update rules for two players, built over a transform."""

from minmax.registry import Registry

OPTIMIZERS = Registry(
    "optimizer",
    {
        "gda": "minmax.optimizers.gda:gda",
        "alternating_gda": "minmax.optimizers.alternating_gda:alternating_gda",
        "optimistic": "minmax.optimizers.optimistic:optimistic",
        "extragradient": "minmax.optimizers.extragradient:extragradient",
        "consensus": "minmax.optimizers.consensus:consensus",
        "accept_reject": "minmax.optimizers.accept_reject:accept_reject",
    },
)
get = OPTIMIZERS.build
