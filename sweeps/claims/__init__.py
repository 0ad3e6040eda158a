"""Published claims, re-run: each says its source, its exact setting, and how it is judged."""

from sweeps.claims import (
    cifar10,
    cifar10_whole,
    fields,
    four_gaussians,
    locally_stable,
    mnist01,
    nested_critic,
    toys,
    ttur,
    tuned_gaussians,
    two_time_scale,
    unrolled_digits,
    unrolled_optimistic,
    xy,
)

FILES = (
    xy, fields, toys, two_time_scale, locally_stable, nested_critic,
    four_gaussians, tuned_gaussians, mnist01, unrolled_optimistic, unrolled_digits, ttur, cifar10, cifar10_whole,
)  # fmt: skip
CLAIMS = {each.CLAIM.name: each.CLAIM for each in FILES}
"""By name, in the order in which they are printed."""
