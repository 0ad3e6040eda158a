"""Data sets from files: the published formats, from tiny files and from the real ones, and every kind of damage."""

from __future__ import annotations

import gzip
import io
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import minmax
from minmax.data import cifar10, files, idx, mnist, pickled, strange

NAMES = [f"{half}-{part}" for half in ("train", "t10k") for part in ("images-idx3-ubyte", "labels-idx1-ubyte")]


def idx_bytes(array: np.ndarray) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.astype(np.uint8).tobytes()
    )


@pytest.fixture
def tiny_mnist(tmp_path: Path) -> Path:
    """30 training pictures (three of each digit) and 10 to test; half of the files under gzip."""
    draw = np.random.default_rng(0)
    for half, count in (("train", 30), ("t10k", 10)):
        pictures = idx_bytes(draw.integers(0, 256, (count, 28, 28)))
        (tmp_path / f"{half}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pictures))
        (tmp_path / f"{half}-labels-idx1-ubyte").write_bytes(idx_bytes(np.arange(count) % 10))
    return tmp_path


def test_idx_is_read_as_written(tmp_path: Path) -> None:
    array = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    for name, held in {"plain": idx_bytes(array), "packed": gzip.compress(idx_bytes(array))}.items():
        (tmp_path / name).write_bytes(held)
        assert idx.read(tmp_path / name, 3).tolist() == array.tolist()


WHOLE = idx_bytes(np.arange(24).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (b"", "empty; a file with content expected"),
        (WHOLE[:-1], r"39 bytes; 40 for the sizes \[2, 3, 4\] in its header expected"),
        (WHOLE + b"x", "41 bytes; 40 for"),
        (WHOLE[:7], "7 bytes; a header of 16 expected"),
        (b"\0\0\x0d" + WHOLE[3:], r"magic number 00000d03; 00000803 \(IDX, bytes, 3 axes\) expected"),
        (idx_bytes(np.arange(3)), "magic number 00000801; 00000803"),
        (b"<html>no such page</html>", "magic number 3c68746d"),
        (gzip.compress(WHOLE)[:-9], "gzip that cannot be unpacked"),
        (gzip.compress(WHOLE)[:-8] + bytes(8), "gzip that cannot be unpacked"),
        (files.GZIP + b"nonsense", "gzip that cannot be unpacked"),
    ],
    ids=lambda given: given[:24] if isinstance(given, str) else "",
)
def test_a_damaged_idx_file_is_named(tmp_path: Path, held: bytes, said: str) -> None:
    path = tmp_path / "train-images-idx3-ubyte"
    path.write_bytes(held)
    with pytest.raises(files.BadFile, match=f"^{path}: {said}"):
        idx.read(path, 3)


def test_mnist_from_its_files(tiny_mnist: Path) -> None:
    data = minmax.data.get("mnist", folder=str(tiny_mnist))
    raw = idx.read(tiny_mnist / "train-images-idx3-ubyte.gz", 3)
    torch.testing.assert_close(data.points, raw / 127.5 - 1)
    assert data.points.dtype == torch.float32 and data.points.shape == (30, 28, 28)
    assert data.labels is not None and data.labels.tolist() == list(range(10)) * 3
    assert data.held_out is not None and data.held_out.shape == (10, 28, 28)
    assert (data.low, data.high) == (-1.0, 1.0)


def test_mnist01_is_its_zeros_and_ones(tiny_mnist: Path) -> None:
    whole = minmax.data.get("mnist", folder=str(tiny_mnist))
    data = minmax.data.get("mnist01", folder=str(tiny_mnist))
    assert data.labels is not None and data.labels.tolist() == [0, 1] * 3
    assert torch.equal(data.points, whole.points[whole.labels < 2])
    assert data.held_out is not None and torch.equal(data.held_out, whole.held_out[:2])  # type: ignore[index]


