"""What every test shares: one thread (so that no two machines round differently), and a cache of its own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def data_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Prepared data and classifiers go to a folder of this session, unless the environment names one."""
    with pytest.MonkeyPatch.context() as patch:
        if "MINMAX_DATA" not in os.environ:
            patch.setenv("MINMAX_DATA", str(tmp_path_factory.mktemp("minmax-data")))
        yield
