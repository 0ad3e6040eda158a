"""A spec over others, and what the environment holds: every problem at its own file and line, no secret anywhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sweeps.records.folder import Folder
from sweeps.records.store import Store
from sweeps.spec import checks
from sweeps.spec.environment import Unset
from sweeps.spec.reading import read
from sweeps.spec.source import Source, SpecErrors
from sweeps.spec.strictyaml import dump
from sweeps.spec.sweep import Sweep, load
from sweeps.track import following

BASE = """\
name: base
game: {name: bilinear, matrix: [[1, 2], [3, 4]]}
length: 20
optimizers:
  plain: gda
  damped: {name: consensus, set: {gamma: 3}}
trials: 2
space:
  lr: {log: [1.0e-3, 1.0e-1]}
objective: {minimize: mean.distance}
search: {pruner: none, seed: 7}
"""
CANARY = "canary-in-the-coal-mine"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("base.yaml").write_text(BASE)


def loaded(text: str, *overrides: str, name: str = "own.yaml") -> Sweep:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_text(text)
    return load(Path(name), overrides)


def problems(text: str, *overrides: str, name: str = "own.yaml") -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        loaded(text, *overrides, name=name)
    return str(caught.value).splitlines()


def test_mappings_are_merged_and_all_else_is_replaced() -> None:
    sweep = loaded(
        "extends: base.yaml\nname: own\ngame: {matrix: [[5]]}\n"
        "optimizers:\n  damped: {transform: sgd, set: {gamma: 5, lr: 0.01}}\n  late: gda\nsearch: {seed: 8}\n"
    )
    assert (sweep.name, sweep.length, sweep.game.options) == ("own", 20, {"matrix": [[5]]})
    assert [arm.name for arm in sweep.optimizers] == ["plain", "damped", "late"], "inherited first"
    assert (sweep.optimizers[1].transform, sweep.optimizers[1].settings) == ("sgd", {"gamma": 5, "lr": 0.01})
    assert (sweep.search.pruner, sweep.search.seed) == (loaded(BASE).search.pruner, 8)


def test_null_removes_an_inherited_key() -> None:
    sweep = loaded("extends: base.yaml\noptimizers: {damped: null}\nspace: {lr: {log: null, uniform: [0.1, 0.2]}}\n")
    assert [arm.name for arm in sweep.optimizers] == ["plain"] and sweep.space["lr"].kind == "uniform"
    assert loaded("extends: base.yaml\nspace: null\n").space == {}
    gan = "game: {name: null, matrix: null, data: gaussians, loss: {name: wasserstein, clip: null}}"
    objective = "objective: {minimize: null, maximize: mean.modes}"
    sweep = loaded(f"extends: base.yaml\n{gan}\n{objective}\n")
    assert sweep.game.options["loss"] == {"name": "wasserstein", "clip": None}, "nothing inherited, so null is a value"
    assert problems("extends: base.yaml\ntrials: null\n") == [
        "own.yaml:2: trials: is missing; a whole number: the search trials of each arm; or budget in its place"
    ]


def test_a_chain_is_relative_to_each_file() -> None:
    Path("deep/deeper").mkdir(parents=True)
    Path("deep/middle.yaml").write_text("extends: ../base.yaml\ntrials: 5\nseeds: 3\n")
    sweep = loaded("extends: ../middle.yaml\nname: own\nseeds: 4\n", name="deep/deeper/own.yaml")
    assert (sweep.name, sweep.length, sweep.trials, sweep.seeds) == ("own", 20, 5, 4)


def test_a_problem_is_told_where_its_value_stands() -> None:
    Path("middle.yaml").write_text("extends: base.yaml\n\nseeds: 0\nspace: {lr: {log: [1, 0.1]}, gama: 3}\n")
    found = problems("extends: middle.yaml\ntransform: adm\nspace: {gamma: 1}\n", "trials=0", "space.gamma=-1")
    assert [line.partition("; ")[0] for line in found] == [
        "override 'trials=0': trials: is 0",
        "middle.yaml:3: seeds: is 0",
        "middle.yaml:4: space.lr.log: low 1 is not below high 0.1",
        "middle.yaml:4: space.gama: unknown hyperparameter of these arms",
        "own.yaml:2: transform: unknown transform 'adm'",
    ]


def test_what_was_replaced_is_nobody_s_place() -> None:
    Path("base.yaml").write_text(BASE.replace("plain: gda", "plain: {name: gda}"))
    [found] = problems("extends: base.yaml\noptimizers:\n  plain: null\n  damped: null\n  late: {as: x}\n")[:1]
    assert found.startswith("own.yaml:5: optimizers.late.name: is missing")
    Path("base.yaml").write_text("optimizers: [{name: gda}]\n" + BASE.replace("optimizers:", "space2:"))
    found = problems("extends: base.yaml\noptimizers: [{transform: sgd}]\nspace2: null\n")[0]
    assert found.startswith("own.yaml:2: optimizers[0].name: is missing")


CHAINS = [
    ("extends: absent.yaml", "own.yaml:2: extends: 'absent.yaml' cannot be read: No such file or directory"),
    ("extends: .", "own.yaml:2: extends: '.' cannot be read: Is a directory"),
    ('extends: "a\\0b"', "own.yaml:2: extends: 'a\\x00b' cannot be read: embedded null byte"),
    ("extends: own.yaml", "own.yaml:2: extends: 'own.yaml' leads back here; a file that extends no other"),
    ("extends: back.yaml", "back.yaml:1: extends: './own.yaml' leads back here; a file that extends no other"),
    ("extends: row1.yaml", "row19.yaml:1: extends: 'row20.yaml' would be number 21 of a chain; at most 20 files"),
    ("extends: [base.yaml]", "own.yaml:2: extends: ['base.yaml'] is no file; the path of a spec from here is allowed"),
    ("extends: ''", "own.yaml:2: extends: '' is no file; the path of a spec from here is allowed"),
    ("extends: torn.yaml", "torn.yaml:2: cannot be read as YAML: expected ',' or ']', but got ':'"),
    ("extends: list.yaml", "list.yaml:1: holds a list; a mapping of keys (name, game, length, …) is allowed"),
    ("extends: large.yaml", "own.yaml:2: extends: 'large.yaml' is larger than a megabyte; a spec is a page of YAML"),
    ("extends: twice.yaml", "twice.yaml:2: seeds: given twice, first on line 1; each key once is allowed"),
]


@pytest.mark.parametrize(("line", "begins"), CHAINS, ids=[line for line, _ in CHAINS])
def test_what_cannot_be_extended(line: str, begins: str) -> None:
    Path("back.yaml").write_text("extends: ./own.yaml\n")
    for place in range(1, 25):
        Path(f"row{place}.yaml").write_text(f"extends: row{place + 1}.yaml\n")
    Path("torn.yaml").write_text("seeds: [1\nname: x\n")
    Path("list.yaml").write_text("- seeds\n")
    Path("large.yaml").write_text("#" * (1 << 20) + "\n")
    Path("twice.yaml").write_text("seeds: 1\nseeds: 2\n")
    before = sorted(os.listdir())
    found = problems(f"{BASE.partition(chr(10))[0]}\n{line}\n{BASE.partition(chr(10))[2]}")
    assert any(said.startswith(begins) for said in found) and len(found) == 1, found
    assert sorted(os.listdir()) == sorted({*before, "own.yaml"})


def test_the_text_that_is_kept_says_it_all_in_one_file() -> None:
    Path("own.yaml").write_text("extends: base.yaml\nname: own\nstorage: ${env:HOME}/runs\nsuccess: null\n")
    source = read(Path("own.yaml"), ("optimizers.plain.transform=sgd", "game.matrix=[[1e-5]]"))
    Path("alone").mkdir()
    alone = loaded(source.text, name="alone/own.yaml")
    assert alone == load(Path("own.yaml"), ("optimizers.plain.transform=sgd", "game.matrix=[[1e-5]]"))
    assert "extends:" not in source.text and "${env:HOME}/runs" in source.text
    assert read(Path("base.yaml")).text == BASE, "as it was written, comments and all, where that is all"


def test_text_that_looks_like_something_else_stays_text() -> None:
    sweep = loaded("extends: base.yaml\nname: '012'\noptimizers: {'1e5': gda, 'null': gda, 'true': {name: gda}}\n")
    for text in (dump(sweep.normalized()), read(Path("own.yaml")).text):
        assert loaded(text, name="again.yaml") == sweep
    assert sweep.name == "012" and [arm.name for arm in sweep.optimizers][2:] == ["1e5", "null", "true"]


def test_the_environment_fills_in_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WHO", "me")
    monkeypatch.setenv("EMPTY", "")
    sweep = loaded("extends: base.yaml\nname: ${env:WHO}-${env:EMPTY:-no}_${env:NOT_THERE:-x}${env:EMPTY}\n")
    assert sweep.name == "me-no_x"
    how = "game: {name: '${env:GAME:-bilinear}'}\noptimizers: {'damped': {transform: '${env:OVER:-sgd}'}}\n"
    sweep = loaded(f"extends: base.yaml\n{how}")
    assert (sweep.game.name, sweep.optimizers[1].transform) == ("bilinear", "sgd")


UNKNOWN = [
    ("${env:NOT_THERE}", "${env:NOT_THERE}: NOT_THERE is not set in the environment; `export NOT_THERE=…` before"),
    ("${env:}", "'${env:}' refers to nothing; ${env:NAME} or ${env:NAME:-default} is allowed"),
    ("x${HOME}", "'${HOME}' refers to nothing; ${env:NAME} or ${env:NAME:-default} is allowed"),
    ("${env:1A}", "'${env:1A}' refers to nothing; ${env:NAME} or"),
    ("${env:HOME", "'${env:HOME' refers to nothing; ${env:NAME} or"),
    ("${env:BROKEN}", "what ${env:BROKEN} holds cannot be printed; text of one line is allowed"),
]


@pytest.mark.parametrize("key", ["name", "storage", "tracking", "success"])
@pytest.mark.parametrize(("text", "begins"), UNKNOWN, ids=[text for text, _ in UNKNOWN])
def test_a_reference_that_leads_nowhere(key: str, text: str, begins: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROKEN", f"{CANARY}\n2")
    [found] = problems(f"extends: base.yaml\n{key}: '{text}'\n")
    assert found.startswith(f"own.yaml:2: {key}: {begins}") and CANARY not in found


# Where the environment's value is not allowed, and what is said of it.
REFUSED = [
    ("name: ${env:SECRET}/x", "name: what '${env:SECRET}/x' holds is not allowed here; the value itself in its place"),
    ("length: ${env:SECRET}", "length: what '${env:SECRET}' holds"),
    ("transform: ${env:SECRET}", "transform: what '${env:SECRET}' holds"),
    ("success: ${env:SECRET}", "success: what '${env:SECRET}' holds"),
    ("success: 'a:${env:SECRET}'", "success: what 'a:${env:SECRET}' holds"),
    ("game: {name: '${env:SECRET}'}", "game.name: what '${env:SECRET}' holds"),
    ("optimizers: [{name: accept_reject, patience: '${env:SECRET}'}]", "optimizers[0].patience: what '${env:SECRET}'"),
    ("optimizers: [{name: consensus, estimator: '${env:SECRET}'}]", "optimizers[0].estimator: what '${env:SECRET}'"),
    ("game: {matrx: '${env:SECRET}'}", "game.matrx: unknown option of game 'bilinear'; did you mean 'matrix'?"),
    ("trails: ${env:SECRET}", "trails: unknown key; did you mean 'trials'?"),
    ("objective: {minimize: 'mean.${env:SECRET}'}", "objective.minimize: what 'mean.${env:SECRET}' holds"),
    ("objective: {minimize: '${env:SECRET}.distance'}", "objective.minimize: what '${env:SECRET}.distance' holds"),
    ("space: {lr: ['${env:SECRET}']}", "space.lr: is ['${env:SECRET}']; a number, or one such as"),
    ("space: {lr: {choice: ['${env:SECRET}']}}", "space.lr.choice[0]: what '${env:SECRET}' holds"),
    ("search: {pruner: '${env:SECRET}'}", "search.pruner: what '${env:SECRET}' holds"),
    ("metrics: ['${env:SECRET}']", "metrics[0]: what '${env:SECRET}' holds"),
    ("schedule: {x: '${env:SECRET}'}", "schedule.x: what '${env:SECRET}' holds"),
    ("optimizers: ['${env:SECRET}']", "optimizers[0]: what '${env:SECRET}' holds"),
    (
        "optimizers: [{name: gda, as: '${env:SECRET}', set: {gamma: 1}}]",
        "optimizers[0].set.gamma: '${env:SECRET}' has no hyperparameter 'gamma'",
    ),
    ("storage: own.yaml/${env:SECRET}", "storage: 'own.yaml/${env:SECRET}' is no folder; a folder that can be written"),
    ("storage: '://${env:SECRET}'", None),
]


@pytest.mark.parametrize(("line", "begins"), REFUSED, ids=[line for line, _ in REFUSED])
def test_what_the_environment_holds_is_never_said(
    line: str, begins: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", CANARY)
    if begins is None:
        assert loaded(f"extends: base.yaml\n{line}\n")
        return
    found = problems(f"extends: base.yaml\n{line}\n")
    assert found[0].startswith(f"own.yaml:2: {begins}") and len(found) == 1, found
    assert CANARY not in "".join(found) and "canary" not in "".join(found)
    assert CANARY not in "".join(problems(BASE, *(line.replace(": ", "=", 1),)))


PASSWORDS = [
    "http://user:{}@host:5000",
    f"http://user:{{}}@host/{'x' * 60}",  # whose middle a message leaves out, and with it the @
    "postgresql+psycopg://user:{}@host/studies",
    "s3://key:{}@bucket/path",
    "http://:{}@host",
    "http://user:{}/with/slashes@host",
    "http://user:${{env:PASSWORD:-{}}}@host",
    "http://user:${{env:HOME}}{}@host",
    "http://host/?token={}",
    "http://host/?a=1&access_token[]={}#x",
    "postgresql://user@host/studies?sslpassword={}",
    "https://host/container?sv=1&sig={}",
    "http://host/?password=${{env:PASSWORD:-{}}}",
    "http://host/?next=http://user:{}@other",
    "http://host/?next=http%3A%2F%2Fuser%3A{}%40other",
    "http://host/?next=http%3A%2F%2Fother%3Fapi_key%3D{}",
    "http//host?secret={}",
]


@pytest.mark.parametrize("url", PASSWORDS)
def test_a_password_in_an_address_is_refused_and_not_repeated(url: str) -> None:
    url = url.format(CANARY)
    way = "holds a password; ${env:NAME} in its place is allowed"
    for key in ("storage", "tracking", "name"):
        assert problems(f"extends: base.yaml\n{key}: {url}\n") == [f"own.yaml:2: {key}: {way}"]
    [found] = problems("extends: base.yaml\n", f"tracking={url}")
    assert found.endswith(f": tracking: {way}") and "canary" not in found
    for line in (f"game: {{matrix: {{a: ['{url}']}}}}", f"length: [{{a: '{url}'}}, '{url}']", f"optimizers: ['{url}']"):
        assert "canary" not in "".join(problems(f"extends: base.yaml\n{line}\n"))


ALLOWED = [
    "http://host:5000/path@x",
    "http://[::1]:5000/a@b",
    "http://user@host",
    "http://user:${env:SECRET}@host",
    "http://${env:WHO:-me}:${env:SECRET}@host",
    "sqlite:////tmp/x.db",
    "http://host/?token=${env:SECRET}&user=me",
    "http://host:5000/?next=http%3A%2F%2Fother%3A80%2Fa%40b",
    "postgresql://user@host/studies?sslmode=require&application_name=a",
]


@pytest.mark.parametrize("url", ALLOWED)
def test_an_address_stays_text_wherever_it_is_kept(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", CANARY)
    sweep = loaded(f"extends: base.yaml\ntracking: {url}\nstorage: ./${{env:SECRET}}/runs\n")
    plain = json.dumps(sweep.normalized())
    assert CANARY not in plain + read(Path("own.yaml")).text and sweep.tracking == url
    monkeypatch.delenv("SECRET")
    assert Sweep.from_normalized(json.loads(plain)) == sweep, "without the variables, too"


def test_an_address_is_expanded_where_it_is_used(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SECRET", CANARY)
    sweep = loaded("extends: base.yaml\ntracking: http://me:${env:SECRET}@host\nstorage: ${env:SECRET}/runs\n")
    folder = Folder(sweep.storage, sweep.name)
    assert folder.path == tmp_path / CANARY / "runs" / "base" and not folder.exists
    assert following.tracking_of(sweep, folder) == (f"http://me:{CANARY}@host", None)
    store = Store("memory://${env:SECRET}/a")
    store.put("x", b"1")
    assert Store(f"memory://{CANARY}/a").get("x") == b"1" and CANARY not in repr(store) + store.root
    monkeypatch.delenv("SECRET")
    for use in (lambda: Folder(sweep.storage, sweep.name), lambda: following.tracking_of(sweep, folder)):
        _refuses(use)


def _refuses(use: Callable[[], object]) -> None:
    with pytest.raises(Unset, match="SECRET is not set in the environment; `export SECRET=…` before"):
        use()


def test_a_folder_of_the_environment_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "/proc/nowhere")
    source = Source("spec.yaml", "", where={("storage",): (18, 1)})
    monkeypatch.setattr(os, "access", lambda *args, **options: False)
    checks.storage(source, "${env:SECRET}/deep")
    assert [str(found) for found in source.problems] == [
        "spec.yaml:18: storage: '${env:SECRET}/deep' cannot be written; a folder that can is allowed"
    ]


@pytest.mark.slow
def test_a_sweep_leaves_no_trace_of_its_secret() -> None:
    """Run with MLflow out of reach, so that errors have something to say: nothing printed, nothing on disk."""
    Path("own.yaml").write_text(
        "extends: base.yaml\ntracking: http://me:${env:SECRET}@127.0.0.1:9\noptimizers: {damped: null}\ntrials: 1\n"
    )
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1", "SECRET": CANARY}
    command = [sys.executable, "-m", "sweeps", "run", "own.yaml", "--serial"]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0 and "MLflow is not in step yet" in ran.stdout, ran
    written = [path for path in Path("runs").rglob("*") if path.is_file()]
    assert len(written) > 10 and CANARY not in ran.stdout + ran.stderr
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]
