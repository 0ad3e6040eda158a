"""The services of a team for the tests: brought up and down by their own commands, and asked from outside."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from services import free_port

ROOT = Path(__file__).parents[2]


class Team:
    """Services in a folder of their own, that servers of another user can enter."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.said = folder, ""

    def run(self, command: str, *options: str, code: int = 0) -> str:
        """``python -m cluster services-COMMAND``; what it said."""
        words = [sys.executable, "-m", "cluster", f"services-{command}", "--folder", str(self.folder), *options]
        done = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.said += done.stdout
        assert done.returncode == code, done.stdout + self.logs()
        return done.stdout

    def pids(self) -> dict[str, int]:
        """Of the servers that run, as `status` tells."""
        words = [sys.executable, "-m", "cluster", "services-status", "--folder", str(self.folder)]
        said = subprocess.run(words, cwd=ROOT, stdout=subprocess.PIPE, text=True).stdout
        return {name: int(pid) for name, pid in re.findall(r"^(\S+) .* process (\d+)$", said, re.MULTILINE)}

    def processes(self) -> list[psutil.Process]:
        """All processes of the services: the servers, and what they started."""
        servers = [psutil.Process(pid) for pid in self.pids().values()]
        return [*servers, *(child for server in servers for child in server.children(recursive=True))]

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text().strip()

    def secrets(self) -> dict[str, str]:
        """Every secret that was made, the certificate's key too."""
        paths = [path for path in (self.folder / "secrets").iterdir() if path.name not in ("certificate.pem", "hosts")]
        return {path.name: path.read_text().strip() for path in paths}

    def environment(self) -> dict[str, str]:
        """What `exports` adds to this process's environment, as a shell reads it."""
        script = f"{{ . {shlex.quote(str(self.folder / 'exports'))}; }} && env -0"
        done = subprocess.run(["sh", "-c", script], stdout=subprocess.PIPE, text=True, check=True, env={})
        pairs = dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
        return {name: value for name, value in pairs.items() if name not in ("PWD", "_", "SHLVL", "OLDPWD")}

    def logs(self) -> str:
        return "".join(path.read_text(errors="replace") for path in (self.folder / "logs").glob("*"))


@contextmanager
def team(*options: str) -> Iterator[Team]:
    """The services, up; whatever a test did to them, they are ended, and their folder is removed."""
    made = Team(Path(f"/tmp/team-{secrets.token_hex(4)}"))
    ports = ["--port", str(free_port()), "--postgres-port", str(free_port())]
    try:
        made.run("up", *ports, *options)
        yield made
    finally:
        if (made.folder / "settings.json").exists():
            made.run("down")
        shutil.rmtree(made.folder, ignore_errors=True)


def environ_of(pid: int, user: str) -> bytes | None:
    """The environment of a process as ``user`` sees it; None where the system says no."""
    done = subprocess.run(["cat", f"/proc/{pid}/environ"], user=user, capture_output=True)
    return done.stdout if done.returncode == 0 else None


def segments() -> set[str]:
    """The system's segments of shared memory."""
    return {line.split()[1] for line in Path("/proc/sysvipc/shm").read_text().splitlines()[1:]}


def has_root() -> bool:
    return os.geteuid() == 0
