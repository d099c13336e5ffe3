"""Finds contradictions between two parts of a run file, and numbers outside their range.

Reading and writing call `problem`; the diagnosis of a damaged file checks each dataset by itself.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime

import numpy as np

from xavier_cli.config.custom_networks import layer_rows
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs import kinds, schema
from xavier_cli.runs.ranges import ROUNDING, out_of_range
from xavier_cli.runs.record import SECONDS, Status
from xavier_cli.runs.result import ResultConfig
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo

# Where a file does not say how many test examples there are, it has all from here on: no set has fewer.
FEWEST_TEST_EXAMPLES = 300
MOST_CLASSES = 10_000
MOST_NUMBERS, MOST_AXES, LARGEST = 10**10, 3, 1e6
# Provenance is anything that JSON can say, but shown in a line each.
DEEPEST, LARGEST_WHOLE = 8, 2**63
LONGEST_LABEL = 1000
MOST_REMARKS, MOST_WEIGHT_AXES = 1000, 32
# No run was made before, nor in another millennium; and no other characters are in a time than these.
_FIRST_YEAR, _LAST_YEAR = 1970, 2999
_TIME = re.compile(r"[0-9T :.+Z-]{1,40}")
# What a dataset is held against, where one of them is read.
_BESIDE = {
    "curves/valid_error": ("final/diverged_at",),
    "curves/test_error": ("final/diverged_at", "final/test_correct"),
}
COUNTING = ("example", "index", "surface/example", "surface/parameter", "svm/example", "svm/class")
"""Scales that count from 0."""
OF_FUNCTIONS = ("activation/saturated", "activation/inactive", "activation/dead")
"""Shares that only custom networks may lack, where no known activation function follows a layer."""
# Scales that a later version may choose otherwise, and that joined runs have more of.
_FREE = ("percentile", "search/search_seed")
_BY_UPDATE = ("update", "jacobian_update", "spectrum_update", "final/diverged_at")

Arrays = Mapping[str, np.ndarray]
# The datasets that cannot all be right, and why.
Contradiction = tuple[tuple[str, ...], str]


def problem(
    config: RunConfig | ResultConfig, arrays: Arrays, status: Status, facts: DatasetInfo | None
) -> str:
    """What of `arrays`, whose shapes are right, cannot be, in one line that names it; empty if nothing."""
    for name, array in arrays.items():
        if wrong := row_problem(name, array):
            return wrong
    return next((why for _, why in contradictions(config, arrays, status, facts)), "")


def beside(paths: Collection[str]) -> set[str]:
    """What has to be read, too, for `problem` to hold `paths` against it."""
    return schema.with_scales(each for path in paths for each in _BESIDE.get(path, ()))


def row_problem(name: str, array: np.ndarray) -> str:
    """What of the one dataset called `name` cannot be, in a line that names it; empty if nothing."""
    row = schema.DATASETS.get(name) or kinds.DATASETS[name]
    wrong = out_of_range(row.range, array, row.is_scale)
    return f"`{name}` {wrong}" if wrong else ""


def contradictions(
    config: RunConfig | ResultConfig, arrays: Arrays, status: Status, facts: DatasetInfo | None
) -> Iterator[Contradiction]:
    """Whatever of `arrays` cannot be right at once, as far as both sides are there."""
    for name in COUNTING:
        if name in arrays and not np.array_equal(arrays[name], np.arange(len(arrays[name]))):
            yield (name,), f"`{name}` does not count from 0"
    if isinstance(config, ResultConfig):
        for name, expected in config.fixed_scales().items():
            if name in arrays and not _close(arrays[name], expected):
                yield (name,), f"`{name}` is not the axis that the configuration says"
        return
    for name, fixed in schema.fixed_scales(config).items():
        if name in arrays and name not in _FREE and not _same(arrays[name], fixed):
            words = "holds other seeds than" if name == "seed" else "is not what is said by"
            yield (name,), f"`{name}` {words} the configuration"
    if "side" in arrays and arrays["side"].tolist() != [-1, 1]:
        yield ("side",), "`side` is not -1 and 1"
    yield from _of_updates(config, arrays, status)
    if not config.is_watched:
        yield from _of_losses(arrays)
    yield from _of_errors(config, arrays, status, facts)
    yield from _of_histograms(arrays, alike=not config.network.is_users)
    yield from _of_activations(config, arrays)
    if "search/search_seed" in arrays and not {*arrays["search/search_seed"].tolist()} <= {*config.seeds}:
        yield ("search/search_seed",), "`search/search_seed` holds seeds that the configuration has not"


def _of_updates(config: RunConfig, arrays: Arrays, status: Status) -> Iterator[Contradiction]:
    last = {name: arrays[name].max() for name in _BY_UPDATE if name in arrays}
    for name in (name for name, update in last.items() if update > config.updates):
        yield (name,), f"`{name}` holds {last[name]}, over the {config.updates} updates of the configuration"
    if "update" in arrays and status == "complete" and arrays["update"][-1] < config.updates:
        done = arrays["update"][-1]
        yield ("update",), f"`update` ends at {done} of {config.updates}, though the run is complete"
    if "update" in arrays and arrays["update"][0] != 0:
        yield ("update",), f"`update` begins at {arrays['update'][0]}, not before training"
    if "pretrain_update" in arrays and arrays["pretrain_update"][-1] > config.pretrain_updates:
        yield ("pretrain_update",), "`pretrain_update` goes over the updates of the configuration"


def _of_losses(arrays: Arrays) -> Iterator[Contradiction]:
    """No loss of ours is below 0; one that a watched training brought along may be."""
    for name in ("curves/train_loss", "curves/valid_loss", "curves/test_loss"):
        if name in arrays and (arrays[name] < 0).any():
            yield (name,), f"`{name}` holds {arrays[name].min():.6g}, below 0"


def _of_errors(
    config: RunConfig, arrays: Arrays, status: Status, facts: DatasetInfo | None
) -> Iterator[Contradiction]:
    """Of seeds that did not diverge: those are frozen, and say what they said."""
    if "final/diverged_at" not in arrays:
        return
    alive = arrays["final/diverged_at"] < 0
    for name in ("curves/valid_error", "curves/test_error"):
        # A watched training may have none, such as one without classes.
        if name in arrays and not config.is_watched and np.isnan(arrays[name][alive]).any():
            yield (name,), f"`{name}` holds NaN where its seed did not diverge"
    correct, error = arrays.get("final/test_correct"), arrays.get("curves/test_error")
    if correct is None or error is None or status != "complete" or arrays["update"][-1] == 0:
        return
    known, count = facts or config.dataset.facts, correct.shape[1]
    wanted = known.test if known and known.test is not None else max(count, FEWEST_TEST_EXAMPLES)
    apart = np.abs(error[:, -1] - (1 - correct.mean(axis=1)))
    if facts and facts.test is not None and count != facts.test:
        yield (
            ("final/test_correct",),
            f"`final/test_correct` is of {count} examples, where the test set has {facts.test}",
        )
    elif count == wanted and (apart[alive] > ROUNDING).any():
        yield (
            ("curves/test_error", "final/test_correct"),
            "`curves/test_error` is not the share that `final/test_correct` says",
        )


def _of_activations(config: RunConfig, arrays: Arrays) -> Iterator[Contradiction]:
    """What no unit of the activation can give; a skip adds to it what comes from below."""
    if not config.network.is_users:
        for name in OF_FUNCTIONS:
            if name in arrays and np.isnan(arrays[name]).any():
                yield (name,), f"`{name}` holds NaN"
    low, high = config.activation_range
    if config.residual or math.isinf(low) or "final/diverged_at" not in arrays:
        return
    alive = arrays["final/diverged_at"] < 0
    for name in ("activation/mean", "activation/percentiles"):
        if name in arrays:
            values = arrays[name][alive]
            slack = ROUNDING * max(1.0, abs(low))
            if (values < low - slack).any() or (values > high + ROUNDING * max(1.0, abs(high))).any():
                yield (name,), f"`{name}` is outside what {config.act} gives, {low:g} to {high:g}"


def _of_histograms(arrays: Arrays, alike: bool) -> Iterator[Contradiction]:
    totals: dict[str, tuple[str, np.ndarray]] = {}
    for name, counts in arrays.items():
        tensor, _, what = name.partition("/")
        if what == "bin_edge" and f"{tensor}/bin" in arrays:
            centres = (counts[1:] + counts[:-1]) / 2
            if (np.abs(arrays[f"{tensor}/bin"] - centres) > ROUNDING * (counts[1:] - counts[:-1])).any():
                yield (f"{tensor}/bin",), f"`{tensor}/bin` is not in the middle between `{tensor}/bin_edge`"
        if what == "histogram":
            total = counts.sum(axis=-1)
            axis = schema.dims(name)[2]
            if (total != total[:1, :1]).any():
                yield (name,), f"`{name}` counts other numbers of values at other records or seeds"
                continue
            if not alike:
                # What enters a layer of a custom network need not be as much as what the one below puts out.
                continue
            other, first = totals.setdefault(axis, (name, total[0, 0]))
            if not np.array_equal(first, total[0, 0]):
                yield (other, name), f"`{name}` counts other numbers of values than `{other}`"


def facts_problem(facts: DatasetInfo) -> str:
    """What of the facts about a data set cannot be, in a few words; empty if nothing."""
    if max(facts.inputs, *(n or 0 for n in (facts.train, facts.valid, facts.test))) > MOST_NUMBERS:
        return f"has over {MOST_NUMBERS:.0e} inputs or examples"
    if len(facts.shape) > MOST_AXES:
        return f"has images of {len(facts.shape)} axes"
    if facts.standardized and not (
        abs(facts.standardized[0]) <= LARGEST and 0 < facts.standardized[1] <= LARGEST
    ):
        return "was standardized by numbers that no pixels have"
    if facts.classes > MOST_CLASSES or any(len(label) > LONGEST_LABEL for label in facts.labels):
        return "has more, or longer, classes than a data set can have"
    if len(facts.labels) != facts.classes:
        return f"has {facts.classes} classes and {len(facts.labels)} names of classes"
    if facts.top_class < 1 / facts.classes - ROUNDING:
        return f"has no class as frequent as the average of {facts.classes}"
    size = 1
    for side in facts.shape:
        size *= side
    if facts.shape and (min(facts.shape) < 1 or size != facts.inputs):
        return "has images of another size than its inputs"
    if any(count is not None and count < 1 for count in (facts.train, facts.valid, facts.test)):
        return "has parts without examples"
    return ""


def network_problem(config: RunConfig | ResultConfig, network: NetworkInfo | None) -> str:
    """What of the facts about a custom network cannot be, in a few words; empty if nothing."""
    layers = config.weight_layers if isinstance(config, RunConfig) else 0
    if network is None:
        return "is a custom one, of which nothing is said" if layers else ""
    if len(network.layers) != layers:
        return f"has {len(network.layers)} weight layers, where its configuration has {layers}"
    try:
        if isinstance(config, RunConfig):
            layer_rows(config, network.layers)
    except ConfigError:
        return "has no layers of the names by which they were drawn"
    if wrong := next((text for text in _texts(network) if clean(text) != text), ""):
        return f"has a name with control characters: `{clean(wrong)[:40]}`"
    if any(len(text) > LONGEST_LABEL for text in _texts(network)):
        return "has longer names than a network can have"
    if len(network.unseen) + len(network.notes) > MOST_REMARKS:
        return f"comes with over {MOST_REMARKS} remarks"
    shapes = [(each.name, each.shape) for each in network.layers]
    shapes += [(each.name, each.shape) for each in network.parameters]
    shapes += [(each.name, each.shape) for each in network.moving]
    for name, shape in shapes:
        if len(shape) > MOST_WEIGHT_AXES or any(not 0 <= side <= MOST_NUMBERS for side in shape):
            return f"has a parameter of a shape that cannot be: `{name[:40]}`"
    if any(
        max(each.fan_in, each.fan_out, each.receptive_field, each.uses) > MOST_NUMBERS
        for each in network.layers
    ):
        return f"has fans over {MOST_NUMBERS:.0e}"
    return ""


def _texts(network: NetworkInfo) -> Iterator[str]:
    """Every text that is shown of a network."""
    yield from (network.framework, *network.unseen, *network.notes)
    for layer in network.layers:
        yield from (layer.name, layer.parameter, layer.bias, *layer.applied)
    yield from (parameter.name for parameter in network.parameters)
    yield from (each.name for each in network.moving)
    drawn = [each for layer in network.layers for each in (layer.drawn, layer.bias_drawn)]
    for each in (*drawn, *(parameter.drawn for parameter in network.parameters)):
        if each:
            yield from (*each.names, each.nearest, each.like)


def provenance_problem(provenance: Mapping[str, object]) -> str:
    """What of a run's provenance cannot be, in a few words; empty if nothing."""
    if not _is_plain(provenance, DEEPEST):
        return "is nested too deeply, or holds a number too large to be shown"
    resumed = provenance.get("resumed_utc", [])
    if not isinstance(resumed, list) or not all(map(is_time, resumed)):
        return "says that it was resumed at no time"
    spent = provenance.get("seconds_spent", {})
    if not isinstance(spent, Mapping):
        return f"says that `seconds_spent` are {str(spent)[:40]}"
    for name, seconds in [*((name, provenance.get(name, 0.0)) for name in SECONDS), *spent.items()]:
        if not is_duration(seconds):
            return f"says that `{name}` are {str(seconds)[:40]}"
    return ""


