"""Specs: every kind of mistake is found, at its line, with what is allowed; nothing else ever comes out."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

import minmax
from sweeps.records.store import Store
from sweeps.run import trial
from sweeps.run.assemble import Unfit, config_of, rehearse
from sweeps.run.trial import Config
from sweeps.search.space import distribution, distributions, fixed, optimizer_of
from sweeps.search.trials import Trial
from sweeps.spec import checks
from sweeps.spec.armchecks import place_of
from sweeps.spec.armspec import Entry
from sweeps.spec.reading import MAX_BYTES, read
from sweeps.spec.source import Source, SpecErrors
from sweeps.spec.sweep import Sweep, load

ROOT = Path(__file__).parent.parent
SHIPPED = sorted((ROOT / "sweeps" / "specs").glob("*.yaml"))

GOOD = """\
name: digits
game: {data: digits01, net: mlp, loss: nonsaturating, batch: 64, latent: 16}
length: 2000
seeds: 8
optimizers: [gda, alternating_gda, optimistic, extragradient, consensus, accept_reject]
trials: 6
space:
  lr: {log: [1.0e-4, 1e-2]}
  lr_ratio: {log: [0.1, 10]}
  gamma: {log: [0.1, 100], when: {optimizer: consensus}}
  temperature: {log: [100, 10000], when: {optimizer: accept_reject}}
