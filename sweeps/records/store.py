"""Objects by path, in a folder or in a bucket: written whole, and never changed.

Locally an object is written to a hidden file beside its place, flushed to the disk and renamed, so a reader sees all
of it or nothing. Elsewhere (``s3://``, ``memory://``, any fsspec URL) it is one put, which object stores make atomic,
and which they refuse where an object is already.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from sweeps.spec.environment import expand, veiled
from sweeps.spec.redact import redacted

TOGETHER = 8  # waits for the disk at once
ATTEMPTS = 10  # of one call to an object store, 20 s apart at most: it rides out a minute's outage
UNLINKED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)  # from file systems without hard links
UNCONDITIONAL = (errno.ENOSYS, errno.EINVAL)  # from servers that know no put-if-absent, or name its refusal otherwise


class RecordExists(FileExistsError):
    """An object is already there with other bytes; objects are immutable."""


class Store:
    """Objects below ``root``, a local path or an fsspec URL, in which ``${env:NAME}`` stands for what must not be said.
    Paths are relative, with ``/``.

    Every method raises ``OSError`` where the storage itself does (no permission, disk full, network down), and
    ``ValueError`` for a path that leads out of the root. ``put`` takes a local disk with less than ``floor`` bytes free
    for a full one.
    """

    def __init__(self, root: str, floor: int = 0) -> None:
        self.root, self.floor = root, floor
        address = expand(root)
        self.local = "://" not in address or address.startswith("file://")
        self._backend: _Backend = _Folder(address.removeprefix("file://")) if self.local else _Bucket(address, root)

    def __repr__(self) -> str:
        return f"Store({redacted(self.root)!r})"

    def put(self, path: str, data: bytes) -> None:
        """Writes an object that is not there yet, as ``put_all`` does. One call, unless it is there."""
        self.put_all({path: data})

    def put_all(self, objects: Mapping[str, bytes]) -> None:
        """Writes objects that are not there yet, in order; the same bytes again are accepted.

        Raises:
            RecordExists: one is there with other bytes; none after it is written.
            OSError: also for a disk below its floor.
        """
        checked = {_checked(path): data for path, data in objects.items()}
        if self.local and self.floor:
            _check_room(Path(expand(self.root).removeprefix("file://")).absolute(), self.floor)
        try:
            self._backend.create(checked)
        except FileExistsError as error:
            where = redacted(self.root)
            raise RecordExists(
                f"{error} in {where} exists with other bytes, and what is recorded is never changed"
            ) from None

    def claim(self, path: str, data: bytes) -> None:
        """Writes an object that is not there yet: of two processes that do it at once one is let through.

        Raises:
            RecordExists: it is there.
        """
        try:
            self._backend.claim(_checked(path), data)
        except FileExistsError as error:
            raise RecordExists(f"{path} in {redacted(self.root)} exists") from error

    def replace(self, path: str, data: bytes) -> None:
        """Writes a view (a report, a table) over the one before."""
        self._backend.write(_checked(path), data)

    def get(self, path: str) -> bytes:
        """An object's bytes; ``FileNotFoundError`` where there is none."""
        return self._backend.read(_checked(path))

    def exists(self, path: str) -> bool:
        """Whether there is an object at ``path``."""
        return self._backend.exists(_checked(path))

    def list(self, prefix: str = "") -> list[str]:
        """Names directly below the folder ``prefix``, sorted; empty where there is no such folder."""
        return sorted(name for name in self._backend.names(_checked(prefix)) if not name.startswith("."))

    def delete(self, path: str) -> None:
        """Removes an object; one that is not there is no error."""
        self._backend.remove(_checked(path))


class _Backend(Protocol):
    def create(self, objects: Mapping[str, bytes]) -> None: ...
    def claim(self, path: str, data: bytes) -> None: ...
    def write(self, path: str, data: bytes) -> None: ...
    def read(self, path: str) -> bytes: ...
    def exists(self, path: str) -> bool: ...
    def names(self, path: str) -> list[str]: ...
    def remove(self, path: str) -> None: ...


class _Folder:
    """A local folder; what it creates is the owner's alone (mode 0700)."""

    def __init__(self, root: str) -> None:
        self._root = Path(root).absolute()

    def create(self, objects: Mapping[str, bytes]) -> None:
        self._write({path: data for path, data in objects.items() if not self._has(path, data)})

    def _has(self, path: str, data: bytes) -> bool:
        if there := self.exists(path):
            _refuse_other(self, path, data)
        return there

    def write(self, path: str, data: bytes) -> None:
        self._write({path: data})

    def claim(self, path: str, data: bytes) -> None:
        self._write({path: data}, _rename_new)

    def _write(self, objects: Mapping[str, bytes], rename: Callable[[Path, Path], None] | None = None) -> None:
        """All of them with two waits for the disk, one for the bytes and one for the names."""
        hidden: dict[Path, Path] = {}
        changed: set[Path] = set()
        try:
            for path, data in objects.items():
                target = self._root / path
                changed |= {target.parent, *_made(target.parent)}
                hidden[target] = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}")
                with open(hidden[target], "xb") as file:
                    file.write(data)
            _sync(*hidden.values())
            for target, aside in hidden.items():
                (rename or os.replace)(aside, target)
        except BaseException:
            for aside in hidden.values():
                aside.unlink(missing_ok=True)
            raise
        _sync(*changed)

    def read(self, path: str) -> bytes:
        return (self._root / path).read_bytes()

    def exists(self, path: str) -> bool:
        return (self._root / path).exists()

    def names(self, path: str) -> list[str]:
        try:
            return os.listdir(self._root / path)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def remove(self, path: str) -> None:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            (self._root / path).unlink()


