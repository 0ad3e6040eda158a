"""`sweeps fetch`: from a server on this machine into the cache; what is there is used, what is wrong is refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sweeps import fetch
from sweeps.cli import app

CONTENT = {"one-ubyte": b"first", "two-ubyte": b"second!"}


class Quiet(SimpleHTTPRequestHandler):
    """Logs nothing."""

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """An address, and the folder that it shows."""
    shown = tmp_path / "shown"
    shown.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(shown))) as http:
        threading.Thread(target=http.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{http.server_port}", shown
        http.shutdown()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINMAX_DATA", str(tmp_path / "cache"))
    return tmp_path / "cache"


def digest(held: bytes) -> str:
    return hashlib.sha256(held).hexdigest()


def singles(url: str) -> tuple[fetch.Source, ...]:
    return tuple(
        fetch.Source(f"{url}/{name}.gz", (fetch.File(name, len(held), digest(held)),)) for name, held in CONTENT.items()
    )


@pytest.fixture
def two_files(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of two files under gzip."""
    url, shown = server
    for name, held in CONTENT.items():
        (shown / f"{name}.gz").write_bytes(gzip.compress(held))
    monkeypatch.setitem(fetch.SOURCES, "mnist", singles(url))
    return shown


def test_files_are_fetched_once(two_files: Path, cache: Path) -> None:
    """And not again: the second time there is nothing left to fetch from. No other file stays."""
    assert fetch.fetch("mnist") == cache / "mnist"
    held = {path.name: gzip.decompress(path.read_bytes()) for path in (cache / "mnist").iterdir()}
    assert held == {f"{name}.gz": own for name, own in CONTENT.items()}
    for path in two_files.iterdir():
        path.unlink()
    assert fetch.fetch("mnist01") == cache / "mnist"


def test_what_is_there_is_used(two_files: Path, cache: Path) -> None:
    """Not under gzip, and as it is; only the other file is fetched."""
    (two_files / "one-ubyte.gz").unlink()
    (cache / "mnist").mkdir(parents=True)
    (cache / "mnist" / "one-ubyte").write_bytes(CONTENT["one-ubyte"])
    fetch.fetch("mnist")
    assert {path.name for path in (cache / "mnist").iterdir()} == {"one-ubyte", "two-ubyte.gz"}


def test_another_wrapper_is_the_same_file(two_files: Path, cache: Path) -> None:
    """Checksums are of the content: gzip at another level and of another date is as good."""
    (two_files / "two-ubyte.gz").write_bytes(gzip.compress(CONTENT["two-ubyte"], compresslevel=1, mtime=7))
    assert fetch.fetch("mnist") == cache / "mnist"


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (gzip.compress(b"secund!"), "SHA-256 .*, unpacked; .* expected: remove it and fetch again"),
        (gzip.compress(b"second"), "6 bytes, unpacked; 7 expected"),
        (gzip.compress(b"second!")[:-4], "gzip that cannot be unpacked"),
        (b"", "empty"),
    ],
    ids=["another", "short", "torn", "empty"],
)
@pytest.mark.parametrize("where", ["there", "fetched"])
def test_another_content_is_refused(two_files: Path, cache: Path, held: bytes, said: str, where: str) -> None:
    """By the file's name; and what was fetched wrong does not stay."""
    (cache / "mnist").mkdir(parents=True)
    folder = two_files if where == "fetched" else cache / "mnist"
    (folder / "two-ubyte.gz").write_bytes(held)
    with pytest.raises(fetch.NotFetched, match=f"two-ubyte.gz: {said}"):
        fetch.fetch("mnist")
    left = {path.name for path in (cache / "mnist").iterdir()}
    assert left == ({"one-ubyte.gz"} if where == "fetched" else {"one-ubyte.gz", "two-ubyte.gz"})


def test_an_archive(server: tuple[str, Path], cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the named files come out of it, wherever in it they lie; its checksum is that of the whole."""
    url, shown = server
    with tarfile.open(shown / "all.tar.gz", "w:gz") as tar:
        for name, held in {**CONTENT, "../../evil": b"x", "readme": b"y"}.items():
            member = tarfile.TarInfo(f"batches/{name}")
            member.size = len(held)
            tar.addfile(member, io.BytesIO(held))
    md5 = hashlib.md5((shown / "all.tar.gz").read_bytes()).hexdigest()
    files = tuple(fetch.File(name, len(held)) for name, held in CONTENT.items())
    for right in (False, True):
        source = fetch.Source(f"{url}/all.tar.gz", files, md5 if right else md5[::-1])
        monkeypatch.setitem(fetch.SOURCES, "cifar10", (source,))
        if right:
            fetch.fetch("cifar10")
        else:
            with pytest.raises(fetch.NotFetched, match=r"all.tar.gz: .*hash.*without a network, put one-ubyte, two-"):
                fetch.fetch("cifar10")
    assert {path.name: path.read_bytes() for path in (cache / "cifar10").iterdir()} == CONTENT
    assert sorted(path.name for path in cache.iterdir()) == ["cifar10"]


def test_without_a_network(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What to put where, and an exit code."""
    monkeypatch.setitem(fetch.SOURCES, "mnist", singles("http://127.0.0.1:9"))
    done = CliRunner().invoke(app, ["fetch", "mnist"])
    assert done.exit_code == 1
    assert f"without a network, put one-ubyte, two-ubyte (each may be gzip) into {cache / 'mnist'}" in done.stderr


def test_the_command(two_files: Path, cache: Path) -> None:
    done = CliRunner().invoke(app, ["fetch", "mnist"])
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, f"mnist: whole, in {cache / 'mnist'}")
    wrong = CliRunner().invoke(app, ["fetch", "mnits"])
    assert wrong.exit_code == 1
    assert "mnits: nothing to fetch; did you mean 'mnist'? known: mnist, mnist01, cifar10" in wrong.stderr
