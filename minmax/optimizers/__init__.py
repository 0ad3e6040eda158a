"""The optimizers: update rules for two players, built over a transform.

A file each. What they share: ``play`` (directions and moves), ``ascent`` (the second player's answer), ``cgls`` (linear
systems).
"""

from minmax.registry import Registry

OPTIMIZERS = Registry(
    "optimizer",
    {
        "gda": "minmax.optimizers.gda:gda",
        "alternating_gda": "minmax.optimizers.alternating_gda:alternating_gda",
        "nested": "minmax.optimizers.nested:nested",
        "optimistic": "minmax.optimizers.optimistic:optimistic",
        "past_extragradient": "minmax.optimizers.past_extragradient:past_extragradient",
        "extragradient": "minmax.optimizers.extragradient:extragradient",
        "proximal": "minmax.optimizers.proximal:proximal",
        "lookahead": "minmax.optimizers.lookahead:lookahead",
        "consensus": "minmax.optimizers.consensus:consensus",
        "sga": "minmax.optimizers.sga:sga",
        "competitive": "minmax.optimizers.competitive:competitive",
        "unrolled": "minmax.optimizers.unrolled:unrolled",
        "gradient_regularized": "minmax.optimizers.gradient_regularized:gradient_regularized",
        "accept_reject": "minmax.optimizers.accept_reject:accept_reject",
    },
)
get = OPTIMIZERS.build
