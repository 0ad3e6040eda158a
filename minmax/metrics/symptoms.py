"""All that a diagnosis looks at, in one metric."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minmax import tree
from minmax.games.gan import Gan
from minmax.metrics import discriminator, distance, diversity, eigenvalues, forgetting, gradients
from minmax.metrics.generated import covered, enough, reals, samples, shares
from minmax.types import Game, Goal, Metric, Players, Tree

if TYPE_CHECKING:
    from torch import Generator, Tensor

SMALL = 64
"""Up to so many parameters the eigenvalues are computed: as many reverse passes as there are."""

OUTPUTS = {
    **gradients.OUTPUTS,
    **eigenvalues.OUTPUTS,
    "distance": distance.OUTPUTS["distance"],
    **diversity.OUTPUTS,
    **discriminator.OUTPUTS,
    **forgetting.OUTPUTS,
    "placed": Goal("maximize", best=1.0, worst=0.0),
}


def symptoms(count: int = 256) -> Metric:
    """What ``minmax.diagnose`` looks at, as far as the game has it; cheap enough for every report.

    Of every game ``gradients``; ``distance``, where the solution is known; ``eigenvalues``, of at most 64 parameters.
    Of a GAN, from one set of ``count`` generated samples, ``diversity``, ``discriminator`` and, where the data set has
    modes or a classifier, ``forgetting`` and ``placed``, the share of samples in any mode or class.

    Raises:
        ValueError: a count below 2.
    """

    enough(count, 2)

    def measure(game: Game, players: Players, generator: Generator) -> Tree:
        seen = gradients.gradients().measure(game, players, generator)
        if isinstance(game, Gan):
            return {**seen, **_of_samples(game, players, generator, count)}
        if game.solution is not None:
            seen["distance"] = distance.distance().measure(game, players, generator)["distance"]
        if tree.flat(tree.parameters(players)).shape[1] <= SMALL:
            seen |= eigenvalues.eigenvalues().measure(game, players, generator)
        return seen

    return Metric(measure, OUTPUTS, recall)


def recall(seen: Tree, memory: Tree) -> tuple[dict[str, Tensor], Tree]:
    """As ``forgetting`` does, where there is something to forget."""
    outputs = {name: own for name, own in seen.items() if name != "covers"}
    if "covers" not in seen:
        return outputs, {}
    lost, memory = forgetting.recall(seen["covers"], memory)
    return outputs | lost, memory


def _of_samples(gan: Gan, players: Players, generator: Generator, count: int) -> Tree:
    made = samples(gan, players, generator, count)
    real = reals(gan.data.points, generator, count, made)
    seen = {
        "diversity": diversity.relative(made, real),
        **discriminator.accuracies(gan, players, made, generator),
    }
    share = shares(gan.data, made)
    return seen if share is None else {**seen, "covers": covered(share), "placed": 1 - share[:, -1]}
