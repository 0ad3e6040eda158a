"""A Slurm job (sbatch): a Ray cluster of its own on some nodes, with the sweep's driver beside its head."""

from __future__ import annotations

from cluster.config import Cluster
from cluster.render import File
from cluster.render.template import Quoted, as_shell, as_yaml, fill
from cluster.values import SECONDS, in_words

LOWEST, EPHEMERAL = 10240, 32768  # between them lie ports that the kernel gives to nobody by itself
OWN, SPARE = 10, 20  # a node's ports with a name, and what workers need beyond two a core
STORE = 128 * 2**20  # Ray's object store: nothing large goes through it
GRACE = 20  # seconds that nodes stay for the driver to stop well, out of Slurm's KillWait (30)
PATIENCE = 300  # seconds for the head to come up


def render(cluster: Cluster) -> list[File]:
    """The one script, to be given to ``sbatch`` in a folder that all nodes share.

    Raises:
        ConfigErrors: no sweep is named, or it would be warned before it begins.
    """
    slurm = cluster.slurm
    if cluster.job is None:
        raise cluster.errors("job", "is missing", "the sweep that the job runs, as {spec: digits.yaml}, is allowed")
    ports = OWN + SPARE + 2 * cluster.cpus
    text = fill(
        "slurm.sbatch.j2",
        cluster=cluster,
        slurm=slurm,
        nodes=_nodes(cluster),
        megabytes=cluster.memory // 2**20,
        memory=cluster.memory * 7 // 8,
        options=_options(cluster),
        time=_time(slurm.time),
        warn=in_words(SECONDS)(slurm.warn),
        settings=_settings(cluster),
        ports=ports,
        lowest=LOWEST,
        blocks=(EPHEMERAL - LOWEST) // ports,
        store=STORE,
        grace=GRACE,
        patience=PATIENCE,
    )
    return [File(f"{cluster.name}.sbatch", text, executable=True)]


def _nodes(cluster: Cluster) -> str:
    """``3``, or ``1-3``: the head shares the first worker's node, so that none stands idle."""
    fewest, most = max(cluster.workers.min, 1), max(cluster.workers.max, 1)
    return str(most) if fewest == most else f"{fewest}-{most}"


def _options(cluster: Cluster) -> list[tuple[str, str]]:
    """Those of sbatch that not every job has."""
    slurm = cluster.slurm
    kind = f":{slurm.gpu}" if slurm.gpu else ""
    said = {
        "gres": f"gpu{kind}:{cluster.gpus}" if cluster.gpus else None,
        "partition": slurm.partition,
        "account": slurm.account,
        "qos": slurm.qos,
        "constraint": slurm.constraint,
        "mail-user": slurm.mail,
        "mail-type": "END,FAIL,REQUEUE" if slurm.mail else None,
    }
    return [(name, value) for name, value in said.items() if value is not None]


def _time(seconds: int) -> str:
    """Slurm's way to say it, whole minutes up.

    >>> _time(24 * 3600), _time(5400), _time(61)
    ('1-00:00:00', '0-01:30:00', '0-00:02:00')
    """
    minutes = -(-seconds // 60)
    days, rest = divmod(minutes, 24 * 60)
    return f"{days}-{rest // 60:02}:{rest % 60:02}:00"


def _settings(cluster: Cluster) -> Quoted:
    """What the file says of storage, studies and tracking, over what the spec says."""
    said = {name: getattr(cluster, name) for name in ("storage", "studies", "tracking")}
    given = {name: value for name, value in said.items() if name in cluster.model_fields_set and value is not None}
    return Quoted(
        "".join(f" \\\n        --set {as_shell(f'{name}={as_yaml(value)}')}" for name, value in given.items())
    )