def test_mnist01_balanced(tiny_mnist: Path) -> None:
    """The first of each, as many as the rarer digit has."""
    labels = np.array([1, 1, 0, 1, 5, 0, 1, 1] + [9] * 22)
    (tiny_mnist / "train-labels-idx1-ubyte").write_bytes(idx_bytes(labels))
    whole = minmax.data.get("mnist", folder=str(tiny_mnist)).points
    data = minmax.data.get("mnist01", balanced=True, folder=str(tiny_mnist))
    assert data.labels is not None and data.labels.tolist() == [1, 1, 0, 0]
    assert torch.equal(data.points, whole[[0, 1, 2, 5]])


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_of_mnist_is_named(tiny_mnist: Path, name: str) -> None:
    for path in tiny_mnist.glob(f"{name}*"):
        path.unlink()
    with pytest.raises(ValueError, match=rf"mnist: no {name} or {name}.gz .*in {tiny_mnist}; `sweeps fetch mnist`"):
        minmax.data.get("mnist01", folder=str(tiny_mnist))


@pytest.mark.parametrize(
    ("name", "array", "said"),
    [
        ("train-images-idx3-ubyte.gz", np.zeros((30, 8, 8)), r"pictures of \(8, 8\); 28×28 pixels"),
        ("train-labels-idx1-ubyte", np.zeros(29), "29 labels; 30, one a picture of train-images-idx3-ubyte.gz,"),
        ("t10k-labels-idx1-ubyte", np.full(10, 10), "no labels, or labels that are no digits; digits from 0 to 9"),
    ],
)
def test_files_that_do_not_fit_are_named(tiny_mnist: Path, name: str, array: np.ndarray, said: str) -> None:
    (tiny_mnist / name).write_bytes(idx_bytes(array))
    with pytest.raises(files.BadFile, match=f"{name}: {said}"):
        minmax.data.get("mnist", folder=str(tiny_mnist))


def test_files_are_looked_for_in_the_cache(tiny_mnist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tiny_mnist / "root").mkdir()
    monkeypatch.setenv("MINMAX_DATA", str(tiny_mnist / "root"))
    with pytest.raises(ValueError, match=f"in {tiny_mnist / 'root' / 'mnist'};"):
        minmax.data.get("mnist")
    (tiny_mnist / "root" / "mnist").symlink_to(tiny_mnist)
    assert len(minmax.data.get("mnist").points) == 30


COUNT = 20


def records() -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(1)
    return draw.integers(0, 256, (COUNT, 3072), dtype=np.uint8), np.arange(COUNT) % 10


def cifar_binary() -> bytes:
    pixels, labels = records()
    return np.concatenate([labels[:, None].astype(np.uint8), pixels], axis=1).tobytes()


def cifar_python() -> bytes:
    """As Python 3 pickles it in the format that Python 2 reads."""
    pixels, labels = records()
    return pickle.dumps({b"data": pixels, b"labels": labels.tolist(), b"batch_label": b"one"}, protocol=2)


def short(text: bytes) -> bytes:
    return b"U" + bytes([len(text)]) + text


def long(text: bytes) -> bytes:
    return b"T" + struct.pack("<i", len(text)) + text


def cifar_published() -> bytes:
    """The opcodes of the published files, as Python 2 wrote them, put down by hand."""
    pixels, labels = records()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85q\x05" + short(b"b") + b"\x87Rq\x06"
        b"(K\x01K\x14M\x00\x0c\x86cnumpy\ndtype\nq\x07" + short(b"u1") + b"K\x00K\x01\x87R(K\x03" + short(b"|") +
        b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89" + long(pixels.tobytes()) + b"tb"
    )  # fmt: skip
    numbers = b"]q\x08(" + b"".join(b"K" + bytes([label]) for label in labels.tolist()) + b"e"
    return b"\x80\x02}q\x01(" + short(b"data") + array + short(b"labels") + numbers + b"u."


