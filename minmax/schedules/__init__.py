"""The schedules: what a learning rate is multiplied by as a run goes on."""

from minmax.registry import Registry

SCHEDULES = Registry(
    "schedule",
    {
        "constant": "minmax.schedules.constant:constant",
        "linear": "minmax.schedules.linear:linear",
        "cosine": "minmax.schedules.cosine:cosine",
        "exponential": "minmax.schedules.exponential:exponential",
        "inverse_sqrt": "minmax.schedules.inverse_sqrt:inverse_sqrt",
        "step": "minmax.schedules.step:step",
        "warmup": "minmax.schedules.warmup:warmup",
    },
)
get = SCHEDULES.build
