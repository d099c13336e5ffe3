"""Estimates the cost of a training from its configuration alone: networks, memory, time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import NamedTuple

from xavier_cli.config.run import RunConfig, delay_of
from xavier_cli.data.spread import PROBE_EXAMPLES
from xavier_cli.runs.svm import SvmConfig
from xavier_cli.runs.weights import Saved, parameter_shapes
from xavier_cli.vocabulary.datasets import DatasetInfo

_FLOAT = 4
# As in `engine.batches`, whose import would load JAX.
CHUNK_EXAMPLES = 1000
# Assumed where only reading the data would tell: inputs and classes of the paper's Small-ImageNet, and
# MNIST's split.
UNKNOWN_SIZES = (37 * 37, 10)
USUAL_SPLIT = (60_000, 10_000, 10_000)
# What one CPU core takes for one of what `amounts` counts, in seconds; `tests/benchmarks/estimates.py` fits
# them again. For a machine at rest.
SECONDS = {
    "layer": 25e-6,
    "weight": 1.4e-9,
    "product": 7e-11,
    "seen": 5.5e-11,
    "probed": 2.3e-7,
    "singular": 1.4e-10,
}
# What a program takes to compile and to draw its examples.
SECONDS_PER_PROGRAM = 6.0
# What one CPU core takes for one kernel of a support vector machine, in seconds: measured at 20,000 examples
# of Shapeset.
SECONDS_PER_KERNEL = 4.5e-8


class Sizes(NamedTuple):
    """How many numbers a network holds.

    Its `parameters`; `met` of it on the probe examples; `kept` with its weights, running averages among them.
    """

    parameters: int
    met: int
    kept: int


def sizes_of_perceptron(config: RunConfig, facts: DatasetInfo | None = None) -> Sizes:
    """The sizes of a perceptron; `facts` are needed for data that is not built in."""
    kept = numbers_in(parameter_shapes(config, *_sizes(config, facts)))
    return Sizes(parameters(config, facts), PROBE_EXAMPLES * sum(config.widths), kept)


def numbers_in(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """How many numbers arrays of these shapes hold together."""
    return sum(map(math.prod, shapes.values()))


def parameters(config: RunConfig, facts: DatasetInfo | None = None) -> int:
    """The number of parameters of one network; `facts` are needed for data that is not built in."""
    inputs, classes = _sizes(config, facts)
    sizes = (inputs, *config.widths, classes)
    dense = sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))
    scales = 2 * sum(config.widths) if config.normalization != "none" else 0
    return dense + scales + (config.depth if config.activation.learned else 0)


def weights_bytes(
    config: RunConfig, facts: DatasetInfo | None, saved: Saved, sizes: Sizes | None = None
) -> int:
    """The size of the weights file of `config`, in bytes: all seeds, at the end or at every record.

    `sizes` are those of a custom network.
    """
    one = (sizes or sizes_of_perceptron(config, facts)).kept
    records = len(config.record_updates()) if saved == "records" else 1
    return len(config.seeds) * records * one * _FLOAT


def weights_memory(
    config: RunConfig, facts: DatasetInfo | None, saved: Saved, sizes: Sizes | None = None
) -> int:
    """The memory of this machine that keeping the weights takes, in bytes.

    Those of all that is trained, a search's other rates among them; while they are written, once as a whole
    and once as the file. `sizes` are those of a custom network.
    """
    one = weights_bytes(config, facts, saved, sizes) // len(config.seeds)
    return 3 * trained_members(config) * one


def _sizes(config: RunConfig, facts: DatasetInfo | None) -> tuple[int, int]:
    facts = facts or config.dataset.facts
    return (facts.inputs, facts.classes) if facts else UNKNOWN_SIZES


def searched_members(config: RunConfig) -> int:
    """How many networks a search over rates trains; 0 where the rate is given."""
    return len(config.search) * min(config.search_seeds, len(config.seeds))


def trained_members(config: RunConfig) -> int:
    """How many networks are trained in all: the searched seeds at the best rate are not trained twice."""
    rest = max(0, len(config.seeds) - config.search_seeds) if config.search else len(config.seeds)
    return searched_members(config) + rest


def members_together(config: RunConfig) -> int:
    """How many networks are trained at the same time at most, where there is memory for all."""
    searched = searched_members(config)
    return max(searched, trained_members(config) - searched)


def compiled_programs(config: RunConfig) -> int:
    """How many programs train `config`: a search compiles another one for the seeds that are left."""
    return 2 if config.search and len(config.seeds) > config.search_seeds else 1


def memory(
    config: RunConfig,
    members: int | None = None,
    facts: DatasetInfo | None = None,
    batched: bool = False,
    sizes: Sizes | None = None,
) -> int:
    """About how many bytes the devices need: weights (and a copy while they move), probe tensors, data.

    `members` are those trained at the same time; by default as many as `config` alone has. `batched` members
    go through each operation together, and each needs probe tensors and images of its own. `sizes` are those
    of a custom network.
    """
    facts = facts or config.dataset.facts
    members = members or members_together(config)
    sizes, pending = (sizes, 0) if sizes else (sizes_of_perceptron(config, facts), _pending(config, facts))
    one = (2 + _held(config)) * sizes.parameters + 2 * pending
    weights = members * one * _FLOAT
    if config.pretrain != "none":
        # Images of a chunk on their way up, and the biases they are rebuilt by.
        weights += members * 4 * (CHUNK_EXAMPLES + 1) * max(_sizes(config, facts)[0], *config.widths) * _FLOAT
    probe = 4 * sizes.met * _FLOAT + 2 * sizes.parameters * _FLOAT
    if config.residual or config.normalization == "layer":
        # Their Jacobians are made explicitly, in double precision, with what they are made of.
        probe += config.jacobian_examples * sizes.parameters * 4 * 8
    # Standardized, bytes become floats.
    pixel = _FLOAT if isinstance(config.coding, str) else 1
    inputs = _sizes(config, facts)[0]
    if batched:
        # Images of a chunk take twice their size while they are generated.
        probe = members * (probe + 2 * CHUNK_EXAMPLES * inputs * pixel)
    split = (facts.train, facts.valid, facts.test) if facts else (0, 0, 0)
    counts = [size or usual for size, usual in zip(split, USUAL_SPLIT, strict=True)]
    return weights + probe + sum(counts) * inputs * pixel


def _pending(config: RunConfig, facts: DatasetInfo | None) -> int:
    """Numbers that delayed updates keep of one network besides its parameters."""
    inputs, classes = _sizes(config, facts)
    rows = delay_of(config.update_rule) * config.batch_size
    return rows * (inputs + 2 * sum(config.widths) + classes)


def _held(config: RunConfig) -> int:
    """Copies of the weights that an update needs beside them: the optimizer's own, gradient and change."""
    return 0 if config.is_plain_sgd else config.optimizer_choice.slots + 2