@pytest.mark.parametrize(
    ("name", "held"),
    [("binary", cifar_binary), ("python", cifar_python), ("python", cifar_published)],
    ids=["binary", "repickled", "published"],
)
def test_cifar_batches_are_read_as_written(tmp_path: Path, name: str, held: Callable[[], bytes]) -> None:
    path = tmp_path / "data_batch_1"
    path.write_bytes(held())
    images, labels = getattr(cifar10, name)(path, COUNT)
    pixels, expected = records()
    assert images.shape == (COUNT, 3, 32, 32) and images.flatten(1).tolist() == pixels.tolist()
    assert labels.tolist() == expected.tolist()


def test_pickles_read_here_are_read_so_by_numpy() -> None:
    """The hand-written opcodes are a true pickle: Python's own reader gives the same arrays."""
    batch = pickle.loads(cifar_published(), encoding="bytes")  # noqa: S301  # written three functions above
    assert np.array_equal(batch[b"data"], records()[0]) and batch[b"labels"] == records()[1].tolist()


class Evil:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> Any:
        return (os.mkdir, (str(self._path),))


@pytest.mark.parametrize("key", [b"data", b"labels", b"batch_label", "more"])
def test_nothing_in_a_pickle_is_called(tmp_path: Path, key: Any) -> None:
    pixels, labels = records()
    path, trap = tmp_path / "data_batch_1", tmp_path / "trap"
    path.write_bytes(pickle.dumps({b"data": pixels, b"labels": labels.tolist(), key: Evil(trap)}, protocol=2))
    if key in (b"data", b"labels"):
        with pytest.raises(files.BadFile, match="no array of bytes 'data' with a list 'labels'"):
            cifar10.python(path, COUNT)
    else:
        assert len(cifar10.python(path, COUNT)[0]) == COUNT
    assert not trap.exists()


def repickled(pixels: np.ndarray, labels: list[int]) -> bytes:
    return pickle.dumps({b"data": pixels, b"labels": labels}, protocol=2)


@pytest.mark.parametrize(
    ("read", "held", "said"),
    [
        ("binary", b"", "empty"),
        ("binary", cifar_binary()[:-1], "61459 bytes; 61460, which is 20 records of 3073, expected"),
        ("binary", b"\x0a" + cifar_binary()[1:], "labels of another number, or outside 0 to 9"),
        ("python", b"", "empty"),
        ("python", b"<html>", "no pickle of plain data"),
        ("python", cifar_published()[:5000], "no pickle of plain data"),
        ("python", pickle.dumps([1, 2], protocol=2), "no array of bytes 'data'"),
        ("python", repickled(records()[0].astype(float), [0] * COUNT), "no array of bytes 'data'"),
        ("python", repickled(records()[0].T, [0] * COUNT), "no array of bytes 'data'"),
        ("python", repickled(records()[0][:5], [0] * 5), "15360 pixels; 61440, which is 20 pictures"),
        ("python", repickled(records()[0], [0] * 5), "labels of another number"),
    ],
    ids=lambda given: "" if isinstance(given, bytes) else given[:30],
)
def test_a_damaged_batch_is_named(tmp_path: Path, read: str, held: bytes, said: str) -> None:
    path = tmp_path / "data_batch_1"
    path.write_bytes(held)
    with pytest.raises(files.BadFile, match=f"{path}: {said}"):
        getattr(cifar10, read)(path, COUNT)


def test_cifar_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cifar10: no data_batch_1.bin or data_batch_1 in .*; `sweeps fetch cifar10`"):
        minmax.data.get("cifar10", folder=str(tmp_path))
    with pytest.raises(ValueError, match="batches: 6 given; 1 to 5 are allowed"):
        minmax.data.get("cifar10", batches=6)


def test_pickled_plain_data(tmp_path: Path) -> None:
    """Every protocol's way of writing the same containers."""
    plain = {
        "a": [1, -70000, 2**40, 0.5],
        "b": (True, None, ()),
        "c": {"d": ("x", b"y", (1, 2), (1, 2, 3))},
        "e": (1,) * 5,
    }
    for protocol in (2, 3, 4, 5):
        found = pickled.read(tmp_path, pickle.dumps(plain, protocol=protocol))
        if protocol > 2:  # which has no bytes
            assert found == plain
        assert found["a"] == plain["a"] and found["b"] == plain["b"] and found["e"] == plain["e"]


