"""Data sets from the network into the cache, each file checked by what it holds. The only module that downloads."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from pathlib import Path
from typing import NamedTuple

from minmax.data import cache
from minmax.data.files import BadFile, content
from minmax.registry import did_you_mean


class NotFetched(RuntimeError):
    """A data set that is not there in the end; the message says which files to put where."""


class File(NamedTuple):
    """One file of a data set, unpacked: its size, and the SHA-256 of its content where that is known."""

    name: str
    size: int
    sha256: str | None = None


class Source(NamedTuple):
    """An address, and the files that come from there: one, perhaps under gzip, or several in the tar file whose MD5 its
    authors publish."""

    url: str
    files: tuple[File, ...]
    md5: str | None = None


def _mnist(name: str, size: int, sha256: str) -> Source:
    return Source(f"https://ossci-datasets.s3.amazonaws.com/mnist/{name}.gz", (File(name, size, sha256),))


SOURCES = {
    "mnist": (
        _mnist(
            "train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        _mnist("train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
        _mnist("t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
        _mnist("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
    ),
    "cifar10": (
        Source(
            "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
            (
                File(
                    "data_batch_1.bin", 30_730_000, "cee916563c9f80d84e3cc88e17fdc0941787f1244f00a67874d45b261883ada5"
                ),
                *(File(f"data_batch_{number}.bin", 30_730_000) for number in range(2, 6)),
                File("test_batch.bin", 30_730_000),
            ),
            md5="c32a1d4ab5d03f1284b67883e8d87530",
        ),
    ),
}


def fetch(name: str) -> Path:
    """The folder in the cache that holds the data set's files, those that were missing downloaded. ``mnist01`` is in
    ``mnist``. A file that is there, gzip or not, is checked and used.

    Raises:
        NotFetched: nothing is known of this name, a download failed, or a file does not hold what it should.
    """
    known = "mnist" if name == "mnist01" else name
    if known not in SOURCES:
        names = ("mnist", "mnist01", "cifar10")
        raise NotFetched(f"{name}: nothing to fetch; {did_you_mean(name, names)}known: {', '.join(names)}")
    folder = cache.root() / known
    for source in SOURCES[known]:
        missing = [file for file in source.files if _there(folder, file) is None]
        if missing:
            _download(source, missing, folder, known)
        for file in source.files:
            path = _there(folder, file)
            if path is None:
                raise NotFetched(f"{source.url}: holds no {file.name}; {_advice(known, folder)}")
            _check(path, file)
    return folder


def _there(folder: Path, file: File) -> Path | None:
    return next((path for path in (folder / file.name, folder / f"{file.name}.gz") if path.is_file()), None)


def _check(path: Path, file: File) -> None:
    try:
        held = content(path)
    except BadFile as error:
        raise NotFetched(f"{error}; remove it and fetch again") from error
    found, digest = len(held), hashlib.sha256(held).hexdigest()
    if found != file.size:
        raise NotFetched(f"{path}: {found} bytes, unpacked; {file.size} expected: remove it and fetch again")
    if file.sha256 not in (None, digest):
        raise NotFetched(f"{path}: SHA-256 {digest}, unpacked; {file.sha256} expected: remove it and fetch again")


def _download(source: Source, missing: list[File], folder: Path, name: str) -> None:
    """Into a folder beside the files, and from there each under its name: no reader sees half a file."""
    import pooch

    folder.mkdir(parents=True, exist_ok=True)
    pooch.get_logger().setLevel("WARNING")
    with tempfile.TemporaryDirectory(dir=folder) as place:
        try:
            print(f"fetching {source.url}")
            known_hash = f"md5:{source.md5}" if source.md5 else None
            got = Path(pooch.retrieve(source.url, known_hash, Path(source.url).name, place))
            unpacked = _unpack(got, missing, Path(place)) if source.md5 else {missing[0]: got}
        except (OSError, ValueError, tarfile.TarError) as error:
            raise NotFetched(f"{source.url}: {error}; {_advice(name, folder)}") from error
        for file, path in unpacked.items():
            _check(path, file)
            packed = ".gz" if path.suffix == ".gz" else ""
            os.replace(path, folder / f"{file.name}{packed}")


def _unpack(archive: Path, wanted: list[File], place: Path) -> dict[File, Path]:
    """Those files of a tar file, whatever folders it keeps them in; nothing else of it is written."""
    by_name, found = {file.name: file for file in wanted}, {}
    with tarfile.open(archive) as tar:
        for member in tar:
            file = by_name.get(Path(member.name).name)
            stream = tar.extractfile(member) if file is not None else None
            if file is not None and stream is not None:
                found[file] = place / file.name
                found[file].write_bytes(stream.read())
    return found


def _advice(name: str, folder: Path) -> str:
    """What to do without a network."""
    files = [file.name for source in SOURCES[name] for file in source.files]
    return f"without a network, put {', '.join(files)} (each may be gzip) into {folder}"
