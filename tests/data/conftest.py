"""Places to look for data sets that hold nothing but what a test puts there, and small pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch) -> Path:
    """This program's cache folder, empty."""
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder))
    return folder / "xavier"


@pytest.fixture
def pictures(tmp_path):
    """`pictures(count, under=…, size=…)`: a folder of classes of JPEGs whose brightness tells the class."""

    def make(
        count: int, under: str = "", classes=("dark", "light", "white"), size=(9, 7), mode="RGB"
    ) -> Path:
        rng = np.random.default_rng(3)
        for label, name in enumerate(classes):
            folder = tmp_path / "pets" / under / name
            folder.mkdir(parents=True)
            for number in range(count):
                level = 60 + 80 * label + rng.integers(-20, 20)
                shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
                Image.fromarray(np.full(shape, level, np.uint8), mode).save(folder / f"{number}.png")
        return tmp_path / "pets"

    return make
