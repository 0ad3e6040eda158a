"""Faults of released code that the games here must not have."""

from __future__ import annotations

import pytest
import torch

import minmax
from minmax import field, tree
from minmax.types import Game, Players

AT = {"theta": torch.tensor([0.8]).double(), "psi": torch.tensor([-1.3]).double()}


def check_consensus_gradient(game: Game) -> None:
    """What consensus adds to the Dirac-GAN at (0.8, −1.3) is ∇½‖F‖² = (0.8685, −0.9754)."""
    plain = field.field(minmax.games.get("dirac_gan"), AT, {})
    added = tree.flat(tree.add(field.field(game, AT, {}), plain, -1.0))[0]
    torch.testing.assert_close(added, torch.tensor([0.8685, -0.9754]).double(), rtol=0, atol=5e-5)


def halved() -> Game:
    """With the spurious ½ on the second term of both components, as released."""

    def faulty(players: Players, batch: object) -> Players:
        theta, psi = players["theta"], players["psi"]
        s, r = torch.sigmoid(-theta * psi), theta**2 + psi**2
        return {
            "theta": psi * s + theta * s**2 - 0.5 * r * psi * s**2 * (1 - s),
            "psi": -theta * s + psi * s**2 - 0.5 * r * theta * s**2 * (1 - s),
        }

    return minmax.Game(minmax.games.get("dirac_gan").init, field=faulty, native=True)


def test_the_dirac_gan_of_consensus_has_no_spurious_half() -> None:
    check_consensus_gradient(minmax.games.get("dirac_gan", "consensus"))


def test_a_spurious_half_is_noticed() -> None:
    added = tree.flat(tree.add(halved().field(AT, {}), field.field(minmax.games.get("dirac_gan"), AT, {}), -1.0))
    torch.testing.assert_close(added[0], torch.tensor([0.6526, -0.8425]).double(), rtol=0, atol=5e-5)
    with pytest.raises(AssertionError):
        check_consensus_gradient(halved())


def test_the_variant_is_the_optimizer() -> None:
    """The variant ``consensus`` under gda steps as the original GAN under the optimizer ``consensus``."""
    settings = {"steps": 10, "dtype": "float64", "device": "cpu"}
    *_, one = minmax.train(
        minmax.games.get("dirac_gan", "consensus", gamma=0.6), minmax.optimizers.get("gda"), {"lr": 0.2}, **settings
    )
    *_, other = minmax.train(
        minmax.games.get("dirac_gan"), minmax.optimizers.get("consensus"), {"lr": 0.2, "gamma": 0.6}, **settings
    )
    torch.testing.assert_close(one.players, other.players, rtol=1e-12, atol=1e-14)
