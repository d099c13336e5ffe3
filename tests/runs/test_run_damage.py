"""Damaged and hostile files: refused with words, never believed, never followed outside."""

import faulthandler
import hashlib
import json
import os
import shutil
import tracemalloc

import h5py
import numpy as np
import pytest

from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.store import read_run, write_run

FLIPS = 300


@pytest.fixture(autouse=True)
def _a_hang_is_a_crash():
    faulthandler.dump_traceback_later(60, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture(scope="module")
def run(make_run):
    run = make_run(depth=2, width=4, updates=100, records="5", seeds="2", test_examples=500, lr="0.01,0.1")
    groups = ("curves", "activation", "final", "search")
    return make_run(run.config, test_examples=500, only=groups)


@pytest.fixture(scope="module")
def whole(run, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "whole.h5"
    write_run(path, run)
    return path


@pytest.fixture
def copy(whole, tmp_path):
    return shutil.copy(whole, tmp_path / "copy.h5")


def same(one, other):
    return (
        set(one.arrays) == set(other.arrays)
        and all(
            np.array_equal(one[name], other[name], equal_nan=one[name].dtype.kind == "f")
            for name in one.arrays
        )
        and (one.config, one.status, one.created_utc, one.provenance)
        == (other.config, other.status, other.created_utc, other.provenance)
    )


def outcome(path, run):
    """`refused`, `right` or `wrong`; `unclear` where it is refused without a line that names the file."""
    try:
        return "right" if same(read_run(path), run) else "wrong"
    except RunFileError as error:
        return "refused" if str(path) in str(error) and "\n" not in str(error) else "unclear"


def flips(content, count, seed):
    """Copies of `content` with one byte changed, a third of them in the first 4 kB."""
    rng = np.random.default_rng(seed)
    for i in range(count):
        flipped = bytearray(content)
        flipped[rng.integers(min(len(content), 4096) if i % 3 == 0 else len(content))] ^= rng.integers(1, 256)
        yield bytes(flipped)


def mutations(content, count, seed):
    """Copies of `content`, half with a byte flipped, the others zeroed in part, cut, or with junk behind."""
    rng = np.random.default_rng(seed)
    flipped = flips(content, count, seed)
    for i in range(count):
        start, length = rng.integers(len(content)), int(rng.integers(1, 4096))
        match i % 6:
            case 0 | 2 | 4:
                yield next(flipped)
            case 1:
                yield (
                    content[:start] + bytes(len(content[start : start + length])) + content[start + length :]
                )
            case 3:
                yield content[:start]
            case 5:
                yield content + rng.bytes(length)


def counted(outcomes, count, **more):
    count(
        mutations=len(outcomes),
        mutations_refused=outcomes.count("refused"),
        mutations_read_right=outcomes.count("right"),
        mutations_silently_wrong=outcomes.count("wrong"),
        mutations_refused_without_the_name=outcomes.count("unclear"),
        **more,
    )


def test_no_flipped_byte_is_silently_wrong(whole, run, tmp_path, count):
    outcomes = []
    for content in flips(whole.read_bytes(), FLIPS, seed=1):
        (tmp_path / "flipped.h5").write_bytes(content)
        outcomes.append(outcome(tmp_path / "flipped.h5", run))
    counted(outcomes, count)

    assert set(outcomes) <= {"right", "refused"}
    # The rest lies in unused space and in what only other readers use.
    assert outcomes.count("refused") > FLIPS / 4


@pytest.mark.faults
@pytest.mark.parametrize("batch", range(20))
def test_of_a_thousand_mutations_none_is_silently_wrong_and_none_hangs(batch, whole, run, tmp_path, count):
    outcomes = []
    for content in mutations(whole.read_bytes(), 1000, seed=100 + batch):
        (tmp_path / "mutated.h5").write_bytes(content)
        # Whoever hangs or crashes takes the tests' process along, which is noticed.
        faulthandler.dump_traceback_later(10, exit=True)
        outcomes.append(outcome(tmp_path / "mutated.h5", run))
    counted(outcomes, count, mutations_that_hung_or_crashed=0)

    assert set(outcomes) == {"right", "refused"}


def test_no_mutation_of_a_checkpoint_is_silently_wrong(tmp_path, count):
    from xavier_cli.runs import checkpoint

    arrays = {"weights/0": np.linspace(-1, 1, 2000, dtype="<f4"), "update": np.arange(3)}
    checkpoint.write_checkpoint(tmp_path / "run.h5", checkpoint.Checkpoint({"a": 1}, {"b": [2]}, arrays))
    path, outcomes = checkpoint.checkpoint_paths(tmp_path / "run.h5")[0], []
    for content in mutations(path.read_bytes(), FLIPS, seed=4):
        path.write_bytes(content)
        try:
            read = checkpoint.read_checkpoint(path)
            same_arrays = all(np.array_equal(read.arrays[name], arrays[name]) for name in arrays)
            right = same_arrays and (read.identity, read.facts) == ({"a": 1}, {"b": [2]})
            outcomes.append("right" if right else "wrong")
        except RunFileError as error:
            outcomes.append("refused" if str(path) in str(error) else "unclear")
    counted(outcomes, count)

    assert set(outcomes) == {"right", "refused"}


def test_control_flipped_bytes_are_silently_wrong_in_a_default_file(run, tmp_path, count):
    path = tmp_path / "default.h5"
    with h5py.File(path, "w") as file:
        for name, array in run.arrays.items():
            file[name] = array
    outcomes = []
    for content in flips(path.read_bytes(), FLIPS // 3, seed=2):
        path.write_bytes(content)
        try:
            with h5py.File(path) as file:
                read = {name: file[name][()] for name in run.arrays}
            right = all(
                np.array_equal(read[name], run[name], equal_nan=True) for name in read if name != "layer_name"
            )
            outcomes.append("right" if right else "wrong")
        except Exception:
            outcomes.append("refused")

    wrong = outcomes.count("wrong")
    count(**{"control:_mutations_of_a_default_file": len(outcomes), "control:_silently_wrong": wrong})

    assert wrong > len(outcomes) / 5


def test_every_truncation_is_refused(whole, tmp_path):
    content = whole.read_bytes()
    for length in [0, 1, 7, 8, 47, 48, *range(100, len(content), len(content) // 40), len(content) - 1]:
        (tmp_path / "cut.h5").write_bytes(content[:length])

        with pytest.raises(RunFileError, match=r"cut\.h5"):
            read_run(tmp_path / "cut.h5")


def test_zeroed_blocks_are_never_silently_wrong(whole, run, tmp_path):
    content = whole.read_bytes()
    outcomes = []
    for start in range(0, len(content), 2048):
        zeroed = content[:start] + bytes(min(2048, len(content) - start)) + content[start + 2048 :]
        (tmp_path / "zeroed.h5").write_bytes(zeroed)
        outcomes.append(outcome(tmp_path / "zeroed.h5", run))

    assert set(outcomes) == {"right", "refused"}


def test_junk_behind_the_end_does_no_harm(whole, run, tmp_path):
    (tmp_path / "more.h5").write_bytes(whole.read_bytes() + os.urandom(5000))

    assert outcome(tmp_path / "more.h5", run) in ("right", "refused")


def test_what_is_no_run_file_is_refused(tmp_path):
    (tmp_path / "junk.h5").write_bytes(np.random.default_rng(0).bytes(5000))
    (tmp_path / "text.h5").write_text("seed,error\n0,0.3\n")
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "link.h5").symlink_to("nowhere.h5")
    os.mkfifo(tmp_path / "pipe.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["curves/test_error"] = np.zeros(3)

    for name, words in {
        "junk.h5": "not a run file",
        "text.h5": "not a run file",
        "folder.h5": "is not a file",
        "pipe.h5": "is not a file",
        "link.h5": "No such file",
        "absent.h5": "No such file",
        "other.h5": "an HDF5 file, but not a run file",
    }.items():
        with pytest.raises(RunFileError, match=words):
            read_run(tmp_path / name)


def test_a_file_of_a_newer_schema_says_so(copy):
    with h5py.File(copy, "r+") as file:
        file.attrs["schema_version"] = np.int64(2)

    with pytest.raises(
        RunFileError, match=r"newer xavier \(its schema is 2, this one reads up to 1\): upgrade"
    ):
        read_run(copy)


def test_what_a_later_version_adds_to_this_schema_is_passed_over(copy, run):
    with h5py.File(copy, "r+") as file:
        put(file, "curves/added_later", np.zeros((2, 5)))

    assert outcome(copy, run) == "right"


def test_a_changed_number_or_setting_is_noticed(whole, run, tmp_path):
    def changed(name, change):
        path = shutil.copy(whole, tmp_path / name)
        with h5py.File(path, "r+") as file:
            change(file)
        return path

    def set_config(file):
        file.attrs["config_json"] = np.bytes_(run.config.with_(lr="0.02,0.1").to_json())

    def set_number(file):
        file["curves/test_error"][0, 0] = 0.0

    with pytest.raises(RunFileError, match="`curves/test_error` does not match its digest"):
        read_run(changed("number.h5", set_number))
    with pytest.raises(RunFileError, match="its configuration does not match its digest"):
        read_run(changed("config.h5", set_config))
    # What was not asked for is not looked at.
    assert "seed" in read_run(tmp_path / "number.h5", only=("curves/train_loss",))


def put(file, name, array, digest=None, **storage):
    """Replace `name` by `array` with the digest that belongs to it, as a forger would."""
    if name in file:
        del file[name]
    file.create_dataset(name, **{"data": array, "chunks": array.shape, "fletcher32": True, **storage})
    forge(file, name, digest or hashlib.sha256(np.ascontiguousarray(array).data).hexdigest())


def forge(file, name, digest):
    digests = json.loads(file.attrs["digests_json"])
    file.attrs["digests_json"] = np.bytes_(json.dumps({**digests, name: digest}))


def external_link(file, errors):
    del file["curves/test_error"]
    file["curves/test_error"] = h5py.ExternalLink("/etc/hostname", "/x")


def external_group(file, errors):
    del file["curves"]
    file["curves"] = h5py.ExternalLink("outside.h5", "/")


def soft_link(file, errors):
    del file["curves/test_error"]
    file["curves/test_error"] = h5py.SoftLink("/curves/valid_error")


def soft_loop(file, errors):
    del file["curves"]
    file["curves"] = h5py.SoftLink("/curves")


def hard_loop(file, errors):
    del file["curves"]
    file["curves"] = file["/"]


def external_storage(file, errors):
    del file["curves/test_error"]
    file.create_dataset(
        "curves/test_error", errors.shape, "<f8", external=[("/etc/hostname", 0, errors.nbytes)]
    )


def virtual(file, errors):
    del file["curves/test_error"]
    layout = h5py.VirtualLayout(errors.shape, "<f8")
    layout[:] = h5py.VirtualSource("outside.h5", "x", errors.shape)
    file.create_virtual_dataset("curves/test_error", layout)


def wrong_shape(file, errors):
    put(file, "curves/test_error", errors[:, :-1])


def wrong_rank(file, errors):
    put(file, "curves/test_error", errors[0])


def wrong_type(file, errors):
    put(file, "curves/test_error", errors.astype(np.float32))


def big_endian(file, errors):
    put(file, "curves/test_error", errors.astype(">f8"))


def variable_strings(file, errors):
    put(
        file,
        "layer_name",
        np.array(["a", "b"], object),
        "0" * 64,
        dtype=h5py.string_dtype(),
        fletcher32=False,
    )


def references(file, errors):
    array = np.array([file.ref, file.ref], h5py.ref_dtype)
    put(file, "layer_name", array, "0" * 64, dtype=h5py.ref_dtype, fletcher32=False)


def compound(file, errors):
    put(file, "curves/test_error", errors.view([("x", "<f8")]))


def contiguous(file, errors):
    put(file, "curves/test_error", errors, chunks=None, fletcher32=False)


def without_checksum(file, errors):
    put(file, "curves/test_error", errors, fletcher32=False)


def unknown_filter(file, errors):
    put(file, "curves/test_error", errors, compression="lzf")


def a_group_for_a_dataset(file, errors):
    del file["curves/test_error"]
    file.create_group("curves/test_error")


def a_dataset_for_a_group(file, errors):
    del file["curves"]
    file["curves"] = errors


def absent(file, errors):
    del file["curves/test_error"]


def not_even_named(file, errors):
    digests = json.loads(file.attrs["digests_json"])
    del digests["update"]
    file.attrs["digests_json"] = np.bytes_(json.dumps(digests))


def other_seeds(file, errors):
    put(file, "seed", np.array([5, 6], np.int64))


def scale_too_long(file, errors):
    put(file, "example", np.arange(1_000_001, dtype=np.int32))


def huge_and_empty(file, errors):
    put(file, "curves/test_error", errors, shape=(2, 2**40), data=None, chunks=(2, 1000), dtype="<f8")


def unwritten(file, errors):
    """Shapes within all bounds, 67 MB, of which nothing is stored."""
    put(file, "index", np.arange(65_536, dtype=np.int32))
    put(file, "spectrum_update", np.arange(64, dtype=np.int64))
    file.create_dataset(
        "jacobian/singular_values", (2, 64, 2, 65_536), "<f4", chunks=(1, 1, 1, 65_536), fletcher32=True
    )
    forge(file, "jacobian/singular_values", "0" * 64)


def bomb(file, errors):
    """67 MB out of a file of some kilobytes."""
    unwritten(file, errors)
    del file["jacobian/singular_values"]
    zeros = np.zeros((2, 64, 2, 65_536), "<f4")
    put(file, "jacobian/singular_values", zeros, compression="gzip", chunks=(2, 8, 2, 65_536))


def huge_chunk(file, errors):
    storage = {"chunks": (2, 10**8), "maxshape": (None, None), "compression": "gzip"}
    del file["curves/test_error"]
    file.create_dataset("curves/test_error", errors.shape, "<f8", fletcher32=True, **storage)


def attribute_of_variable_length(file, errors):
    file.attrs["provenance_json"] = "{}"


def attribute_array(file, errors):
    file.attrs["status"] = np.array([b"complete"] * 3)


def attribute_no_json(file, errors):
    file.attrs["provenance_json"] = np.bytes_(b"[" * 100_000)


def attribute_no_object(file, errors):
    file.attrs["digests_json"] = np.bytes_(b"[]")


def unknown_status(file, errors):
    file.attrs["status"] = np.bytes_(b"perfect")


def no_time(file, errors):
    file.attrs["created_utc"] = np.bytes_(b"yesterday")


def unknown_setting(file, errors):
    text = json.dumps({**json.loads(file.attrs["config_json"]), "dropoff": 0.5})
    file.attrs["config_json"] = np.bytes_(text)
    file.attrs["config_sha256"] = np.bytes_(hashlib.sha256(text.encode()).hexdigest())


HOSTILE = {
    external_link: "a link to somewhere else",
    external_group: "a link to somewhere else",
    soft_link: "a link to somewhere else",
    soft_loop: "a link to somewhere else",
    hard_loop: "damaged",
    external_storage: "not stored in chunks of this file",
    virtual: "not stored in chunks of this file",
    wrong_shape: r"`curves/test_error` has shape \(2, 4\), not \(2, 5\)",
    wrong_rank: r"`curves/test_error` has shape \(5,\), not \(2, 5\)",
    wrong_type: "`curves/test_error` is not of type float64",
    big_endian: "`curves/test_error` is not of type float64",
    variable_strings: r"`layer_name` is not of type \|S24",
    references: r"`layer_name` is not of type \|S24",
    compound: "`curves/test_error` is not of type float64",
    contiguous: "not stored in chunks of this file",
    without_checksum: "lacks a checksum or has an unknown filter",
    unknown_filter: "lacks a checksum or has an unknown filter",
    a_group_for_a_dataset: "`curves/test_error` is no dataset",
    a_dataset_for_a_group: "damaged",
    absent: "damaged",
    not_even_named: "`update` is missing",
    other_seeds: "other seeds than the configuration",
    scale_too_long: "over the bounds|has shape",
    huge_and_empty: "has shape",
    unwritten: "asks for too much memory",
    bomb: "asks for too much memory",
    huge_chunk: "asks for too much memory",
    attribute_of_variable_length: "`provenance_json` is of another type",
    attribute_array: "`status` is of another type",
    attribute_no_json: "damaged",
    attribute_no_object: "attributes make no sense",
    unknown_status: "attributes make no sense",
    no_time: "damaged",
    unknown_setting: "its configuration is not known here: unknown setting `dropoff`",
}


@pytest.mark.parametrize("attack", HOSTILE, ids=lambda attack: attack.__name__)
def test_a_hostile_file_is_refused(copy, run, attack, count):
    with h5py.File(copy, "r+", libver=("v110", "v110")) as file:
        attack(file, run["curves/test_error"].astype("<f8"))
    tracemalloc.start()
    try:
        with pytest.raises(RunFileError, match=HOSTILE[attack]):
            read_run(copy)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    count(hostile_files=1, hostile_files_believed=0)
    assert peak < 50e6
