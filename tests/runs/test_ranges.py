"""What cannot be is refused by name, read or written: every row of the schema, each way out of its range."""

from dataclasses import replace

import numpy as np
import pytest
from support.claim_material import machine

from xavier_cli.errors import StorageError
from xavier_cli.runs import content, contradictions, hdf5, store
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.ranges import Range, is_ordered, out_of_range
from xavier_cli.runs.rescue import examine
from xavier_cli.runs.store import read_any, read_run, write_run
from xavier_cli.vocabulary.datasets import DatasetInfo

ROWS = {name: row for name, row in content.ROWS.items() if row.dtype[1] in "fi"}


@pytest.fixture(scope="module")
def material(make_run, plausible_surface):
    """Runs and surfaces that together hold every dataset of the schema."""
    settings = {"depth": 2, "width": 4, "updates": 20, "records": "4", "seeds": "2", "test_examples": 300}
    run = make_run(**settings, lr="0.01,0.1,0.3")
    run = replace(run, arrays={**run.arrays, "activation/slope": run["activation/mean"]})
    around = plausible_surface(points=5, around=make_run(**{**settings, "seeds": "1"}).config)
    origin = {"surface/origin": np.linspace(-2, 2, len(around["surface/parameter"]), dtype=np.float32)}
    around = replace(around, arrays={**around.arrays, **origin})
    pretrained = make_run(**settings, pretrain="rbm", pretrain_updates=41)
    return [run, pretrained, plausible_surface(points=5), around, machine(0.6)]


def holder(material, name):
    return next(each for each in material if name in each.arrays)


def with_array(run, name, array):
    return replace(run, arrays={**run.arrays, name: array})


def ways_out(row):
    """How an array of `row` can be wrong, by name; each changes a copy of it."""
    can_be, is_float = row.range, row.dtype[1] == "f"

    def put(value):
        def change(array):
            array[(-1,) * array.ndim] = value

        return change

    def backwards(array):
        array[...] = array[..., ::-1].copy()

    def still(array):
        array[..., 1] = array[..., 0]

    def a_little_less(value):
        return value - max(1e-3, 1e-3 * abs(value)) if is_float else value - 1

    ways = {}
    if np.isfinite(can_be.low):
        ways["below"] = put(a_little_less(can_be.low))
    if np.isfinite(can_be.high) and (is_float or can_be.high < np.iinfo(row.dtype).max):
        ways["above"] = put(-a_little_less(-can_be.high))
    if is_float and not can_be.nan:
        ways["NaN"] = put(np.nan)
    if is_float and not can_be.infinite:
        ways["infinite"] = put(np.inf)
    if can_be.order:
        ways["backwards"] = backwards
        if row.is_scale:
            ways["standing still"] = still
    return ways


CASES = [(name, way) for name, row in ROWS.items() for way in ways_out(row)]


def broken(material, name, way):
    run = holder(material, name)
    array = np.array(run[name], ROWS[name].dtype)
    if way in ("backwards", "standing still") and array.shape[-1] < 2:
        pytest.skip("a single number is in every order")
    ways_out(ROWS[name])[way](array)
    return with_array(run, name, array)


def forge(path, run, monkeypatch):
    """Write a file as whole as ours whose digests hold, whatever its numbers are."""
    with monkeypatch.context() as careless:
        careless.setattr(content.contradictions, "problem", lambda *_: "")
        write_run(path, run)


def test_every_number_of_the_schema_has_a_range_that_leaves_something_out():
    for name, row in ROWS.items():
        assert row.dtype[1] == "f" or np.isfinite([row.range.low, row.range.high]).all(), name
    # What a diverging network may leave has none; every other row can be out of its range.
    free = {name for name in ROWS if not ways_out(ROWS[name])}
    assert {name.rpartition("/")[2] for name in free} <= {
        *("mean", "slope", "percentiles", "saturated_bound", "activation_mean"),
        *("origin", "direction_x", "direction_y"),
    }


def refused(bad, path, words, monkeypatch):
    """That `bad` is neither written nor read, by `words`; what `doctor` finds in the file."""
    with pytest.raises(ValueError, match=words):
        write_run(path, bad)
    assert not path.exists()
    forge(path, bad, monkeypatch)
    with pytest.raises(RunFileError, match=f"{path.name}`: cannot be right: .*{words}") as error:
        read_any(path)
    assert "\n" not in str(error.value)
    assert len(error.value.reason) < 150
    found = examine(path)
    assert not found.is_whole
    assert found.rescued is None or content.as_stored(found.rescued)
    return found


