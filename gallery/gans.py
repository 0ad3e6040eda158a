"""GANs while they train: how it should go, and how modes come and go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import torch

import minmax
from gallery.plates import CHALLENGES, PRACTICE, Drawn, Plate
from minmax import plots
from minmax.games.gan import Gan
from minmax.plots.style import BLUE, GREEN, GREY, ORANGE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from minmax.types import Players

MOMENTS = (100, 300, 500, 750, 1000, 1500)
EARLY = (50, 150, 300, 450, 750, 1500)  # for digits, where most happens at the beginning
SEEDS = 4
RATES = {"lr": 2e-3, "lr_ratio": 0.1, "beta1": 0.5}  # a fast generator and a slow discriminator, as published
GREEDY = {**RATES, "accept": 0.25, "temperature": 1e4}


class Trained(NamedTuple):
    """A GAN, its players at some steps, and its metrics there: output -> ``[T, M]``."""

    game: Gan
    players: dict[int, Players]
    metrics: dict[str, torch.Tensor]


def train(
    game: Gan, optimizer: Any, hypers: Mapping[str, float], seeds: int, at: Iterable[int], metric: str
) -> Trained:
    steps = sorted(at)
    run = minmax.train(game, optimizer, hypers, range(seeds), steps[-1], steps, metrics=[metric], device="cpu")
    reports = list(run)
    metrics = {name: torch.stack([one.metrics[name] for one in reports]) for name in reports[0].metrics}
    return Trained(game, {one.step: one.players for one in reports}, metrics)


@cache
def four_gaussians(name: str) -> Trained:
    """The four Gaussians under ``gda`` or ``accept_reject``, which answers each proposal with six ascent steps."""
    data = {"name": "gaussians", "layout": "four", "std": 0.01}
    game = minmax.gan(
        data=data, net={"name": "mlp", "widths": (64, 64), "gain": 0.8}, loss="minimax", latent=16, batch=128
    )
    return train(game, *_rival(name, ascent_steps=6), SEEDS, range(50, 1501, 50), "modes")


@cache
def digits(name: str) -> Trained:
    """Handwritten zeros and ones under ``gda`` or ``accept_reject``."""
    net = {"name": "mlp", "widths": (64, 64), "activation": "leaky_relu", "output": "tanh"}
    game = minmax.gan(data="digits01", net=net, loss="nonsaturating", latent=16, batch=32)
    return train(game, *_rival(name, ascent_steps=3, lr_ratio=0.3, accept=0.4), SEEDS, range(50, 1501, 50), "digits")


def _rival(name: str, ascent_steps: int, **others: float) -> tuple[Any, dict[str, float]]:
    if name == "gda":
        return minmax.optimizers.get("gda", transform="adam"), {
            **RATES,
            **{k: v for k, v in others.items() if k in RATES},
        }
    return minmax.optimizers.get(name, transform="adam", ascent_steps=ascent_steps), {**GREEDY, **others}


def convergence() -> Drawn:
    points = 1.0 + 0.5 * torch.randn(20_000, 1, generator=torch.Generator().manual_seed(0))
    net = {"name": "mlp", "widths": (32, 32)}
    game = minmax.gan(data=points, net=net, latent=4, batch=256)
    optimizer, moments = minmax.optimizers.get("optimistic", transform="adam"), (1, 100, 200, 400, 2000)
    run = minmax.train(
        game, optimizer, {"lr": 3e-4, "lr_ratio": 4.0, "beta1": 0.5}, (0,), moments[-1], moments, device="cpu"
    )
    axes = plots.panels(1, 5, (2.75, 3.1), sharey=True)
    for ax, report in zip(axes, run, strict=True):
        plots.densities(game, report.players, x=(-1.0, 3.0), ax=ax)
        ax.axhline(0.5, color=GREY, linewidth=0.8, zorder=1)
        ax.set(title=f"step {report.step}", ylim=(0, 1.6), ylabel="")
    axes[-1].set_title(f"final step, {moments[-1]}")
    axes[0].set_ylabel("density;  D(x)")
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    made = game.generate(report.players, torch.randn(1, 4000, 4, generator=torch.Generator().manual_seed(0)))
    line = torch.linspace(0, 2, 41).view(1, -1, 1)
    answers = torch.sigmoid(game.judge(report.players, line))
    return axes[0].figure, (
        "A GAN that converges: the discriminator (dashed) learns where the data (dotted) is denser than the generator "
        "(line), the generator moves there, and in the final step the densities agree (the generator's mean and "
        f"deviation are {float(made.mean()):.2f} and {float(made.std()):.2f}, the data's 1 and 0.5) and D = ½: within "
        f"two deviations of the data it lies between {float(answers.min()):.2f} and {float(answers.max()):.2f}. Such "
        "convergence is not guaranteed."
    )


def oscillation() -> Drawn:
    left, right = four_gaussians("gda"), digits("gda")
    axes = plots.panels(2, len(MOMENTS), (2.0, 2.1))
    seed = _wanderer(right)
    _strip(axes[: len(MOMENTS)], left, _points(0))
    _strip(axes[len(MOMENTS) :], right, _pictures(seed), EARLY)
    axes[0].set_ylabel("four Gaussians")
    modes, zeros = left.metrics["modes_quarter"] * 4, right.metrics["zeros"][:, seed]
    return axes[0].figure, (
        "Gradient descent-ascent at successive steps. Above, on four Gaussians (orange), the generator sits on one "
        f"mode and moves on: at most {float(modes.max()):.0f} of 4 are covered at any of {len(modes)} looks at {SEEDS} "
        f"seeds. Below, on handwritten zeros and ones, the share of zeros wanders between {float(zeros.min()):.0%} and "
        f"{float(zeros[5:].max()):.0%}."
    )


def gaussians() -> Drawn:
    rivals = {"GDA": four_gaussians("gda"), "accept/reject": four_gaussians("accept_reject")}
    best = int(rivals["accept/reject"].metrics["modes_quarter"][-1].argmax())
    axes = plots.panels(2, len(MOMENTS), (2.0, 2.1))
    for row, (name, own) in enumerate(rivals.items()):
        _strip(axes[row * len(MOMENTS) :][: len(MOMENTS)], own, _points(best))
        axes[row * len(MOMENTS)].set_ylabel(name)
    ends = {name: (own.metrics["modes_quarter"][-1] * 4).int().tolist() for name, own in rivals.items()}
    return axes[0].figure, (
        f"Four Gaussians under GDA (above) and accept/reject with six answers a step (below), the same "
        f"seed at steps {_steps()}. After 1500 steps "
        f"the four seeds cover {_list(ends['GDA'])} modes under GDA and {_list(ends['accept/reject'])} under "
        "accept/reject."
    )


def zeros_and_ones() -> Drawn:
    rivals = {"GDA": digits("gda"), "accept/reject": digits("accept_reject")}
    axes = plots.panels(2, len(MOMENTS), (2.0, 2.1))
    seed = _wanderer(rivals["GDA"])
    for row, own in enumerate(rivals.values()):
        _strip(axes[row * len(MOMENTS) :][: len(MOMENTS)], own, _pictures(seed), EARLY)
    ends = {name: int(own.metrics["success"][-1].sum()) for name, own in rivals.items()}
    return axes[0].figure, (
        "Handwritten zeros and ones (8×8 scans) under GDA (above) and accept/reject with three answers a step "
        f"(below), the same seed. {_learned(rivals)} Both digits, and little else, come out at the end on "
        f"{ends['GDA']} of {SEEDS} seeds under GDA and on {ends['accept/reject']} under accept/reject."
    )


def shares() -> Drawn:
    axes = plots.panels(1, 2, (4.9, 3.4))
    for ax, make, output, title in (
        (axes[0], four_gaussians, "modes_quarter", "four Gaussians: share of modes covered"),
        (axes[1], digits, "balance", "zeros and ones: 2·min(zeros, ones)"),
    ):
        for name, colour in (("gda", ORANGE), ("accept_reject", GREEN)):
            own = make(name)
            for member in range(SEEDS):
                ax.plot(list(own.players), own.metrics[output][:, member], color=colour, alpha=0.25, linewidth=0.9)
            label = {"gda": "GDA", "accept_reject": "accept/reject"}[name]
            ax.plot(list(own.players), own.metrics[output].mean(1), color=colour, label=label, linewidth=2.2)
        ax.set(xlabel="step", title=title, ylim=(-0.03, 1.03))
    axes[0].figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    means = {name: float(four_gaussians(name).metrics["modes_quarter"][-1].mean()) for name in ("gda", "accept_reject")}
    return axes[0].figure, (
        f"The same runs as numbers: {SEEDS} seeds (thin) and their mean. On the Gaussians GDA ends with "
        f"{means['gda']:.0%} of the modes, accept/reject with {means['accept_reject']:.0%}."
    )


def vanishing() -> Drawn:
    logits = torch.linspace(-8, 8, 321, dtype=torch.float64).unsqueeze(1).requires_grad_()
    (ax,) = plots.panels(1, 1, (6.2, 3.7))
    slopes = {}
    for name, colour in (("minimax", ORANGE), ("nonsaturating", BLUE), ("wasserstein", GREEN)):
        (slope,) = torch.autograd.grad(minmax.losses.get(name).generator(logits).sum(), logits)
        slopes[name] = slope.abs().squeeze(1)
        ax.plot(logits.detach().squeeze(1), slopes[name], color=colour, label=name)
    ax.axvspan(-8, -4, color=GREY, alpha=0.12, linewidth=0)
    ax.annotate("the discriminator wins", (-6, 0.5), ha="center", color="#444444")
    ax.set(xlabel="logit of a generated sample", ylabel="|∂ loss / ∂ logit|", xlim=(-8, 8))
    ax.set_title("what the generator has to learn from")
    ax.legend(loc="center right")
    return ax.figure, (
        "The diminished gradient: where the discriminator is sure (left), the minimax loss gives the generator a "
        f"slope of {float(slopes['minimax'][0]):.1e} at logit −8, the non-saturating loss "
        f"{float(slopes['nonsaturating'][0]):.3f}, the Wasserstein loss {float(slopes['wasserstein'][0]):g}."
    )


def _strip(
    axes: list[Axes], trained: Trained, draw: Callable[[Trained, int, Axes], object], moments: tuple[int, ...] = MOMENTS
) -> None:
    for ax, step in zip(axes, moments, strict=True):
        draw(trained, step, ax)
        ax.set(title=f"step {step}", xlabel="")


def _points(member: int) -> Callable[[Trained, int, Axes], object]:
    def draw(trained: Trained, step: int, ax: Axes) -> None:
        plots.scatter(trained.game, trained.players[step], member=member, count=400, ax=ax)
        ax.set(xticks=(), yticks=())

    return draw


def _pictures(member: int) -> Callable[[Trained, int, Axes], object]:
    def draw(trained: Trained, step: int, ax: Axes) -> None:
        plots.pictures(trained.game, trained.players[step], member=member, rows=5, columns=5, ax=ax)

    return draw


def _wanderer(trained: Trained) -> int:
    """The seed whose share of zeros moves most."""
    late = trained.metrics["zeros"][5:]
    return int((late.amax(0) - late.amin(0)).argmax())


def _learned(rivals: Mapping[str, Trained]) -> str:
    """From when on a look finds at least a fifth of each digit, in the median seed."""
    said = []
    for name, own in rivals.items():
        short = torch.minimum(own.metrics["zeros"], own.metrics["ones"]) < 0.2
        last = [max((k + 1 for k, lacks in enumerate(column.tolist()) if lacks), default=0) for column in short.T]
        looks = [*own.players, "never"]
        said.append(f"{looks[sorted(last)[len(last) // 2]]} under {name}")
    return f"At least a fifth of each digit comes, and stays, from step {' and '.join(said)} (median seed)."


def _steps() -> str:
    return ", ".join(map(str, MOMENTS))


def _list(values: list[int]) -> str:
    return ", ".join(map(str, values[:-1])) + f" and {values[-1]}"


RUN = "python -m gallery"
PLATES = [
    Plate(
        "convergence",
        "Convergence, to the final step",
        f"{CHALLENGES}, after M. Chang 2016",
        "python -m gallery convergence",
        convergence,
    ),
    Plate(
        "vanishing",
        "The diminished gradient",
        CHALLENGES,
        'minmax.losses.get("nonsaturating").generator(torch.linspace(-8, 8, 321)[:, None])',
        vanishing,
    ),
    Plate(
        "mode_oscillation",
        "Mode oscillation",
        f"{PRACTICE}, figure 2; mode collapse in {CHALLENGES}",
        "python -m gallery mode_oscillation",
        oscillation,
    ),
    Plate(
        "gaussians",
        "Four Gaussians",
        f"{PRACTICE}, figure 4",
        "python -m gallery gaussians",
        gaussians,
    ),
    Plate("digits", "Zeros and ones", f"{PRACTICE}, figure 5", "python -m gallery digits", zeros_and_ones),
    Plate(
        "shares",
        "How often",
        PRACTICE,
        "python -m gallery shares",
        shares,
    ),
]