objective: {minimize: mean.frechet}
success: digits
report_every: 200
search: {sampler: tpe, pruner: asha, seed: 0}
confirm: {seeds: 32}
resources: {cpu: 1, gpu: 0}
storage: ./runs
"""


def written(text: str, **lines: str) -> str:
    """``text`` with the lines of these top-level keys (and what is below them) replaced; an empty one is left out."""
    blocks: dict[str, str] = {}
    for line in text.splitlines(keepends=True):
        key = line.partition(":")[0] if line[0] != " " else list(blocks)[-1]
        blocks[key] = blocks.get(key, "") + line
    blocks |= {key: line and f"{line}\n" for key, line in lines.items()}
    return "".join(blocks.values())


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Writes a spec into an empty folder, makes that the working folder, and loads it."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str | bytes, overrides: tuple[str, ...] = ()) -> Sweep:
        Path("spec.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
        return load(Path("spec.yaml"), overrides)

    return load_text


def problems(load_text: Any, text: str | bytes, overrides: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(SpecErrors) as caught:
        load_text(text, overrides)
    assert os.listdir() == ["spec.yaml"], "a refused spec leaves nothing behind"
    return str(caught.value).splitlines()


def test_the_design_example(spec: Any) -> None:
    sweep = spec(GOOD)
    assert [arm.name for arm in sweep.optimizers][4:] == ["consensus", "accept_reject"]
    assert (sweep.game.name, sweep.game.data.name, sweep.game.batch) == ("gan", "digits01", 64)
    assert (sweep.objective.direction, sweep.objective.aggregate, sweep.objective.output) == (
        "minimize",
        "mean",
        "frechet",
    )
    assert (sweep.space["lr"].kind, sweep.space["lr"].values) == ("log", (1e-4, 1e-2))
    assert (sweep.transform, sweep.confirm.seeds, sweep.search.sampler.name, sweep.tracking) == (
        "adam",
        32,
        "tpe",
        None,
    )


# A changed line of GOOD, and what its one problem must begin with and hold.
WRONG = [
    ({"name": "name: a/b"}, "1: name: is 'a/b'", "letters, digits, - and _"),
    ({"name": f"name: {'n' * 65}"}, "1: name: is 'nnn", "1 to 64"),
    ({"name": "name: 3"}, "1: name: is 3; text", "quotes"),
    ({"name": "name: ../up"}, "1: name: ", "letters"),
    ({"name": "name: mlartifacts"}, "1: name: ", "any other name"),
    ({"name": ""}, "1: name: is missing", "a name of letters"),
    ({"objective": ""}, "1: objective: is missing", "{minimize:"),
    ({"game": "game: {data: digits02}"}, "2: game.data: unknown data set 'digits02'", "did you mean 'digits01'?"),
    ({"game": "game: {data: digits01, net: mpl}"}, "2: game.net: unknown net 'mpl'", "did you mean 'mlp'?"),
    ({"game": "game: {data: digits01, loss: hing}"}, "2: game.loss: unknown loss", "did you mean 'hinge'?"),
    (
        {"game": "game: {data: digits01, loss: {name: hinge, clip: 1}}"},
        "2: game.loss.clip: unknown option of loss 'hinge'",
        "known: none",
    ),
    (
        {"game": "game: {data: digits01, penalty: {name: r1, weigth: 1}}"},
        "2: game.penalty.weigth: unknown option of penalty 'r1'",
        "did you mean 'weight'?",
    ),
    (
        {"game": "game: {data: digits01, penalty: {name: r1, weight: ten}}"},
        "2: game.penalty.weight",
        "a number",
    ),
    ({"game": "game: {data: digits01, instance_noise: -1}"}, "2: game.instance_noise: is -1", "0 or more is allowed"),
    ({"game": "game: {name: bilinaer}"}, "2: game.name: unknown game", "did you mean 'bilinear'?"),
    ({"game": "game: {name: bilinear, matrx: [[1]]}"}, "2: game.matrx: unknown option", "did you mean 'matrix'?"),
    ({"game": "game: {net: mlp}"}, "2: game.data: is missing", "a data set's name"),
    ({"game": "game: {data: digits01, bach: 3}"}, "2: game.bach: unknown key", "did you mean 'batch'?"),
    ({"game": "game: {data: digits01, batch: 0}"}, "2: game.batch: is 0", "1 or more"),
    (
        {"game": "game: {data: {name: gaussians, mods: 3}}"},
        "2: game.data.mods: unknown option",
        "did you mean 'modes'?",
    ),
    ({"game": "game: {data: {name: gaussians, modes: many}}"}, "2: game.data.modes: is 'many'", "a whole number"),
    ({"game": "game: {data: digits01, net: {name: mlp, widths: [64, x]}}"}, "2: game.net.widths[1]: is 'x'", "whole"),
    ({"game": "game: gan"}, "2: game: is 'gan'", "a mapping"),
    ({"game": "game: {name: nowhere.at_all:game}"}, "2: game.name: game 'nowhere.at_all:game' cannot be imported", ""),
    ({"length": "length: 2000.5"}, "3: length: is 2000.5", "a whole number"),
    ({"length": "length: 1e3"}, "3: length: is 1000.0", "a whole number"),
    ({"length": "length: .inf"}, "3: length: is .inf", "a finite number"),
    ({"seeds": "seeds: -1"}, "4: seeds: is -1", "1 or more"),
    ({"seeds": "seeds: eight"}, "4: seeds: is 'eight'", "a whole number"),
    ({"seeds": "seeds: true"}, "4: seeds: is true", "a whole number"),
    ({"seeds": "seeds: 012"}, "4: seeds: '012' starts with 0", "without it"),
    ({"seeds": "seeds: 2000000000"}, "4: seeds: ", "at most 1,000,000,000"),
    ({"seeds": f"seeds: {'9' * 5000}"}, "4: seeds: a number of 5000 characters", "at most"),
    ({"optimizers": "optimizers: [gda, consensu]"}, "5: optimizers[1]: unknown optimizer", "did you mean 'consensus'?"),
    ({"optimizers": "optimizers: gda"}, "5: optimizers: is 'gda'", "a list"),
    ({"optimizers": "optimizers: []"}, "5: optimizers: is []", "at least 1"),
    ({"optimizers": "optimizers: [gda, 3]"}, "5: optimizers[1]: is 3", "a name"),
    ({"transform": "transform: adm"}, "19: transform: unknown transform 'adm'", "did you mean 'adam'?"),
    ({"trials": "trials: 0"}, "6: trials: is 0", "1 or more"),
    ({"trials": "trials: no"}, "6: trials: is 'no'", "a whole number"),
    ({"trials": "trials:"}, "6: trials: is nothing", "a whole number"),
    ({"trials": "trails: 6"}, "6: trails: unknown key", "did you mean 'trials'?"),
    ({"trials": "trials: 6\ntrials: 7"}, "7: trials: given twice, first on line 6", "once"),
    ({"trials": "trials: 6\n7: 8"}, "7: '7' is no key", "a word"),
    (
        {"space": "space:\n  lr: {log: [1e-2, 1e-4]}"},
        "8: space.lr.log: low 0.01 is not below high 0.0001",
        "low < high",
    ),
    ({"space": "space:\n  lr:\n    uniform: [1, 1]"}, "9: space.lr.uniform: low 1 is not below", "low < high"),
    ({"space": "space:\n  lr: {log: [0, 1]}"}, "8: space.lr.log: low is 0", "above 0"),
    ({"space": "space:\n  lr: {log: [0.1]}"}, "8: space.lr.log: is [0.1]", "at least 2"),
    ({"space": "space:\n  lr: {log: [0.1, 1], int: [1, 2]}"}, "8: space.lr: says both log and int", "exactly one"),
    ({"space": "space:\n  lr: {when: {optimizer: gda}}"}, "8: space.lr: says none of", "exactly one"),
    ({"space": "space:\n  lr: {lgo: [0.1, 1], log: [0.1, 1]}"}, "8: space.lr.lgo: unknown key", "did you mean 'log'?"),
    ({"space": "space:\n  lr: {choice: [0.1, 0.2, 0.1]}"}, "8: space.lr.choice: holds a value twice", "once"),
    ({"space": "space:\n  lr: {choice: [0.1, fast]}"}, "8: space.lr.choice[1]: is 'fast'", "a number"),
    ({"space": "space:\n  lr: {grid: [0.1, 0.2, 0.1]}"}, "8: space.lr.grid: holds a value twice", "once"),
    ({"space": "space:\n  lr: {grid: []}"}, "8: space.lr.grid: is []", "at least 1"),
    ({"space": "space:\n  lr: {grid: [0.1, 0]}"}, "8: space.lr.grid[1]: 0 is outside what gda can take", "> 0"),
    ({"space": "space:\n  lr: fast"}, "8: space.lr: is 'fast'", "a number"),
    ({"space": "space:\n  lr: .nan"}, "8: space.lr: is .nan", "a finite number"),
    ({"space": "space:\n  lr: 1e999"}, "8: space.lr: is 1e999", "a finite number"),
    ({"space": "space:\n  lr: -0.1"}, "8: space.lr: -0.1 is outside what gda can take", "> 0"),
    ({"space": "space:\n  beta1: {uniform: [0.5, 1]}"}, "8: space.beta1.uniform[1]: 1 is outside", ">= 0 and < 1"),
    ({"space": "space:\n  gama: 10"}, "8: space.gama: unknown hyperparameter", "did you mean 'gamma'?"),
    (
        {"space": "space:\n  gamma:\n    fixed: 10\n    when: {optimizer: consensu}"},
        "10: space.gamma.when.optimizer: 'consensu' is no arm",
        "did you mean 'consensus'?",
    ),
    (
        {"space": "space:\n  gamma: {fixed: 10, when: {optimizer: [consensus, gda]}}"},
        "8: space.gamma.when: gda has no hyperparameter 'gamma'",
        "lr_ratio",
    ),
    (
        {"objective": "objective: {minimise: mean.frechet, minimize: mean.frechet}"},
        "12: objective.minimise: unk",
        "minim",
    ),
    ({"objective": "objective: {}"}, "12: objective: says none of minimize, maximize", "exactly one"),
    ({"objective": "objective: {minimize: frechet}"}, "12: objective.minimize: is 'frechet'", "mean.frechet"),
    ({"objective": "objective: {minimize: men.frechet}"}, "12: objective.minimize: unknown aggregate", "'mean'?"),
    ({"objective": "objective: {minimize: quantile100.frechet}"}, "12: objective.minimize: unknown aggregate", "NN"),
    (
        {"objective": "objective: {minimize: mean.frehcet}"},
        "12: objective.minimize: unknown metric output",
        "'frechet'?",
    ),
    (
        {"objective": "objective: {maximize: mean.frechet}"},
        "12: objective.maximize: frechet is better",
        "minimize: mean",
    ),
    ({"objective": "objective: {maximize: rate.balance}"}, "12: objective.maximize: rate is of zeros", "rate.success"),
    ({"success": "success: digit"}, "13: success: unknown metric 'digit'", "did you mean 'digits'?"),
    ({"success": "success: frechet"}, "13: success: metric 'frechet' has no output 'success'", "digits"),
    ({"report_every": "report_every: 300"}, "14: report_every: 300 does not divide the length 2000", "250"),
    ({"report_every": "report_every: 4000"}, "14: report_every: 4000 is above the length 2000", "2000"),
    ({"search": "search: {sampler: tpee}"}, "15: search.sampler: unknown sampler", "did you mean 'tpe'?"),
    ({"search": "search: {pruner: ahsa}"}, "15: search.pruner: unknown pruner", "did you mean 'asha'?"),
    ({"search": "search: {seed: -1}"}, "15: search.seed: is -1", "0 or more"),
    ({"confirm": "confirm: 32"}, "16: confirm: is 32", "a mapping"),
    ({"resources": "resources: {cpu: 0}"}, "17: resources.cpu: is 0", "more than 0"),
    ({"resources": "resources: {gpu: 1.5}"}, "17: resources.gpu: is 1.5", "a share of one"),
    ({"storage": "storage: spec.yaml/runs"}, "18: storage: ", "is no folder"),
    ({"storage": "storage: ''"}, "18: storage: is ''", "a folder"),
    ({"storage": 'storage: "a\\0b"'}, "18: storage: is 'a\\x00b'", "a folder"),
    ({"tracking": "tracking: 5000"}, "19: tracking: is 5000", "text"),
]


@pytest.mark.parametrize(("lines", "begins", "holds"), WRONG, ids=[begins for _, begins, _ in WRONG])
def test_a_mistake_is_one_message_at_its_line(spec: Any, lines: dict[str, str], begins: str, holds: str) -> None:
    found = problems(spec, written(GOOD, **lines))
    assert found[-1].startswith(f"spec.yaml:{begins}") and holds in found[-1], found
    if begins.startswith("6: trails"):  # a misspelt key is missing too
        assert found.pop(0).startswith("spec.yaml:1: trials: is missing; a whole number")
    assert len(found) == 1, found


# Optimizer entries with options, and what their problem must hold.
ARMS = [
    ("{name: consensus, estimator: both}", "5: optimizers[1].estimator: 'both' given; allowed: biased, half_batches"),
    (
        "{name: consensus, estimater: biased}",
        "5: optimizers[1].estimater: unknown option of optimizer 'consensus'; did you",
    ),
    ("{name: accept_reject, patience: 0}", "5: optimizers[1].patience: 0 given; at least 1 is allowed"),
    ("{name: accept_reject, patience: long}", "5: optimizers[1].patience: is 'long'; a whole number is allowed"),
    (
        "{name: consensus, transform: rmspropp}",
        "5: optimizers[1].transform: unknown transform 'rmspropp'; did you mean",
    ),
    ("{name: consensus, as: a b}", "5: optimizers[1].as: is 'a b'; 1 to 64 letters"),
    ("{transform: adam}", "5: optimizers[1].name: is missing; known: accept_reject"),
    ("gda", "5: optimizers[1]: a second arm 'gda', first at optimizers[0]; one arm of each name is allowed"),
    ("{name: consensus, as: gda}", "5: optimizers[1]: a second arm 'gda'"),
    ("{name: consensus, set: {gama: 1}}", "5: optimizers[1].set.gama: consensus has no hyperparameter 'gama'; did you"),
    ("{name: consensus, set: {gamma: -1}}", "5: optimizers[1].set.gamma: -1 is outside what consensus can take; >= 0"),
    ("{name: consensus, set: {gamma: high}}", "5: optimizers[1].set.gamma: is 'high'; a number is allowed"),
    ("{name: consensus, set: {gamma: true}}", "5: optimizers[1].set.gamma: is true; a number is allowed"),
    ("{name: consensus, set: [gamma]}", "5: optimizers[1].set: is ['gamma']; a mapping is allowed"),
    ("{name: adam}", "5: optimizers[1].name: unknown optimizer 'adam'; known: accept_reject"),
]

# Optimizers by label, and what their problem must hold.
LABELLED = [
    ("{}", "5: optimizers: is a mapping; at least 1 values are allowed"),
    (
        "{a b: gda}",
        "5: optimizers.a b: the arm's name: is 'a b'; 1 to 64 letters, digits, - and _ are",
    ),
    ("{one: }", "5: optimizers.one: is nothing; a name, or {name: …} with its options"),
    ("{one: [gda]}", "5: optimizers.one: is ['gda']; a name, or {name: …}"),
    ("{one: {transform: sgd}}", "5: optimizers.one.name: is missing; known: accept_reject"),
    ("{one: gdaa}", "5: optimizers.one: unknown optimizer 'gdaa'; did you mean 'gda'?"),
    ("{one: {name: gda, as: two}}", "5: optimizers.one.as: a second name of 'one'; the key is the arm's name"),
    ("{one: gda, one: consensus}", "5: optimizers.one: given twice, first on line 5; each key once"),
    ("{one: {name: consensus, estimator: both}}", "5: optimizers.one.estimator: 'both' given; allowed: biased"),
    ("{one: {name: consensus, set: {lr: 0}}}", "5: optimizers.one.set.lr: 0 is outside what one can take; > 0"),
    ("{one: {name: gda, set: {gamma: 1}}}", "5: optimizers.one.set.gamma: one has no hyperparameter 'gamma'; known:"),
    ("{one: {name: gda, transform: sgd, set: {beta1: 0}}}", "5: optimizers.one.set.beta1: one has no hyperparameter"),
]

# Arms and a space that contradict each other.
CONTRARY = [
    (
        "{name: consensus, set: {gamma: 3}}",
        "gamma: {log: [1, 2], when: {optimizer: consensus}}",
        "gamma.when.optimizer: is without effect: consensus fixed by `set`; drop one of the two",
    ),
    (
        "{name: consensus, as: c, set: {gamma: 3}}, consensus",
        "gamma: {log: [1, 2], when: {optimizer: [consensus, c]}}",
        "gamma.when.optimizer[1]: is without effect: c fixed by `set`",
    ),
    ("{name: consensus, set: {gamma: 3}}", "gamma: {log: [1, 2]}", "gamma: is without effect: consensus fixed by"),
    ("{name: gda, set: {lr: 1e-3}}", "lr: 0.01", "lr: is without effect: gda fixed by `set`"),
]


@pytest.mark.parametrize(("arm", "holds"), ARMS)
def test_an_arm_is_checked_with_its_options(spec: Any, arm: str, holds: str) -> None:
    [found] = problems(spec, written(GOOD, optimizers=f"optimizers: [gda, {arm}]", space="space: {lr: 0.001}"))
    assert found.startswith(f"spec.yaml:{holds}")


@pytest.mark.parametrize(("arms", "holds"), LABELLED)
def test_an_arm_by_label_is_checked_at_its_label(spec: Any, arms: str, holds: str) -> None:
    [found] = problems(spec, written(GOOD, optimizers=f"optimizers: {arms}", space=""))
    assert found.startswith(f"spec.yaml:{holds}")


@pytest.mark.parametrize(("arms", "entry", "holds"), CONTRARY)
def test_nothing_in_the_space_is_without_effect(spec: Any, arms: str, entry: str, holds: str) -> None:
    [found] = problems(spec, written(GOOD, optimizers=f"optimizers: [{arms}]", space=f"space:\n  {entry}"))
    assert found.startswith(f"spec.yaml:8: space.{holds}")


# Text that is refused before any key is looked at.
UNREADABLE = [
    ("name: [digits\ngame: 3\n", "spec.yaml:2: cannot be read as YAML: "),
    ("name: digits\n\tgame: 3\n", "spec.yaml:2: cannot be read as YAML: "),
    (b"name: a\nx: \xff\n", "spec.yaml:2: byte 0xff is not UTF-8"),
    ("name: a\nx: \x07\n", "spec.yaml:2: cannot be read as YAML: character '\\x07'"),
    ("", "spec.yaml:1: is empty; a mapping of keys"),
    ("# nothing\n- gda\n", "spec.yaml:2: holds a list; a mapping of keys"),
    ("a: 1\n---\nb: 2\n", "spec.yaml:2: cannot be read as YAML: "),
    ("a: &x [1]\nb: *x\n", "spec.yaml:2: cannot be read as YAML: aliases (*name) are not allowed"),
    ("a: !!python/object/apply:os.getcwd []\n", "spec.yaml:1: cannot be read as YAML: tags"),
    ("a: " + "[" * 3000, "spec.yaml:1: cannot be read as YAML: nested more than 20 deep"),
    ("a: [" + "1," * 20_000 + "1]", "spec.yaml:1: cannot be read as YAML: more than 10000 values"),
    ("#" * (MAX_BYTES + 1), "spec.yaml: is larger than a megabyte"),
]


@pytest.mark.parametrize(("text", "begins"), UNREADABLE, ids=[begins for _, begins in UNREADABLE])
def test_unreadable_text_is_one_message(spec: Any, text: str | bytes, begins: str) -> None:
    [found] = problems(spec, text)
    assert found.startswith(begins)


@pytest.mark.parametrize(
    ("path", "reason"), [("absent.yaml", "No such file"), (".", "Is a directory"), ("a\0b", "null")]
)
def test_a_file_that_cannot_be_opened(path: str, reason: str) -> None:
    with pytest.raises(SpecErrors, match=f"cannot be read: .*{reason}"):
        load(Path(path))


def test_all_problems_in_one_pass_sorted_by_line(spec: Any) -> None:
    text = written(
        GOOD,
        name="name: a/b",
        game="game: {data: digits01, loss: hing, bach: 64}",
        seeds="seeds: -1",
        optimizers="optimizers: [gda, consensu, {name: accept_reject, patience: 0, ascent: 3}]",
        trials="trials: 0",
        space="space:\n  lr: {log: [1, 0.1]}\n  gama: 10\n  beta1: 2",
        objective="objective: {minimize: men.frechet}",
        report_every="report_every: 300\nreport_evry: 200",
    )
    found = problems(spec, text)
    keys = [line.split(": ")[1] for line in found]
    assert keys == [
        "name", "game.loss", "game.bach", "seeds", "optimizers[1]", "optimizers[2].patience", "optimizers[2].ascent",
        "trials", "space.lr.log", "space.gama", "space.beta1", "objective.minimize", "report_every", "report_evry",
    ]  # fmt: skip
    lines = [int(line.split(":")[1]) for line in found]
    assert lines == sorted(lines)
    assert all(line.count("; ") >= 1 for line in found), "each says what is allowed"


def test_a_broken_arm_does_not_make_its_hyperparameters_unknown(spec: Any) -> None:
    [found] = problems(spec, GOOD.replace("consensus, ", "{name: consensus, transform: adm}, "))
    assert "optimizers[4].transform" in found


def test_yaml_is_read_as_its_newer_version_says(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(
        "a: 1e-4\nb: no\nc: on\nd: 1:30\ne: 2024-01-01\nf: .5\ng: ~\nh: 'x'\ni: 1_000\nj: {<<: 3}\n"
    )
    expected = {"a": 1e-4, "b": "no", "c": "on", "d": "1:30", "e": "2024-01-01", "f": 0.5, "g": None, "h": "x"}
    source = read(tmp_path / "a.yaml")
    assert source.data == {**expected, "i": "1_000", "j": {"<<": 3}}
    assert source.where[("j", "<<")] == (10, 5) and not source.problems


def test_a_folder_without_permission_to_write() -> None:
    nobody = 65534
    with tempfile.TemporaryDirectory() as locked:
        os.chmod(locked, 0o555)
        source = Source("spec.yaml", "", where={("storage",): (18, 1)})
        me = os.geteuid()
        if me == 0:  # to whom nothing is unwritable
            os.seteuid(nobody)
        try:
            checks.storage(source, f"{locked}/deep/runs")
        finally:
            if me == 0:
                os.seteuid(me)
    [found] = source.problems
    assert str(found) == f"spec.yaml:18: storage: {locked!r} cannot be written; a folder that can is allowed"


def test_storage_may_be_an_address_or_in_the_home(spec: Any) -> None:
    assert spec(written(GOOD, storage="storage: s3://bucket/path")).storage == "s3://bucket/path"
    assert spec(written(GOOD, storage="storage: ~/runs")).storage == os.path.expanduser("~/runs")


def test_overrides(spec: Any) -> None:
    sweep = spec(GOOD, ("trials=2", "confirm.seeds=4", "optimizers=[gda]", "space={lr: 1e-3}", "tracking=http://h:1"))
    assert (sweep.trials, sweep.confirm.seeds, len(sweep.optimizers), sweep.tracking) == (2, 4, 1, "http://h:1")
    assert sweep.space["lr"].values == (1e-3,)
    found = problems(spec, GOOD, ("trials=0", "seeds.x=3", "seeds", "search.seed=[", "confirm.seeds=.inf"))
    assert [line.partition(": ")[2] for line in found] == [
        "seeds.x: is not in a mapping; what is in one can be set",
        "is no assignment; key=value, key.key=value or key[0].key=value is allowed",
        found[2].partition(": ")[2],
        "confirm.seeds: is .inf; a finite number is allowed",
        "trials: is 0; 1 or more is allowed",
    ]
    assert found[2].startswith("override 'search.seed=[': cannot be read as YAML")


def test_overrides_of_list_items(spec: Any) -> None:
    """A bare name on the way becomes a mapping; what it was stays at its line."""
    sweep = spec(GOOD, ("optimizers[0].transform=sgd", "optimizers[1]=sga", "optimizers[4].set.gamma=3", "space={}"))
    assert [arm.optimizer for arm in sweep.optimizers][:2] == ["gda", "sga"]
    assert sweep.optimizers[0].transform == "sgd" and sweep.optimizers[4].settings == {"gamma": 3}
    assert spec(GOOD, ("game.net.widths=[8]", "game.net.widths[0]=16")).game.net.options == {"widths": [16]}
    assert spec(GOOD.replace("[gda,", "[gd,"), ("optimizers[0]=gda",)).optimizers[0].optimizer == "gda"
    [found] = problems(spec, GOOD.replace("[gda,", "[gd,"), ("optimizers[0].transform=sgd",))
    assert found.startswith("spec.yaml:5: optimizers[0].name: unknown optimizer 'gd'")
    assert problems(spec, GOOD, ("space[0].name=",)) == [
        "override 'space[0].name=': space[0].name: is not in a mapping; what is in one can be set"
    ]
    said = ("optimizers[6]=gda", "optimizers[0][0]=gda", "trials[0]=1", "optimizers.x=gda", "optimizers[-1]=gda",
            "optimizers[0].transform=sgdd")  # fmt: skip
    assert problems(spec, GOOD, said) == [
        "override 'optimizers[6]=gda': optimizers[6]: is not in a list so long; [0] to [5] are there",
        "override 'optimizers[0][0]=gda': optimizers[0][0]: is not in a list; what is in one can be set",
        "override 'trials[0]=1': trials[0]: is not in a list; what is in one can be set",
        "override 'optimizers.x=gda': optimizers.x: is not in a mapping; what is in one can be set",
        "override 'optimizers[-1]=gda': is no assignment; key=value, key.key=value or key[0].key=value is allowed",
        "override 'optimizers[0].transform=sgdd': optimizers[0].transform: unknown transform 'sgdd'; did you mean "
        "'sgd'? known: adam, momentum, rmsprop, sgd; or your own as module:function",
    ]


BY_LABEL = """\
optimizers:
  plain: gda
  damped: {name: consensus, transform: rmsprop, estimator: half_batches, set: {lr: 1.0e-3, gamma: 3}}
  free: {name: consensus, transform: momentum}"""
SPECS = [
    GOOD,
    written(GOOD, optimizers=BY_LABEL, space="space: {gamma: {log: [1, 10]}, momentum: {uniform: [-0.5, 0.5]}}"),
    written(
        GOOD,
        game="game: {name: bilinear, matrix: [[1, 2], [3, 4]]}",
        success="",
        objective="objective: {minimize: mean.distance}",
    ),
    written(GOOD, game="game: {data: {name: gaussians, modes: 9, layout: grid}, net: {name: mlp, gain: null}}"),
    written(
        GOOD,
        optimizers="optimizers: [gda, {name: consensus, estimator: half_batches, transform: rmsprop, as: unbiased}]",
        space="space: {lr: 1e-3, lr_ratio: {int: [1, 5]}, gamma: {choice: [1, 10], when: {optimizer: [unbiased]}}}",
        report_every="",
        search="",
        tracking="tracking: http://127.0.0.1:5000",
        transform="transform: sgd",
    ),
    written(
        GOOD,
        game="game: {name: dirac_gan, variant: gradient_penalty, gamma: 0.5, start: [1, 1], spread: 0.1}",
        success="",
        objective="objective: {minimize: mean.distance}",
    ),
    written(
        GOOD,
        trials="",
        budget="budget: 100000",
        repeats="repeats: 2",
        objective="objective: [{minimize: mean.frechet}, {maximize: median.balance}]",
        search="search: {sampler: {name: nsga2, population: 4}, pruner: none}",
        enqueue="enqueue: [{lr: 0.001}, {optimizer: [consensus], gamma: 10, lr: 1.0e-3}]",
    ),
    written(
        GOOD,
        optimizers="optimizers: [gda, consensus]",
        search="search: {sampler: grid, pruner: {name: patient, patience: 2}}",
        space="space: {lr: {grid: [1, 2, 3]}, lr_ratio: {choice: [1, 2]}, gamma: 1}",
        storage="storage: ${env:PLACE:-./runs}/here",
        tracking="tracking: http://me:${env:PLACE:-}@127.0.0.1:5000",
        schedule="schedule: {generator: cosine, discriminator: {name: linear, final: 0.1}}",
        metrics="metrics: [{name: kid, count: 100}, diversity]",
        resources="resources: {cpu: 0.5, memory: 2GB, max_concurrent: 3}",
    ),
    written(
        GOOD,
        **dict.fromkeys(("trials", "search", "confirm", "objective"), ""),
        map="map: {axes: [lr, lr_ratio], size: [3, 4], chunk: 8}",
        optimizers="optimizers: [gda]",
        space="space: {lr: {log: [0.001, 0.1]}}",
        seeds="seeds: 2",
    ),
]


@pytest.mark.parametrize("text", SPECS)
def test_normalized_is_json_and_comes_back(spec: Any, text: str) -> None:
    sweep = spec(text)
    plain = sweep.normalized()
    again = Sweep.from_normalized(json.loads(json.dumps(plain, allow_nan=False)))
    assert again == sweep and again.normalized() == plain
    assert {"transform", "resources", "storage", "report_every"} <= set(plain)


def test_normalized_data_that_is_not_ours_is_refused(spec: Any) -> None:
    with pytest.raises(SpecErrors, match=r"sweep.json:1: trials: is 0; 1 or more"):
        Sweep.from_normalized({**spec(GOOD).normalized(), "trials": 0})


def test_a_game_gets_what_its_builder_takes(spec: Any) -> None:
    gan = spec(written(GOOD, game="game: {data: {name: gaussians, modes: 9}}"))
    assert gan.game.options["data"] == {"name": "gaussians", "modes": 9}
    assert set(gan.normalized()["game"]) == {
        "name", "data", "net", "loss", "batch", "latent", "instance_noise"
    }, "defaults are written out"  # fmt: skip
    paid = spec(written(GOOD, game="game: {data: gaussians, loss: {name: wasserstein, clip: null}, penalty: r1}"))
    assert paid.game.options["loss"] == {"name": "wasserstein", "clip": None}
    assert paid.game.options["penalty"] == {"name": "r1"}
    assert spec(SPECS[2]).game.options == {"matrix": [[1, 2], [3, 4]]}


def test_space_falls_back_to_what_the_optimizer_declares(spec: Any) -> None:
    sweep = spec(SPECS[4])
    gda, consensus = sweep.optimizers
    assert (gda.name, consensus.name, consensus.options) == ("gda", "unbiased", {"estimator": "half_batches"})
    assert optimizer_of(sweep, gda).hypers.keys() == {"lr", "lr_ratio"}
    assert fixed(sweep, gda) == {"lr": 1e-3}
    assert str(distributions(sweep, gda)["lr_ratio"]) == "IntDistribution(high=5, log=False, low=1, step=1)"
    assert distributions(sweep, consensus)["gamma"].choices == (1.0, 10.0)  # type: ignore[attr-defined]  # Categorical's
    assert "decay" in fixed(sweep, consensus), "a constant of rmsprop, its own transform"


BY_GRID = {"search": "search: {sampler: grid}", "optimizers": "optimizers: [gda, consensus]", "transform": ""}
GRIDS = [
    ("trials: 6", "{lr: {grid: [1, 2, 3]}, lr_ratio: {choice: [1, 2]}, gamma: 1}", None),
    ("trials: 6", "{lr: {grid: [1, 2, 3]}, lr_ratio: 1, gamma: {int: [1, 2]}}", None),
    (
        "trials: 5",
        "{lr: {grid: [1, 2, 3]}, lr_ratio: {choice: [1, 2]}, gamma: 1}",
        "6: trials: 5 trials are fewer than the 6 points of gda's grid; 6 trials or more are allowed",
    ),
    (
        "trials: 6",
        "{lr: {grid: [1, 2, 3]}, lr_ratio: {choice: [1, 2]}, gamma: {grid: [1, 2]}}",
        "6: trials: 6 trials are fewer than the 12 points of consensus's grid; 12 trials or more are allowed",
    ),
    (
        "budget: 80000",
        "{lr: {int: [1, 100]}, lr_ratio: 1, gamma: 1}",
        "14: budget: 5 trials are fewer than the 100 points of gda's grid; 100 trials or more are allowed",
    ),
    (
        "trials: 9",
        "{lr: {log: [1, 2]}, lr_ratio: 1, gamma: 1}",
        "7: space.lr.log: is a range, and no values to go through; grid: […], choice: […], int: [low, high] or a",
    ),
    (
        "trials: 9",
        "{lr: {grid: [1, 2]}, lr_ratio: 1, gamma: {grid: [1], when: {optimizer: gda}}}",
        "7: space.gamma.when: gda has no hyperparameter 'gamma'",
    ),
    (
        "trials: 9",
        "{lr: {grid: [1, 2]}, lr_ratio: {grid: [1], when: {optimizer: gda}}, gamma: 1}",
        "7: space.lr_ratio: consensus would search lr_ratio from 0.1 to 10; grid: […], choice: […]",
    ),
    ("trials: 9", "{lr: {grid: [1, 2]}, gamma: 1}", "7: space.lr_ratio: gda would search lr_ratio from 0.1 to 10"),
]


@pytest.mark.parametrize(("share", "space", "begins"), GRIDS)
def test_the_sampler_grid_has_values_to_go_through_and_the_trials_to_do_so(
    spec: Any, share: str, space: str, begins: str | None
) -> None:
    trials = {"trials": share} if share.startswith("trials") else {"trials": "", "budget": share}
    text = written(GOOD, **BY_GRID, **trials, space=f"space: {space}")
    if begins is None:
        assert spec(text).search.sampler.name == "grid"
        assert spec(text.replace("sampler: grid", "sampler: {name: grid}")).search.sampler.name == "grid"
    else:
        [found] = problems(spec, text)
        assert found.startswith(f"spec.yaml:{begins}"), found


def test_a_grid_is_for_the_sampler_grid(spec: Any) -> None:
    for search in ("", "search: {sampler: qmc}", "search: {sampler: {name: tpe, startup: 3}}"):
        [found] = problems(spec, written(GOOD, search=search, space="space: {lr: {grid: [1, 2]}}"))
        assert "space.lr.grid: the sampler " in found and found.endswith("or search: {sampler: grid}, is allowed")


def test_a_grid_is_drawn_from_its_values() -> None:
    entry = Entry.model_validate({"grid": [1e-3, 1e-4]})
    assert distribution(entry).choices == (1e-3, 1e-4)  # type: ignore[attr-defined]  # Categorical's


def test_arms_by_label_and_what_they_set(spec: Any) -> None:
    sweep = spec(SPECS[1])
    _, damped, free = sweep.optimizers
    assert [arm.name for arm in sweep.optimizers] == ["plain", "damped", "free"], "as they are written"
    assert (damped.optimizer, damped.transform, damped.options) == (
        "consensus",
        "rmsprop",
        {"estimator": "half_batches"},
    )
    assert {"lr": 1e-3, "gamma": 3.0}.items() <= fixed(sweep, damped).items(), "over the space"
    assert distributions(sweep, damped).keys() == {"lr_ratio"}
    assert distributions(sweep, free).keys() == {"lr", "lr_ratio", "gamma", "momentum"}
    assert "set" not in sweep.normalized()["optimizers"][0]
    config = config_of(sweep, None, damped, Trial("damped", "search", 0, {"lr_ratio": 1}, "running", 1, None, (0,)))
    assert config.hypers["gamma"] == 3.0 and config.options == {"estimator": "half_batches", "transform": "rmsprop"}


def test_what_is_found_by_playing_has_the_line_of_its_arm(spec: Any) -> None:
    text = written(SMALL, game="game: autoencoder_field", optimizers="optimizers:\n  one: gda\n  two: unrolled")
    with pytest.raises(Unfit) as unfit:
        rehearse(spec(text))
    source = read(Path("spec.yaml"))
    assert place_of(source, unfit.value.key) == ("optimizers", "two") and source.where["optimizers", "two"][0] == 6
    assert place_of(source, ("metrics", 0)) == ("metrics", 0)


def test_an_entry_may_be_for_the_arms_of_one_optimizer_that_leave_it_open(spec: Any) -> None:
    arms = "optimizers: {one: {name: consensus, set: {gamma: 3}}, two: consensus}"
    sweep = spec(written(GOOD, optimizers=arms, space="space: {gamma: {log: [1, 2], when: {optimizer: consensus}}}"))
    one, two = sweep.optimizers
    assert fixed(sweep, one)["gamma"] == 3 and distributions(sweep, two)["gamma"].high == 2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("transform", "constants"),
    [("sgd", set()), ("momentum", {"momentum"}), ("rmsprop", {"decay", "eps"}), ("adam", {"beta1", "beta2", "eps"})],
)
def test_the_constants_of_every_transform_can_be_searched(spec: Any, transform: str, constants: set[str]) -> None:
    """By their names, and drawn values reach the training."""
    declared = minmax.TRANSFORMS.build(transform).hypers
    assert set(declared) == constants
    lines = "".join(f"\n  {name}: {{uniform: [{0.25}, {0.75}]}}" for name in sorted(constants))
    sweep = spec(written(SMALL, transform=f"transform: {transform}", space=f"space:\n  lr: 0.125{lines}"))
    arm = sweep.optimizers[0]
    drawn = distributions(sweep, arm)
    assert constants <= drawn.keys() and not constants & fixed(sweep, arm).keys()
    params = dict.fromkeys(drawn, 0.5)
    config = config_of(sweep, None, arm, Trial("gda", "search", 0, params, "running", 1, None, (0,)))
    optimizer = minmax.optimizers.get(config.optimizer, **config.options)
    [*_, last] = minmax.train(minmax.games.get("bilinear"), optimizer, config.hypers, [0], 1)
    assert last.step == 1 and config.hypers.keys() == optimizer.hypers.keys()


def test_when_leaves_other_arms_to_their_declaration(spec: Any) -> None:
    sweep = spec(written(GOOD, space="space: {lr: {uniform: [0.1, 0.2], when: {optimizer: gda}}, beta1: 0.9}"))
    gda, other = sweep.optimizers[:2]
    declared = optimizer_of(sweep, other).hypers["lr"]
    drawn = distributions(sweep, other)["lr"]
    assert (drawn.low, drawn.high, drawn.log) == (declared.low, declared.high, declared.log)  # type: ignore[attr-defined]
    assert distributions(sweep, gda)["lr"].high == 0.2  # type: ignore[attr-defined]  # FloatDistribution's
    assert fixed(sweep, gda)["beta1"] == fixed(sweep, other)["beta1"] == 0.9


@pytest.mark.parametrize("text", SPECS)
def test_every_hyperparameter_is_drawn_or_fixed_never_both(spec: Any, text: str) -> None:
    sweep = spec(text)
    for arm in sweep.optimizers:
        drawn, constant = distributions(sweep, arm), fixed(sweep, arm)
        assert set(drawn).isdisjoint(constant)
        assert set(drawn) | set(constant) == set(optimizer_of(sweep, arm).hypers)


def test_names_of_the_users_own(spec: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path.parent / "own_parts.py").write_text(
        "from minmax import optimizers\n"
        "from minmax.types import Goal, Metric\n"
        "def slow(transform, pace: int = 1):\n"
        "    return optimizers.get('gda', transform=transform)\n"
        "def nothing(transform):\n"
        "    return 3\n"
        "def quality():\n"
        "    goal = Goal('maximize', 1.0, 0.0)\n"
        "    return Metric(lambda *args: {}, {'success': goal, 'shine': goal})\n"
    )
    (tmp_path.parent / "own_broken.py").write_text("raise SystemExit('no')\n")
    monkeypatch.syspath_prepend(tmp_path.parent)
    text = written(GOOD, space="", success="success: own_parts:quality", objective="objective: {maximize: mean.shine}")
    sweep = spec(written(text, optimizers="optimizers: [gda, {name: 'own_parts:slow', pace: 2}]"))
    assert [arm.name for arm in sweep.optimizers] == ["gda", "slow"]
    assert optimizer_of(sweep, sweep.optimizers[1]).name == "gda"

    broken = (
        "optimizers: ['own_parts:nothing', 'own_broken:x', 'own_parts:absent', {name: 'own_parts:slow', pace: two}]"
    )
    found = problems(spec, written(text, optimizers=broken))
    assert [line.partition(": ")[2][:13] for line in found] == [f"optimizers[{i}]" for i in range(4)]
    assert "builds a int" in found[0] and "SystemExit: no" in found[1] and "absent" in found[2] and "'two'" in found[3]


def test_a_bad_spec_is_refused_fast_and_without_heavy_imports(tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(written(GOOD, trials="trials: 0", game="game: {data: digits01, loss: hing}"))
    code = (
        "import sys, time; start = time.perf_counter()\n"
        "from pathlib import Path\n"
        "from sweeps.spec.source import SpecErrors\n"
        "from sweeps.spec.sweep import load\n"
        "try: load(Path('bad.yaml'))\n"
        "except SpecErrors as errors: print(len(errors.problems))\n"
        "print(*sorted({'torch', 'ray', 'optuna', 'mlflow', 'scipy', 'plotly'} & set(sys.modules)))\n"
        "print(time.perf_counter() - start)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    count, heavy, seconds = run.stdout.split("\n")[:3]
    assert (count, heavy) == ("2", ""), run.stderr
    assert float(seconds) < 2  # half a second on an idle core; imports wait for whatever else the machine does
    assert os.listdir(tmp_path) == ["bad.yaml"]


@pytest.mark.parametrize("path", SHIPPED, ids=[path.stem for path in SHIPPED])
def test_shipped_specs_are_valid(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    load(path)


SCHEDULES: list[tuple[str, Any]] = [
    ("cosine", {"name": "cosine"}),
    ("{name: step, every: 10}", {"name": "step", "every": 10}),
    ("{x: linear, y: {name: linear, final: 0.1}}", {"x": {"name": "linear"}, "y": {"name": "linear", "final": 0.1}}),
]
SMALL = """\
name: small
game: bilinear
length: 20
optimizers: [gda]
trials: 1
objective: {minimize: mean.distance}
"""


@pytest.mark.parametrize(("said", "plain"), SCHEDULES)
def test_a_schedule_reaches_the_training(spec: Any, said: str, plain: Any) -> None:
    """Of both players, or each its own: in the config of a trial, as ``minmax.train`` takes it."""
    sweep = spec(written(SMALL, schedule=f"schedule: {said}"))
    assert Sweep.from_normalized(sweep.normalized()) == sweep
    config = config_of(sweep, None, sweep.optimizers[0], Trial("gda", "search", 0, {}, "running", 1, None, (0,)))
    assert Config.from_json(json.loads(json.dumps(config._asdict()))).schedule == plain
    assert rehearse(sweep) == "distance"


def test_a_trial_trains_by_it(spec: Any, tmp_path: Path) -> None:
    """Its factors stop GDA after a step; without them it spirals outwards."""
    drawn = Trial("gda", "search", 0, {"lr": 0.5, "lr_ratio": 1.0}, "running", 1, None, (0, 1))
    values = []
    for said in ("schedule: {name: step, every: 1, factor: 1.0e-9}", ""):
        sweep = spec(written(SMALL, transform="transform: sgd", schedule=said))
        store = Store(str(tmp_path / f"runs{len(values)}"))
        *_, last = trial.run(config_of(sweep, None, sweep.optimizers[0], drawn), store, attempt=1)
        values.append(last.value)
    assert values[1] > 5 * values[0]


@pytest.mark.parametrize(
    ("said", "holds"),
    [
        ("cosin", "schedule: unknown schedule 'cosin'; did you mean 'cosine'?"),
        ("{x: cosin}", "schedule.x: unknown schedule 'cosin'; did you mean 'cosine'?"),
        ("{x: {name: linear, last: 1}}", "schedule.x.last: unknown option of schedule 'linear'; known: final"),
        ("{name: linear, final: low}", "schedule.final: is 'low'; a number is allowed"),
        ("step", "schedule.every: is missing; schedule 'step' needs it"),
        ("0.5", "schedule: is 0.5; a name, or {name: …} with its options, is allowed"),
    ],
)
def test_a_schedule_is_checked(spec: Any, said: str, holds: str) -> None:
    found = problems(spec, written(SMALL, schedule=f"schedule: {said}"))
    assert len(found) == 1 and holds in found[0], found


def test_a_schedule_of_nobody_is_found_by_playing(spec: Any) -> None:
    with pytest.raises(Unfit, match="'z' is no player; allowed: x, y") as unfit:
        rehearse(spec(written(SMALL, schedule="schedule: {z: cosine}")))
    assert unfit.value.key == ("schedule",)
