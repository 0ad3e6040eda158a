"""Published claims, re-run: each says its source, its exact setting, and how it is judged."""

from sweeps.claims import fields, four_gaussians, mnist01, toys, xy

CLAIMS = {each.CLAIM.name: each.CLAIM for each in (xy, fields, toys, four_gaussians, mnist01)}
"""By name, in the order in which they are printed."""