class _Bucket:
    """Any fsspec file system. Listings are never cached: other machines write too."""

    def __init__(self, url: str, said: str) -> None:
        """``said``: the address as it may be said, references to the environment and all."""
        import fsspec  # 0.1 s that a local sweep need not pay

        self._said = said
        self._files: Any
        with self._told():
            options = _for_s3() if url.startswith(("s3://", "s3a://")) else {}
            self._files, root = fsspec.url_to_fs(url, use_listings_cache=False, **options)
        self._root = root.rstrip("/")

    def create(self, objects: Mapping[str, bytes]) -> None:
        for path, data in objects.items():
            try:
                self.claim(path, data)
            except FileExistsError:
                _refuse_other(self, path, data)

    def claim(self, path: str, data: bytes) -> None:
        with self._told():
            try:
                self._files.pipe_file(self._at(path), data, mode="create")
                return
            except FileExistsError:
                raise
            except NotImplementedError:
                pass
            except OSError as error:
                if error.errno not in UNCONDITIONAL:
                    raise
        if self.exists(path):
            raise FileExistsError(path)
        self.write(path, data)

    def write(self, path: str, data: bytes) -> None:
        with self._told():
            self._files.pipe_file(self._at(path), data)

    def read(self, path: str) -> bytes:
        with self._told():
            return bytes(self._files.cat_file(self._at(path)))

    def exists(self, path: str) -> bool:
        with self._told():
            return bool(self._files.exists(self._at(path)))

    def names(self, path: str) -> list[str]:
        with self._told():
            try:
                found = self._files.ls(self._at(path).rstrip("/"), detail=False)
            except (FileNotFoundError, NotADirectoryError):
                return []
        return [str(name).rstrip("/").rpartition("/")[2] for name in found]

    def remove(self, path: str) -> None:
        with self._told(), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(self._at(path))

    def _at(self, path: str) -> str:
        return f"{self._root}/{path}"

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """What a client library raises in its own way, as the ``OSError`` that it is."""
        try:
            yield
        except (OSError, NotImplementedError):
            raise
        except Exception as error:
            raise OSError(veiled(f"{self._said}: {type(error).__name__}: {error}", self._said)) from error


def _for_s3() -> dict[str, Any]:
    """Retries of lost connections, timeouts, 5xx and throttling, as botocore's own settings unless AWS's variables say
    otherwise; an object in one request."""
    retries = {
        "mode": os.environ.get("AWS_RETRY_MODE", "standard"),
        "total_max_attempts": int(os.environ.get("AWS_MAX_ATTEMPTS", ATTEMPTS)),
    }
    return {"config_kwargs": {"retries": retries}, "max_concurrency": 1}


def _check_room(folder: Path, floor: int) -> None:
    while not folder.exists():  # a sweep's first object makes its folder
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if free < floor:
        full = OSError(f"{folder} has {free:,} bytes free, and limits.disk is {floor:,}")
        full.errno = errno.ENOSPC
        raise full


def _checked(path: str) -> str:
    parts = path.split("/") if path else []
    if any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts):
        raise ValueError(f"{path!r} is no path of an object: allowed are names joined by '/', without '.' and '..'")
    return path


def _refuse_other(backend: _Backend, path: str, data: bytes) -> None:
    if backend.read(path) != data:
        raise FileExistsError(path)


def _rename_new(hidden: Path, target: Path) -> None:
    """Renames where there is nothing yet, as one step: of two processes one is refused (``FileExistsError``)."""
    try:
        os.link(hidden, target)
    except FileExistsError:
        raise FileExistsError(str(target)) from None
    except OSError as error:
        if error.errno not in UNLINKED:
            raise
        os.replace(hidden, target)
    else:
        hidden.unlink()


def make_folder(folder: Path) -> None:
    """Creates a folder and its parents, its owner's alone."""
    _sync(*_made(folder))


def _made(folder: Path) -> list[Path]:
    """Creates a folder and its parents (``os.makedirs`` applies a mode to the last one only), and returns those that
    have a new entry."""
    if folder.is_dir():
        return []
    changed = _made(folder.parent)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
        changed.append(folder.parent)
    return changed


def _sync(*paths: Path) -> None:
    """Flushes files' bytes, or folders' entries, without which a renamed file may be gone after a power cut. All at
    once: a disk flushes for those that wait together in the time of one."""
    others = [_waiters().submit(_flush, path) for path in paths[1:]]
    for path in paths[:1]:
        _flush(path)
    for other in others:
        other.result()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@functools.cache
def _waiters() -> ThreadPoolExecutor:
    """Threads that wait for the disk."""
    return ThreadPoolExecutor(TOGETHER, "disk")


os.register_at_fork(after_in_child=_waiters.cache_clear)  # a child has none of its parent's threads
