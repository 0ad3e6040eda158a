"""A map from its spec to its files: trained as members, killed and resumed, shown in terminal, report and MLflow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from driving import COMMITS, KILLED, Drivers, Kill, drivers
from sweeping import Left, assert_committed_once, assert_untouched

import minmax
from sweeps.records.folder import Folder
from sweeps.run.driver import open_sweep
from sweeps.search import lattice

pytestmark = pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna")

SPEC = """\
name: calm
game: {data: {name: gaussians, modes: 2, std: 0.3, count: 500}, net: {name: mlp, widths: [8]}, batch: 8, latent: 2}
length: 60
seeds: 2
optimizers: [consensus, {name: consensus, as: halves, estimator: half_batches}]
space: {lr: 1.0e-2, lr_ratio: {log: [0.1, 10]}, gamma: {log: [0.01, 1.0e+6]}}
metrics: [frechet]
report_every: 10
map: {axes: [lr_ratio, gamma], size: [3, 4], chunk: 10}
"""
ARMS, CHUNKS, POINTS = ("consensus", "halves"), 3, 12


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drivers]:
    place = tmp_path_factory.mktemp("maps")
    (place / "spec.yaml").write_text(SPEC)
    with drivers(place) as made:
        yield made


@pytest.fixture(scope="module")
def calm(forks: Drivers) -> Left:
    """A map that nobody disturbs."""
    assert forks.run("run", "spec.yaml", "--serial", "--plain") == 0, forks.output
    return Left(forks.place / "runs", "calm")


def files(left: Left) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in left.folder.iterdir() if path.name.startswith("map")}


def keys(left: Left) -> set[str]:
    return {f"{path.parent.name}/{path.name}" for path in (left.folder / "trials").glob("*/*")}


def test_every_chunk_is_trained_once_and_nothing_else(calm: Left) -> None:
    assert keys(calm) == {f"{arm}/map-{number:04d}" for arm in ARMS for number in range(CHUNKS)}
    facts = [trial.user_attrs for trial in calm.trials().values()]
    assert sorted((own["arm"], own["first_point"], own["points"]) for own in facts) == [
        (arm, first, count) for arm in ARMS for first, count in ((0, 5), (5, 5), (10, 2))
    ]
    assert not (calm.folder / "ranking.json").exists()


def test_a_point_is_what_training_it_alone_gives(calm: Left) -> None:
    """The members of a chunk are (point, seed): each is the run of that configuration by itself, to rounding."""
    sweep, _ = open_sweep(Folder(str(calm.storage), "calm"))
    shown = json.loads((calm.folder / "map.json").read_text())["maps"][0]
    assert [point["word"] is not None for point in shown["points"]] == [True] * POINTS
    game = minmax.games.get("gan", **sweep.game.options)
    for number in (0, 7):
        point = shown["points"][number]
        optimizer = lattice.space.optimizer_of(sweep, sweep.optimizers[0])
        hypers = {**lattice.space.fixed(sweep, sweep.optimizers[0]), **{n: point[n] for n in ("lr_ratio", "gamma")}}
        for report in minmax.train(game, optimizer, hypers, [0, 1], length=60, report_every=10, metrics=["frechet"]):
            last = report
        assert last.metrics["frechet"].mean().item() == pytest.approx(point["metrics"]["frechet"], rel=1e-3)
        assert last.metrics["frechet"][0] != last.metrics["frechet"][1]


@pytest.mark.parametrize(
    "kills",
    [
        [Kill("asked, not started", 2), Kill("recorded, not proven", 3), Kill("ended", 1), Kill("map", 1)],
        pytest.param(
            [Kill("started", 1), Kill("known to the study", 9), Kill("about to end", 2), Kill("recorded", 5)],
            marks=pytest.mark.slow,
        ),
    ],
    ids=["early and late", "in the middle"],
)
def test_a_map_killed_again_and_again_ends_as_an_undisturbed_one(
    forks: Drivers, calm: Left, kills: list[Kill], request: pytest.FixtureRequest
) -> None:
    left = Left(calm.storage, f"killed-{len(files(calm))}-{kills[0].nth}")
    ended = left.finished() if left.folder.exists() else {}
    command = ["run", "spec.yaml", "--or-resume", "--set", f"name={left.name}", "--serial", "--plain"]
    for kill in kills:
        assert forks.run(*command, kill=kill) == KILLED, f"{kill} did not come\n{forks.output}"
        assert_untouched(left, ended)
        ended = left.finished()
    assert forks.run("resume", left.name, "--serial", "--plain") == 0, forks.output
    assert_untouched(left, ended)
    assert_committed_once(forks.place / COMMITS)
    assert keys(left) == keys(calm)
    assert left.results() == calm.results()
    assert files(left) == files(calm)


def test_the_terminal_shows_it_and_shows_it_again(forks: Drivers, calm: Left) -> None:
    before = len(forks.output)
    assert forks.run("best", "calm") == 0
    said = forks.output[before:]
    for arm in ARMS:
        assert arm in said
    assert said.count("Of 12 points ") == 2
    assert "lr_ratio" in said and "gamma" in said
    assert said in forks.output[:before]
    before = len(forks.output)
    assert forks.run("status", "calm") == 0
    assert "3/3" in forks.output[before:]
    assert forks.run("check", "spec.yaml", "--no-estimate") == 0
    assert "map calm: 2 arms × 12 points × 2 seeds in 6 trials, 60 field units a member" in forks.output
    assert forks.run("check", "spec.yaml") == 0
    assert "at most 6 trials" in forks.output


def test_json_lines_end_with_the_counts(forks: Drivers, calm: Left) -> None:
    before = len(forks.output)
    assert forks.run("resume", "calm", "--json", "--serial") == 0
    last = json.loads(forks.output[before:].splitlines()[-1])
    assert last["kind"] == "done" and "ranking" not in last
    assert {arm: sum(counts.values()) for arm, counts in last["maps"].items()} == dict.fromkeys(ARMS, POINTS)


def test_the_report_has_a_diagram_an_arm_and_a_text_of_it(calm: Left) -> None:
    page = (calm.folder / "report.html").read_text()
    assert page.count('data-figure="map-') == 2
    assert page.count("Of 12 points ") == 2 * 2  # below the diagram, and in its text
    assert "lr_ratio" in page and 'id="ranking"' not in page and 'id="curves"' not in page
    assert page.count("map-000") >= 6


def test_mlflow_has_the_numbers_and_the_pictures(calm: Left) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{calm.storage / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("calm")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert len(runs) == 7 and {run.info.status for run in runs} == {"FINISHED"}
    summary = next(run for run in runs if run.data.tags["kind"] == "summary")
    artifacts = {each.path: each.file_size for each in client.list_artifacts(summary.info.run_id)}
    for name, data in files(calm).items():
        assert artifacts[name] == len(data)
    assert "report.html" in artifacts
    shares = [value for name, value in summary.data.metrics.items() if name.endswith(".consensus")]
    assert sum(shares) == pytest.approx(1)
    trial = next(run for run in runs if run.data.tags["key"] == "consensus/map-0001")
    assert trial.info.run_name == "consensus · map 1"
    assert trial.data.params["gamma"] == "0.01 to 1e6 (4 values)"
    assert (trial.data.params["lr"], trial.data.params["seeds"], trial.data.tags["seeds"]) == ("0.01", "2", "0-1")
    assert "share.converged" in trial.data.metrics


def test_its_trials_are_trained_again_and_drawn_from_by_their_numbers(forks: Drivers, calm: Left) -> None:
    for trial in ("1", "map-1"):
        before = len(forks.output)
        assert forks.run("rerun", "calm", "halves", trial) == 0, forks.output
        assert "halves/map-0001: reproduced bit for bit, 6 reports" in forks.output[before:]
    assert forks.run("sample", "calm", "consensus", "0", "--out", "drawn.png") == 0, forks.output
    assert (forks.place / "drawn.png").read_bytes().startswith(b"\x89PNG")
    before = len(forks.output)
    assert forks.run("rerun", "calm", "halves", "7") == 1
    assert "arm halves has no trial '7' that began; there are: 0, 1, 2" in forks.output[before:]


def test_mlflow_rebuilt_from_its_records_holds_the_same(forks: Drivers, calm: Left) -> None:
    own, other = (f"sqlite:///{calm.storage / name}" for name in ("mlflow.db", "other.db"))
    assert forks.run("sync", "calm", "--tracking-uri", other) == 0, forks.output
    assert held(other, "calm") == held(own, "calm")


def held(uri: str, name: str) -> dict[str, Any]:
    """What MLflow holds of each trial: parameters, tags, the last values."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name(name)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    told = ((run.data.tags, run.data.params, run.data.metrics) for run in runs)
    place = "mlflow.artifactLocation"
    return {tags["key"]: ({k: v for k, v in tags.items() if k != place}, params, last) for tags, params, last in told}


@pytest.mark.slow
def test_under_ray_it_is_the_same_map(forks: Drivers, calm: Left) -> None:
    """Two workers, chunks in whatever order: the same bytes."""
    assert forks.run("run", "spec.yaml", "--plain", "--set", "name=ray") == 0, forks.output
    assert files(Left(calm.storage, "ray")) == files(calm)