def is_duration(seconds: object) -> bool:
    """Whether `seconds` are a number that a duration can be."""
    return isinstance(seconds, int | float) and not isinstance(seconds, bool) and 0 <= seconds < math.inf


def _is_plain(value: object, deepest: int) -> bool:
    if isinstance(value, Mapping | list):
        parts = value.values() if isinstance(value, Mapping) else value
        return deepest > 0 and all(_is_plain(part, deepest - 1) for part in parts)
    return not isinstance(value, int) or abs(value) < LARGEST_WHOLE


def is_time(value: object) -> bool:
    """Whether `value` is a time as files have it."""
    return isinstance(value, str) and not time_problem(value)


def time_problem(text: str) -> str:
    """What is wrong with the time of making `text`, in a few words; empty if nothing."""
    try:
        year = datetime.fromisoformat(text).year if _TIME.fullmatch(text) else 0
    except ValueError:
        year = 0
    return "" if _FIRST_YEAR <= year <= _LAST_YEAR else "is no time"


def _same(array: np.ndarray, fixed: np.ndarray) -> bool:
    return np.array_equal(array, fixed) or (array.dtype.kind == "f" and _close(array, fixed))


def _close(array: np.ndarray, fixed: np.ndarray) -> bool:
    return array.shape == fixed.shape and bool(np.allclose(array, fixed, rtol=ROUNDING, atol=ROUNDING))