def core_seconds(config: RunConfig, facts: DatasetInfo | None = None) -> float:
    """About how long one CPU core takes to train and measure `config`, without compiling, in seconds."""
    return sum(SECONDS[name] * amount for name, amount in amounts(config, facts).items())


def amounts(config: RunConfig, facts: DatasetInfo | None = None) -> dict[str, float]:
    """How much of what takes time there is in training all networks of `config`, by its name in `SECONDS`.

    Layers and weights that updates go through, products of a weight with an example's number; at records
    examples seen by each weight and by each unit, and what singular values take, the cube of a width.
    """
    weights, layers = parameters(config, facts), config.depth + 1
    # Each further copy is one more to be moved through memory, which is what an update waits for.
    moved = 1 + _held(config)
    facts = facts or config.dataset.facts
    tested = (facts.test if facts else 0) or USUAL_SPLIT[2]
    looks = len(config.record_updates())
    jacobians = len(config.jacobian_updates()) * config.jacobian_examples
    one = {
        "layer": config.updates * layers,
        "weight": config.updates * weights * moved,
        "product": config.updates * weights * config.batch_size,
        "seen": weights * (2 * looks * config.eval_examples + tested),
        "probed": looks * PROBE_EXAMPLES * sum(config.widths),
        "singular": jacobians * sum(width**3 for width in config.widths),
    }
    if config.pretrain != "none":
        # Each layer's weights are moved as in training, those below by many images at a time.
        _, classes = _sizes(config, facts)
        hidden = weights - (config.widths[-1] + 1) * classes
        one["layer"] += 2 * config.pretrain_updates * config.depth
        one["weight"] += 2 * config.pretrain_updates * hidden
        one["product"] += 2 * config.pretrain_updates * hidden * config.batch_size
    return {name: trained_members(config) * amount for name, amount in one.items()}


class SvmCost(NamedTuple):
    """About what fitting a support vector machine costs: seconds of one CPU core, bytes."""

    seconds: float
    memory: int


def svm_cost(config: SvmConfig) -> SvmCost:
    """The cost of `config`: the search on a part of the examples, then the machine on all."""
    facts = config.dataset.facts
    assert facts is not None
    examples, tested = config.dataset.examples, facts.test or USUAL_SPLIT[2]
    few = min(examples, config.search_examples)
    kernels = len(config.cost) * len(config.gamma) * few * (few + config.valid_examples)
    kernels += examples * (examples + tested)
    # The kernel matrix of the two most frequent classes, in double precision, and the examples.
    largest = 2 * facts.top_class * examples
    return SvmCost(SECONDS_PER_KERNEL * kernels, int(8 * largest**2 + examples * facts.inputs * _FLOAT))
