"""A Ray cluster of several nodes on this machine."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cluster.cli.base import FAILED, app, told

if TYPE_CHECKING:
    from cluster.local.nodes import Shown

Name = Annotated[str, typer.Option(help="What the cluster is called: one machine may have several.")]
Grace = Annotated[int | None, typer.Option(min=0, help="Seconds for trials to come to a report; else as said with up.")]


@app.command()
def up(
    nodes: Annotated[int, typer.Option(min=1, max=64, help="The head one of them; more than before adds workers.")] = 1,
    cpus: Annotated[
        int | None, typer.Option(min=1, help="Cores of a worker; else a share of the machine's.", show_default=False)
    ] = None,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of a worker.")] = 0,
    grace: Annotated[int, typer.Option(min=0, help="Seconds that trials have to leave a node that ends.")] = 30,
    name: Name = "local",
) -> None:
    """Start a cluster on this machine's loopback, with a token of its own; or add workers to it."""
    with told():
        from cluster.local.nodes import Size
        from cluster.local.nodes import up as brought_up
        from cluster.local.place import Place

        place = Place(name)
        _print(brought_up(place, Size(nodes, cpus, gpus, grace)))
        option = "" if name == "local" else f" --name {shlex.quote(name)}"
        print(f'\nIn a shell of yours: eval "$({_python()} -m cluster env{option})"; then: sweeps submit SPEC')


@app.command()
def status(name: Name = "local") -> None:
    """Say what runs of the cluster on this machine; exit code 1 if a node does not."""
    with told():
        from cluster.local.nodes import shown
        from cluster.local.place import Place

        nodes = shown(Place(name))
        if not nodes:
            print(f"no cluster {name} on this machine")
        _print(nodes)
        if not nodes or not all(each.lives for each in nodes):
            raise typer.Exit(FAILED)


@app.command()
def env(name: Name = "local") -> None:
    """Print what a shell needs to reach the cluster; where its token lies, and not what it says."""
    with told():
        from cluster.local.errors import LocalError
        from cluster.local.nodes import dashboard, shown
        from cluster.local.place import Place
        from cluster.token import MODE, PATH

        place = Place(name)
        nodes = shown(place)
        if not nodes:
            raise LocalError(f"no cluster {name} on this machine; `python -m cluster up` makes one")
        reached = {"RAY_API_SERVER_ADDRESS": dashboard(nodes[0].node), MODE: "token", PATH: str(place.token)}
        print("\n".join(f"export {variable}={shlex.quote(value)}" for variable, value in reached.items()))


@app.command()
def down(
    node: Annotated[
        int | None, typer.Option(min=1, help="Only this worker; else all of it.", show_default=False)
    ] = None,
    grace: Grace = None,
    name: Name = "local",
) -> None:
    """End the cluster on this machine, or one worker of it; nothing is left of it."""
    with told():
        from cluster.local import nodes
        from cluster.local.place import Place

        if node is not None:
            nodes.leave(Place(name), node, grace)
        elif not nodes.down(Place(name), grace):
            print(f"no cluster {name} on this machine")


def _python() -> str:
    """What this Python is called by in a shell: its path, where the environment is not entered."""
    found = shutil.which("python")
    return "python" if found and Path(found).parent == Path(sys.executable).parent else shlex.quote(sys.executable)


def _print(nodes: Sequence[Shown]) -> None:
    from cluster.local.nodes import dashboard

    for node, pid, lives in nodes:
        offers = f"{node.cpus} cores" + (f", {node.gpus} GPUs" if node.gpus else "")
        where = "" if node.number else f"   {dashboard(node)}"
        print(f"{node.name:10} {'process' if lives else 'dead, was'} {pid:<8} {offers}{where}")