@pytest.mark.parametrize(("name", "way"), CASES)
def test_what_is_out_of_its_range_is_named(name, way, material, count):
    bad = broken(material, name, way)
    with pytest.raises(ValueError, match=f"`{name}`"):
        content.as_stored(bad)
    # Reading asks the same function, of what lies in the file.
    said = contradictions.problem(bad.config, bad.arrays, bad.status, None)
    assert said.startswith(f"`{name}` ")
    count(numbers_out_of_range=1, numbers_out_of_range_believed=0)


SOME = [
    *(("curves/test_error", way) for way in ("below", "above", "infinite")),
    ("update", "backwards"),
    ("seed", "below"),
    ("weight/bin_edge", "standing still"),
    ("weight/histogram", "above"),
    ("final/diverged_at", "below"),
    ("final/test_correct", "above"),
    ("search/valid_error", "above"),
    ("surface/x", "backwards"),
    ("surface/quadratic", "below"),
]


def check_file(name, way, material, tmp_path, monkeypatch, count):
    found = refused(broken(material, name, way), tmp_path / "bad.h5", f"`{name}` ", monkeypatch)
    assert name in {part.name for part in found.parts if part.state == "lost"} or found.missed
    count(forged_files=1, forged_files_believed=0)
    if found.rescued:
        assert name not in found.rescued.arrays or np.isnan(found.rescued[name]).all()


@pytest.mark.parametrize(("name", "way"), SOME)
def test_a_file_of_what_is_out_of_its_range_is_refused_and_not_rescued(
    name, way, material, tmp_path, monkeypatch, count
):
    check_file(name, way, material, tmp_path, monkeypatch, count)


@pytest.mark.faults
@pytest.mark.parametrize(("name", "way"), CASES)
def test_every_file_of_what_is_out_of_its_range_is_refused_and_not_rescued(
    name, way, material, tmp_path, monkeypatch, count
):
    check_file(name, way, material, tmp_path, monkeypatch, count)


def test_control_without_ranges_all_of_it_would_be_believed(material, tmp_path, monkeypatch):
    bad = with_array(material[0], "curves/test_error", np.full((2, 4), -5.0))
    forge(tmp_path / "bad.h5", bad, monkeypatch)
    monkeypatch.setattr(store.contradictions, "problem", lambda *_: "")

    assert read_any(tmp_path / "bad.h5")["curves/test_error"][0, 0] == -5


def test_what_is_out_of_its_range_is_lost_and_the_rest_rescued(material, tmp_path, monkeypatch):
    path = tmp_path / "bad.h5"
    forge(path, broken(material, "activation/saturated", "above"), monkeypatch)
    found = examine(path)

    (lost,) = [part for part in found.parts if part.state == "lost"]
    assert (lost.name, lost.reason) == (
        "activation/saturated",
        "`activation/saturated` holds 1.001, outside 0 to 1",
    )
    assert "activation/saturated" not in found.rescued
    write_run(tmp_path / "rescued.h5", found.rescued)
    assert read_run(tmp_path / "rescued.h5").status == "interrupted"


def changed(run, name, change):
    array = np.array(run[name])
    change(array)
    return with_array(run, name, array)


def scaled(array):
    array += 1


