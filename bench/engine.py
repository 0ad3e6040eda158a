"""How fast a population trains, against the loop that people write: ``python -m bench.engine``.

The same algorithm on the same networks with the same draws a step: alternating gradient descent-ascent with Adam, a
generator 16 → 64 → 64 → 2 and a discriminator 2 → 64 → 64 → 1, 64 real points and 64 latent vectors of float32.

* ordinary: two ``nn.Module``, two ``torch.optim.Adam``, one seed after another;
* minmax: M seeds as the members of one ``minmax.train``.

Both run on one thread of this process, and in turns, since a shared machine's speed drifts: a ratio compares a turn of
minmax with the ordinary loop's turns right before and after it. Printed are medians over the rounds.
"""

from __future__ import annotations

import platform
import statistics
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import nn

import minmax

LATENT, WIDTHS, BATCH, LEARNING_RATE, BETAS = 16, (64, 64), 64, 1e-3, (0.5, 0.999)
MEMBERS = (1, 8, 32, 128)
TARGETS = {1: 1.0, 32: 5.0}
"""At least so many times the ordinary loop's members·steps per second, by member count."""


class Row(NamedTuple):
    """One member count: members·steps per second of both loops, and how many times faster minmax is."""

    members: int
    ordinary: float
    minmax: float
    ratio: float


def ordinary(points: torch.Tensor, seed: int) -> Iterator[None]:
    """The ordinary GAN loop, a step an item."""
    torch.manual_seed(seed)
    generator, discriminator = _layers(LATENT, *WIDTHS, 2), _layers(2, *WIDTHS, 1)
    generator_optimizer = torch.optim.Adam(generator.parameters(), lr=LEARNING_RATE, betas=BETAS)
    discriminator_optimizer = torch.optim.Adam(discriminator.parameters(), lr=LEARNING_RATE, betas=BETAS)
    softplus = nn.functional.softplus
    while True:
        real = points[torch.randint(len(points), (BATCH,))]
        latent = torch.randn(BATCH, LATENT)

        generator_optimizer.zero_grad()
        generator_loss = softplus(-discriminator(generator(latent))).mean()
        generator_loss.backward()
        generator_optimizer.step()

        discriminator_optimizer.zero_grad()
        fake = generator(latent).detach()
        discriminator_loss = softplus(-discriminator(real)).mean() + softplus(discriminator(fake)).mean()
        discriminator_loss.backward()
        discriminator_optimizer.step()
        yield


def population(points: torch.Tensor, members: int, stride: int) -> Iterator[None]:
    """The same training of ``members`` seeds side by side, ``stride`` steps an item."""
    game = minmax.gan(data=points, net={"name": "mlp", "widths": WIDTHS}, latent=LATENT, batch=BATCH)
    optimizer = minmax.optimizers.get("alternating_gda", transform="adam")
    hypers = {"lr": LEARNING_RATE, "beta1": BETAS[0], "beta2": BETAS[1]}
    run = minmax.train(game, optimizer, hypers, range(members), steps=10**6, report_every=stride, device="cpu")
    return (None for _ in run)


def measure(rounds: int, turn: float = 0.3) -> list[Row]:
    """Times both loops in turns of about ``turn`` seconds each."""
    points = minmax.data.get("gaussians").points
    loop = ordinary(points, seed=0)
    seconds_a_step = _seconds(loop, 200) / 200  # a first guess, and a warm-up
    rows = []
    for members in MEMBERS:
        stride = max(1, int(turn / (seconds_a_step * (0.6 + 0.12 * members))))  # about as long as the ordinary turn
        crowd, length = population(points, members, stride), max(1, int(turn / seconds_a_step))
        next(crowd)
        before, turns = _seconds(loop, length) / length, []
        for _ in range(rounds):
            ours = _seconds(crowd, 1) / (stride * members)
            after = _seconds(loop, length) / length
            turns.append(((before + after) / 2, ours))
            before = after
        theirs, ours, ratio = (
            statistics.median(values) for values in zip(*((t, o, t / o) for t, o in turns), strict=True)
        )
        rows.append(Row(members, 1 / theirs, 1 / ours, ratio))
    return rows


def table(rows: list[Row], rounds: int) -> str:
    """What is printed."""
    nets = f"{LATENT}→{'→'.join(map(str, WIDTHS))}→2 and 2→{'→'.join(map(str, WIDTHS))}→1"
    lines = [
        f"alternating_gda with adam, mlp {nets}, batch {BATCH}, {torch.get_default_dtype()}, cpu",
        f"threads {torch.get_num_threads()}, torch {torch.__version__}, Python {platform.python_version()}, "
        f"{platform.machine()}, medians of {rounds} rounds",
        "",
        "              members·steps per second",
        "members     ordinary      minmax     ratio    target",
    ]
    for row in rows:
        target = f"≥ {TARGETS[row.members]:g}" if row.members in TARGETS else ""
        lines.append(f"{row.members:7d} {row.ordinary:12.0f} {row.minmax:11.0f} {row.ratio:8.2f}× {target:>9}")
    return "\n".join(lines)


def main() -> int:
    """Prints the table; 1 if a target was missed."""
    parser = ArgumentParser(prog="python -m bench.engine", description="members·steps per second, ours and ordinary")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each loop for each member count")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rows = measure(rounds)
    print(table(rows, rounds))
    missed = [row for row in rows if row.ratio < TARGETS.get(row.members, 0.0)]
    for row in missed:
        print(f"missed: {row.ratio:.2f}× with {row.members} members, {TARGETS[row.members]:g}× is the target")
    return 1 if missed else 0


def _seconds(steps: Iterator[None], count: int) -> float:
    began = time.perf_counter()
    for _ in range(count):
        next(steps)
    return time.perf_counter() - began


def _layers(*widths: int) -> nn.Module:
    layers: list[nn.Module] = []
    for size, out in pairwise(widths):
        layers += [nn.Linear(size, out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


if __name__ == "__main__":
    sys.exit(main())
