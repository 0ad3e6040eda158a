"""Which file system a path lies on, and whether SQLite may: over a network its locks do not work, and data is lost."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import NamedTuple

MOUNTS = Path("/proc/mounts")
NETWORK = (
    "9p", "afp", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "gfs2", "gpfs", "lustre", "ncpfs", "nfs", "nfs4",
    "ocfs2", "orangefs", "pvfs2", "smb3", "smbfs", "wekafs",
    "fuse.ceph", "fuse.ceph-fuse", "fuse.gcsfuse", "fuse.glusterfs", "fuse.goofys", "fuse.juicefs", "fuse.mfs",
    "fuse.moosefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs",
)  # fmt: skip


class NetworkFolder(OSError):
    """SQLite would lie on a network file system; the message says where, and what to do."""


class Mount(NamedTuple):
    """A line of ``/proc/mounts``."""

    kind: str
    point: str


def mount_of(path: Path) -> Mount | None:
    """The mount that ``path``, which need not exist, lies on; None where the system does not say."""
    try:
        lines = MOUNTS.read_text(errors="replace").splitlines()
    except OSError:
        return None
    place = os.path.realpath(path)
    mounts = [Mount(kind, _plain(point)) for _, point, kind, *_ in (line.split() for line in lines)]
    over = [mount for mount in mounts if f"{place}/".startswith(f"{mount.point.rstrip('/')}/")]
    longest = max((len(mount.point) for mount in over), default=0)
    return next((mount for mount in reversed(over) if len(mount.point) == longest), None)  # the last is on top


def refuse_network(path: Path) -> None:
    """Raises ``NetworkFolder`` where an SQLite file at ``path`` would not be safe."""
    mount = mount_of(path)
    if mount is not None and mount.kind in NETWORK:
        raise NetworkFolder(
            f"{path} lies on {mount.point}, a network file system ({mount.kind}), where SQLite's locks fail and data "
            f"is lost; a local folder is allowed, or studies in PostgreSQL (`studies: ${{env:STUDIES_URL}}`) and "
            f"MLflow on a server (`tracking: http://…`)"
        )


def _plain(point: str) -> str:
    """A mount point as it is: blanks are written in octal."""
    return re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), point)