def picture(folder: Path, name: str, pixels: np.ndarray, **options: Any) -> None:
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name, **options)


def flat(*colour: int, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    return np.broadcast_to(np.array(colour, dtype=np.uint8), (*size, len(colour))).copy()


def test_a_folder_of_pictures(tmp_path: Path) -> None:
    """By name, subfolders too, whatever their format; other files are no pictures."""
    picture(tmp_path, "b.png", flat(255, 0, 0))
    picture(tmp_path, "a/z.bmp", flat(0, 255, 0))
    picture(tmp_path, "c.PPM", flat(0, 0, 255))
    (tmp_path / "readme.txt").write_text("pictures")
    data = minmax.data.get("folder", path=str(tmp_path), size=4)
    expected = torch.tensor([[-1.0, 1, -1], [1, -1, -1], [-1, -1, 1]])
    assert torch.equal(data.points, expected[:, :, None, None].expand(3, 3, 4, 4))
    grey = minmax.data.get("folder", path=str(tmp_path), size=4, colour="grey").points
    assert grey.shape == (3, 4, 4)
    weights = torch.tensor([0.587, 0.299, 0.114])  # of green, red, blue: ITU-R 601
    torch.testing.assert_close(grey[:, 0, 0], 2 * weights - 1, atol=0.01, rtol=0)


def test_pictures_are_cropped_around_their_middle(tmp_path: Path) -> None:
    """A wide one, black at its ends; and one that EXIF turns by a quarter."""
    wide = np.concatenate([flat(0, 0, 0), flat(255, 255, 255), flat(0, 0, 0)], axis=1)
    picture(tmp_path, "wide.png", wide)
    turned = Image.Exif()
    turned[0x0112] = 6
    half = np.concatenate([flat(255, 255, 255, size=(4, 8)), flat(0, 0, 0, size=(4, 8))])
    picture(tmp_path, "turned.png", half, exif=turned)
    turned_one, wide_one = minmax.data.get("folder", path=str(tmp_path), size=8, colour="grey").points
    assert (wide_one == 1).all()
    assert (turned_one[:, 4:] == 1).all() and (turned_one[:, :4] == -1).all()


def test_a_folder_is_prepared_anew_when_it_changes(tmp_path: Path) -> None:
    picture(tmp_path, "one.png", flat(255, 255, 255))
    assert (minmax.data.get("folder", path=str(tmp_path)).points == 1).all()
    picture(tmp_path, "one.png", flat(0, 0, 0))
    os.utime(tmp_path / "one.png", ns=(1, 1))
    assert (minmax.data.get("folder", path=str(tmp_path)).points == -1).all()


def broken_png() -> bytes:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(whole, "png")
    return whole.getvalue()[:200]


@pytest.mark.parametrize("held", [b"", b"GIF89a", broken_png()], ids=["empty", "a header", "half a file"])
def test_a_broken_picture_is_named(tmp_path: Path, held: bytes) -> None:
    picture(tmp_path, "a.png", flat(1, 2, 3))
    (tmp_path / "b.png").write_bytes(held)
    with pytest.raises(files.BadFile, match=r"b.png: cannot be read \(.*\); a whole picture expected"):
        minmax.data.get("folder", path=str(tmp_path))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "nowhere"}, "path: 'nowhere' given, no such folder; a folder with .bmp, "),
        ({"path": "."}, "path: '.' given, no picture in it"),
        ({"path": ".", "size": 0}, "size: 0 given; at least 1"),
        ({"path": ".", "colour": "cmyk"}, "colour: 'cmyk' given; allowed: rgb, grey"),
    ],
)
def test_a_folder_says_what_it_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=said):
        minmax.data.get("folder", **options)


# The real files, where the environment says where they are.

REAL = Path(os.environ.get("MINMAX_TEST_DATA", ""))
with_real = pytest.mark.skipif(
    "MINMAX_TEST_DATA" not in os.environ, reason="MINMAX_TEST_DATA names no folder with mnist/ and cifar10/"
)