CONTRADICTIONS = {
    "seed": (lambda run: changed(run, "seed", scaled), "`seed` holds other seeds than the configuration"),
    "layer": (lambda run: changed(run, "layer", scaled), "`layer` is not what is said by the configuration"),
    "layer_name": (
        lambda run: with_array(run, "layer_name", np.array([b"hidden 2", b"hidden 1"], "S24")),
        "`layer_name` is not what is said by the configuration",
    ),
    "rates": (
        lambda run: changed(run, "search/lr", lambda array: np.multiply(array, 2, out=array)),
        "`search/lr` is not what is said by the configuration",
    ),
    "search seeds": (
        lambda run: changed(run, "search/search_seed", lambda array: np.add(array, 9, out=array)),
        "`search/search_seed` holds seeds that the configuration has not",
    ),
    "updates over the end": (
        lambda run: changed(run, "update", lambda a: a.__setitem__(-1, 21)),
        "`update` holds 21, over the 20",
    ),
    "updates short of the end": (
        lambda run: changed(run, "update", lambda a: a.__setitem__(-1, 19)),
        "`update` ends at 19 of 20, though the run is complete",
    ),
    "no beginning": (
        lambda run: changed(run, "update", lambda a: a.__setitem__(0, 1)),
        "`update` begins at 1",
    ),
    "diverged later": (
        lambda run: with_array(run, "final/diverged_at", np.array([-1, 999])),
        "`final/diverged_at` holds 999, over the 20 updates",
    ),
    "NaN of a seed that did not diverge": (
        lambda run: changed(run, "curves/test_error", lambda a: a.__setitem__((0, 2), np.nan)),
        "`curves/test_error` holds NaN where its seed did not diverge",
    ),
    "error": (
        lambda run: changed(run, "curves/test_error", lambda a: a.__setitem__((0, -1), 0.01)),
        "`curves/test_error` is not the share that `final/test_correct` says",
    ),
    "answers": (
        lambda run: changed(run, "final/test_correct", lambda a: a.fill(1)),
        "`curves/test_error` is not the share that `final/test_correct` says",
    ),
    "counts of a record": (
        lambda run: changed(run, "weight/histogram", lambda a: a.__setitem__((0, 1, 0, 0), 10**6)),
        "`weight/histogram` counts other numbers of values at other records or seeds",
    ),
    "counts of a tensor": (
        lambda run: changed(run, "backprop/histogram", lambda a: np.multiply(a, 2, out=a)),
        "counts other numbers of values than",
    ),
    "centres": (
        lambda run: changed(run, "weight/bin", lambda a: np.add(a, 1e-4, out=a)),
        "`weight/bin` is not in the middle between `weight/bin_edge`",
    ),
    "sides": (lambda run: with_array(run, "side", np.array([0, 1])), "`side` is not -1 and 1"),
    "ranks": (
        lambda run: changed(run, "index", lambda a: a.__setitem__(-1, 9)),
        "`index` does not count from 0",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTIONS)
def test_a_contradiction_is_refused_by_name(case, material, tmp_path, monkeypatch, count):
    change, words = CONTRADICTIONS[case]
    refused(change(material[0]), tmp_path / "bad.h5", words, monkeypatch)
    count(contradictions=1, contradictions_believed=0)


def test_errors_are_held_against_the_answers_also_where_only_errors_are_read(material, tmp_path, monkeypatch):
    forge(tmp_path / "bad.h5", CONTRADICTIONS["error"][0](material[0]), monkeypatch)
    write_run(tmp_path / "good.h5", material[0])

    with pytest.raises(RunFileError, match="is not the share"):
        read_run(tmp_path / "bad.h5", only=("curves/test_error",))
    good = read_run(tmp_path / "good.h5", only=("curves/test_error",))
    assert "final/test_correct" not in good
    assert "curves/test_error" in good


def test_older_files_that_hold_errors_rounded_to_32_bits_are_read(material, tmp_path):
    run = material[0]
    rounded = with_array(run, "curves/test_error", run["curves/test_error"].astype("<f4").astype("<f8"))
    write_run(tmp_path / "old.h5", rounded)

    assert np.array_equal(read_run(tmp_path / "old.h5")["curves/test_error"], rounded["curves/test_error"])


def test_a_seed_that_diverged_is_frozen_and_contradicts_nothing(material, tmp_path):
    run = with_array(material[0], "final/diverged_at", np.array([-1, 7]))
    run = changed(run, "curves/test_error", lambda array: array[1].fill(np.nan))
    write_run(tmp_path / "diverged.h5", run)

    assert read_run(tmp_path / "diverged.h5").diverged.tolist() == [False, True]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3.4e38])
def test_what_a_diverging_network_leaves_can_be_published(value, material, tmp_path):
    # Of an activation without bounds: what has some never leaves them.
    run = replace(material[0], config=material[0].config.with_(act="identity"))
    arrays = dict(run.arrays)
    for name, array in run.arrays.items():
        row = content.ROWS[name]
        if row.dtype == "<f4" and not row.is_scale and row.range.high == np.inf and value >= row.range.low:
            arrays[name] = np.full_like(array, value)
        if name.endswith("_loss") and not value < 0:
            arrays[name] = np.full_like(array, value)
    write_run(tmp_path / "wild.h5", replace(run, arrays=arrays))

    assert read_run(tmp_path / "wild.h5")["curves/train_loss"].shape == (2, 4)


@pytest.mark.parametrize(
    "text", ["yesterday", "2025-01-02\x1b03:04:05", "0001-01-01", "9999-12-31T00:00:00+00:00"]
)
def test_a_time_that_is_none_is_refused(text, material, tmp_path):
    with pytest.raises(ValueError, match="`created_utc` is no time"):
        write_run(tmp_path / "bad.h5", replace(material[0], created_utc=text))


