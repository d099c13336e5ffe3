"""A small data set and networks that train in no time, for what the engine promises."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.data.sets import Examples
from xavier_cli.training import retrain, train
from xavier_cli.training.engine import program_cache
from xavier_cli.training.engine.batches import FiniteBatches
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.population import Population, Variant
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.vocabulary.datasets import DatasetInfo

INPUTS, CLASSES, HELD_OUT = 16, 3, 1000
PLENTY = 120


@pytest.fixture(scope="module", autouse=True)
def traced_anew():
    """No program out of the store, which knows nothing of what a test replaces."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(program_cache, "_store", None)
        yield


def examples(count: int, seed: int) -> Examples:
    """Bytes whose brightest third says the class: learnable, and never the same twice."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, count)
    pixels = rng.integers(0, 120, (count, INPUTS))
    for i, label in enumerate(labels):
        pixels[i, 5 * label : 5 * label + 5] += 60
    return Examples(pixels.astype(np.uint8), labels.astype(np.int32))


@pytest.fixture(scope="session")
def training_data() -> TrainingData:
    """230 training examples: 23 updates of 10 are an epoch, so that training crosses several."""
    return TrainingData(
        FiniteBatches(examples(230, 0), 10),
        examples(HELD_OUT, 1),
        examples(HELD_OUT, 2),
        examples(300, 3),
        np.random.default_rng(4).permutation(HELD_OUT),
        INPUTS,
        CLASSES,
        facts(),
    )


def facts(sha256: str = "0" * 64) -> DatasetInfo:
    """The facts about these examples in a run file."""
    return DatasetInfo(
        name="mnist",
        inputs=INPUTS,
        classes=CLASSES,
        labels=tuple(map(str, range(CLASSES))),
        top_class=1 / CLASSES,
        shape=(1, INPUTS),
        train=230,
        valid=HELD_OUT,
        test=HELD_OUT,
        sha256=sha256,
    )


@pytest.fixture(scope="module")
def compiled_once():
    """Engines are compiled once for what they train, and started anew by every training."""
    engines = {}

    def engine_of(population, training_data, layout):
        key = population, layout.strategy, layout.mesh.devices.shape
        if key not in engines:
            engines[key] = Engine(population, training_data, layout)
        return engines[key]

    with pytest.MonkeyPatch.context() as patch:
        for room in (train, retrain):
            patch.setattr(room, "Engine", engine_of)
        yield


@pytest.fixture(scope="session")
def make_engine(training_data):
    """`make_engine(strategy, seeds=…, lrs=…)`: a compiled engine of small tanh networks."""

    def make(
        strategy="map", seeds=(0, 1, 2), lrs=(0.1,), inits=("normalized",), wanted=None, **settings
    ) -> Engine:
        config = RunConfig.of(**{"data": "mnist", "depth": 3, "width": 12, "updates": PLENTY, **settings})
        variants = tuple(Variant(init, lr) for init in inits for lr in lrs)
        layout = choose_layout(len(seeds), len(variants), strategy)
        engine = Engine(Population(config, tuple(seeds), variants), training_data, layout)
        engine.start(**({"wanted": wanted} if wanted else {}))
        return engine

    return make