@pytest.fixture(scope="module")
def real_mnist() -> mnist.Files:
    return mnist.read(REAL / "mnist")


@with_real
def test_the_real_mnist(real_mnist: mnist.Files) -> None:
    """Its published counts of each digit."""
    counts = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert real_mnist.training.labels.bincount().tolist() == counts
    assert real_mnist.held_out.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    data = minmax.data.get("mnist01", folder=str(REAL / "mnist"))
    assert data.labels is not None and data.labels.bincount().tolist() == [5923, 6742]
    assert data.held_out is not None and len(data.held_out) == 980 + 1135
    balanced = minmax.data.get("mnist01", balanced=True, folder=str(REAL / "mnist"))
    assert balanced.labels is not None and balanced.labels.bincount().tolist() == [5923, 5923]


@with_real
@pytest.mark.slow
@pytest.mark.parametrize(("digits", "least"), [(range(2), 0.99), (range(10), 0.98)], ids=["mnist01", "mnist"])
def test_the_classifiers_are_right(real_mnist: mnist.Files, digits: range, least: float) -> None:
    """On the test pictures; and noise, blends and untrained generators are *other*."""
    judge, other = mnist.classifier(REAL / "mnist", digits), len(digits)
    images, labels = mnist.scaled(real_mnist.held_out.images), real_mnist.held_out.labels.clamp(max=other)
    right = judge.classes(images) == labels
    assert right.double().mean() >= least
    assert all(right[labels == digit].double().mean() >= least - 0.015 for digit in digits)
    own, shape = torch.Generator().manual_seed(99), (28, 28)
    zeros, ones = (images[labels == digit] for digit in (0, 1))
    nothing = {
        "noise": strange.noise(1000, shape, own),
        "saturated": torch.tanh(3 * torch.randn(1000, *shape, generator=own)),
        "black and white": torch.randn(1000, *shape, generator=own).sign(),
        "flat": torch.linspace(-1, 1, 1000).view(-1, 1, 1).expand(1000, *shape),
        "blends": strange.blends(zeros, ones, 1000, own),
        "even blends": (zeros[:900] + ones[:900]) / 2,
    }
    for name, pictures in nothing.items():
        assert (judge.classes(pictures) == other).double().mean() >= 0.98, name


@with_real
@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"gain": 3.0}, {"widths": [256, 512, 1024], "activation": "leaky_relu"}])
@pytest.mark.parametrize("digits", [range(2), range(10)], ids=["mnist01", "mnist"])
def test_untrained_generators_are_other(digits: range, options: dict[str, Any]) -> None:
    """In every one of 8 seeds at least 70% of the pictures, so that none is a success."""
    net = minmax.nets.get("mlp", shape=(28, 28), latent=100, output="tanh", **options).generator
    judge, own = mnist.classifier(REAL / "mnist", digits), torch.Generator().manual_seed(0)
    weights = minmax.tree.stack([net.init(own) for _ in range(8)])
    pictures = net(weights, torch.randn(8, 300, 100, generator=own))
    assert ((judge.classes(pictures) == len(digits)).double().mean(-1) >= 0.7).all()


@with_real
def test_the_real_cifar10() -> None:
    images, labels = cifar10.binary(REAL / "cifar10" / "data_batch_1.bin")
    assert images.shape == (10_000, 3, 32, 32) and labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert labels.bincount().tolist() == [1005, 974, 1032, 1016, 999, 937, 1030, 1001, 1025, 981]
    data = minmax.data.get("cifar10", batches=1, held_out=False, folder=str(REAL / "cifar10"))
    assert data.points.min() == -1 and data.points.max() == 1 and data.held_out is None
    test, _ = cifar10.binary(REAL / "cifar10" / "test_batch_first1000.bin", count=1000)
    assert test.shape == (1000, 3, 32, 32)
    with pytest.raises(files.BadFile, match="3073000 bytes; 30730000, which is 10000 records"):
        cifar10.binary(REAL / "cifar10" / "test_batch_first1000.bin")