@pytest.mark.parametrize(
    ("provenance", "words"),
    [
        ({"train_seconds": -5}, "says that `train_seconds` are -5"),
        ({"compile_seconds": "x"}, "says that `compile_seconds` are x"),
        ({"train_seconds": float("nan")}, "says that `train_seconds` are nan"),
        ({"seconds_spent": 5}, "says that `seconds_spent` are 5"),
        ({"seconds_spent": {"updates": -1}}, "says that `updates` are -1"),
        ({"devices": 10**4000}, "a number too large to be shown"),
        ({"a": [[[[[[[[[[1]]]]]]]]]]}, "nested too deeply"),
    ],
)
def test_a_provenance_that_cannot_be_is_refused(provenance, words, material, tmp_path):
    with pytest.raises(StorageError, match=words):
        write_run(tmp_path / "bad.h5", replace(material[0], provenance=provenance))


def test_what_no_unit_of_the_activation_gives_is_refused(material, tmp_path):
    assert material[0].config.act == "tanh"
    for name in ("activation/mean", "activation/percentiles"):
        for value in (7, -1.1):
            run = with_array(material[0], name, np.full_like(material[0][name], value))
            with pytest.raises(ValueError, match=f"`{name}` is outside what tanh gives, -1 to 1"):
                write_run(tmp_path / "bad.h5", run)


def test_a_known_data_set_is_what_its_name_says(material):
    """However easy a file says it is, and whatever it calls its classes."""
    easy = replace(material[0], config=material[0].config.with_(data="mnist"), data=FACTS)
    easier = replace(easy, data=FACTS.model_copy(update={"top_class": 1.0, "sha256": "ab"}))

    for run in (easy, easier):
        assert run.facts.top_class == 0.1135
        assert (run.facts.classes, run.facts.inputs, run.facts.shape) == (10, 784, (28, 28))
    assert easier.facts.sha256 == "ab"


FACTS = DatasetInfo(name="x.npz", inputs=12, classes=3, labels=("a", "b", "c"), top_class=0.5, shape=(3, 4))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"labels": ("a",)}, "has 3 classes and 1 names of classes"),
        ({"labels": ("a", "b", "c" * 2000)}, "more, or longer, classes"),
        ({"top_class": 0.2}, "no class as frequent as the average"),
        ({"shape": (3, 5)}, "images of another size than its inputs"),
        ({"train": -1}, "parts without examples"),
        ({"train": 10**30}, "inputs or examples"),
        ({"inputs": 2**62, "shape": ()}, "inputs or examples"),
        ({"shape": (1,) * 63 + (3, 4)}, "images of 65 axes"),
        ({"standardized": (1e300, 1.0)}, "standardized by numbers"),
        ({"standardized": (0.5, -5.0)}, "standardized by numbers"),
    ],
)
def test_facts_of_a_data_set_that_cannot_be_are_refused(change, words, material, tmp_path, monkeypatch):
    assert contradictions.facts_problem(FACTS) == ""
    run = replace(material[0], data=FACTS.model_copy(update=change))
    with pytest.raises(ValueError, match=words):
        write_run(tmp_path / "bad.h5", run)
    with monkeypatch.context() as careless:
        careless.setattr(content.contradictions, "facts_problem", lambda _: "")
        write_run(tmp_path / "bad.h5", run)
    with pytest.raises(RunFileError, match=words):
        read_run(tmp_path / "bad.h5")
    # The numbers can be believed all the same.
    assert examine(tmp_path / "bad.h5").rescued.data is None


def test_rounding_is_no_fault():
    share = Range(low=0, high=1)

    assert out_of_range(share, np.array([-1e-7, 1 + 1e-7])) == ""
    assert out_of_range(share, np.array([-1e-5])) == "holds -1e-05, outside 0 to 1"
    assert out_of_range(share, np.array([1e38])) == "holds 1e+38, outside 0 to 1"
    assert is_ordered(np.array([3.0, 3.0 + 1e-7, np.nan, np.inf]), "down")
    assert not is_ordered(np.array([3.0, 3.1]), "down")


def test_every_digest_of_a_forged_file_holds(material, tmp_path, monkeypatch):
    """Else the tests above would show nothing."""
    forge(tmp_path / "bad.h5", broken(material, "curves/test_loss", "below"), monkeypatch)
    with hdf5.opened(tmp_path / "bad.h5") as root:
        header = content.header(tmp_path / "bad.h5", {n: hdf5.text(root, n) for n in content.HEADER_TEXTS})
        for name, expected in header.digests.items():
            found = hdf5.find(tmp_path / "bad.h5", {"": root}, name, content.ROWS[name].dtype)
            hdf5.load(tmp_path / "bad.h5", found, expected)


def test_a_bound_beyond_single_precision_leaves_nothing_out_and_warns_of_nothing():
    losses = np.array([-3e38, 0.0, 3e38], np.float32)

    assert out_of_range(Range(low=-1e300, high=1e300), losses) == ""
