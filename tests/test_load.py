"""A checkpoint from MLflow, loaded into modules of one's own: the member that trained, and no other."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import minmax
from minmax import checkpoint, tree

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic")


def generator(width: int = 8) -> nn.Module:
    return nn.Sequential(nn.Linear(2, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, 2))


def discriminator() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))


def trained(**networks: Any) -> tuple[Any, dict[str, Any], bytes]:
    """A game, the players of three members after some steps, and their checkpoint."""
    points = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    game = minmax.gan(**networks, data=points, latent=2, batch=8)
    run = minmax.train(game, minmax.optimizers.get("gda"), {"lr": 0.01}, seeds=range(3), steps=5, device="cpu")
    last = list(run)[-1]
    return game, last.players, checkpoint.dumps(last.state)


@pytest.fixture(scope="module")
def modules() -> tuple[Any, dict[str, Any], bytes]:
    return trained(generator=generator(), discriminator=discriminator())


@pytest.mark.parametrize("member", range(3))
def test_an_artifact_from_mlflow_fills_the_users_modules(
    modules: tuple[Any, dict[str, Any], bytes], tmp_path: Path, member: int
) -> None:
    from mlflow import MlflowClient

    game, players, content = modules
    (tmp_path / "state.safetensors").write_bytes(content)
    client = MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    run = client.create_run(client.create_experiment("mine", str(tmp_path / "artifacts"))).info.run_id
    client.log_artifact(run, str(tmp_path / "state.safetensors"), "checkpoint/000005")
    g, d = generator().eval(), discriminator().eval()
    for source in ("checkpoint/000005", "checkpoint/000005/state.safetensors"):
        minmax.load(client.download_artifacts(run, source), member, generator=g, discriminator=d)
        latents = torch.randn(16, 2, generator=torch.Generator().manual_seed(1))
        made = game.generate(players, latents.expand(3, 16, 2))[member]
        torch.testing.assert_close(g(latents), made)
        torch.testing.assert_close(d(made)[:, 0], game.judge(players, made.expand(3, 16, 2))[member])


def test_native_nets_take_what_is_returned() -> None:
    game, players, content = trained(net={"name": "mlp", "widths": [8]})
    own = minmax.load(content, member=2)
    latents = torch.randn(1, 16, 2, generator=torch.Generator().manual_seed(1))
    made = game.generate(own, latents)
    torch.testing.assert_close(made[0], game.generate(players, latents.expand(3, 16, 2))[2])


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            {"generator": generator(16)},
            r"generator: 0\.weight: the checkpoint has \(8, 2\), .* wants \(16, 2\)",
        ),
        ({"generator": discriminator()}, r"2\.weight: the checkpoint has no such tensor, the module wants \(1, 8\)"),
        ({"discriminator": nn.Linear(2, 8)}, r"discriminator: weight: the checkpoint has no such tensor"),
        (
            {"discriminator": nn.Sequential(nn.Linear(2, 8))},
            r"2\.weight: .* has \(1, 8\), .* no such tensor",
        ),
        ({"critic": discriminator()}, "critic: no player of this checkpoint; it has generator, discriminator"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(
    modules: tuple[Any, dict[str, Any], bytes], wanted: dict[str, nn.Module], said: str
) -> None:
    fits = generator()
    before = {name: value.clone() for name, value in fits.state_dict().items()}
    with pytest.raises(ValueError, match=said):
        minmax.load(modules[2], **{"generator": fits, **wanted})
    for name, value in fits.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.parametrize("member", [-1, 3])
def test_a_member_that_there_is_not(modules: tuple[Any, dict[str, Any], bytes], member: int) -> None:
    with pytest.raises(ValueError, match=f"member: {member} given; the checkpoint has 3, from 0"):
        minmax.load(modules[2], member)


class Trap:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (Path("sprung"),)


def test_a_pickle_is_refused_and_does_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"players": Trap()}, tmp_path / "state.safetensors")
    for source in (tmp_path, pickle.dumps(Trap())):
        with pytest.raises(ValueError, match="not a whole safetensors file"):
            minmax.load(source)
    assert not (tmp_path / "sprung").exists()


def test_the_file_holds_every_member(modules: tuple[Any, dict[str, Any], bytes]) -> None:
    players = [minmax.load(modules[2], member) for member in range(3)]
    joined = tree.map(lambda *parts: torch.cat(parts), *players)
    for (path, ours), (_, theirs) in zip(tree.named_leaves(joined), tree.named_leaves(modules[1]), strict=True):
        assert torch.equal(ours, theirs), path
