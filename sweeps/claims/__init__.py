"""Published claims, re-run: each says its source, its exact setting, and how it is judged."""

from sweeps.claims import (
    cifar10,
    fields,
    four_gaussians,
    locally_stable,
    mnist01,
    nested_critic,
    toys,
    ttur,
    two_time_scale,
    unrolled_optimistic,
    xy,
)

FILES = (
    xy, fields, toys, two_time_scale, locally_stable, nested_critic,
    four_gaussians, mnist01, unrolled_optimistic, ttur, cifar10,
)  # fmt: skip
CLAIMS = {each.CLAIM.name: each.CLAIM for each in FILES}
"""By name, in the order in which they are printed."""
