"""Values that no option should take: one line that names the option, the right exit code, nothing written."""

from __future__ import annotations

import os

import pytest

from xavier_cli.cli.terminal import errors

HUGE = (2**32, 2**64, "1e400")
NO_NUMBER = ("nan", "inf", "x", "é", "..", "")
CASES = [
    *((option, value) for option in ("width", "depth", "batch-size") for value in (0, -1, *HUGE, *NO_NUMBER)),
    *(("lr", value) for value in (-1, "1e400", "nan", "inf", "0.1,nan", "0.1,0.1", "é")),
    *(("seeds", value) for value in (0, -1, "1,1", "3:1", 2**64, "1e400", "0:4294967296", "..")),
    *(("updates", value) for value in (-1, 2**64, "1e400", "nan", "1.5")),
    *(("records", value) for value in (-1, "log:0", "1e400", "nan", 2**32)),
    *(("coding", value) for value in ("1,1", "nan,1", "1", "1e400,2")),
    *(("data", value) for value in ("..", "é", "shapeset:0", "shapeset:-1", "shapeset:1e400", "images:")),
    *(("member-batch", value) for value in (0, -1, 2**64, *NO_NUMBER)),
    *(("init-gain", value) for value in ("-1", "nan", "inf", "1e400", "x")),
]


@pytest.fixture(autouse=True)
def _nothing_trains(monkeypatch, tmp_path):
    from xavier_cli.training import session

    def prepare(*_):
        raise AssertionError("was about to train")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "prepare", prepare)


def assert_refused(answer, code, said, folder, before=()):
    assert answer.code == code, answer.err
    assert said in answer.err
    assert len(answer.err.strip().splitlines()) == 1, answer.err
    assert answer.out == ""
    assert sorted(folder.rglob("*")) == sorted(before)


@pytest.mark.parametrize(("option", "value"), CASES, ids=lambda part: str(part) or "empty")
def test_a_value_that_makes_no_sense_is_refused_by_name(xavier, tmp_path, option, value, count):
    answer = xavier("train", f"--{option}={value}")

    assert_refused(answer, 2, option.partition("-")[0], tmp_path)
    count(option_values_refused=1)


def test_control_a_value_that_makes_sense_goes_on_to_train(xavier):
    assert "was about to train" in xavier("train", "--width=8", "--depth=2").err


@pytest.mark.parametrize(
    ("command", "arguments", "said"),
    [
        ("train", ("--width=65536", "--depth=1000"), "width, depth: one network of 1000×65536 takes about"),
        (
            "train",
            ("--width=10000", "--seeds=60000", "--member-batch=60000"),
            "seeds: so many networks of 5×10000 at a time",
        ),
        ("probe", ("--width=65536", "--depth=1000"), "width, depth: one network"),
    ],
)
def test_what_cannot_fit_is_refused_with_its_memory_before_anything_is_made(
    xavier, tmp_path, command, arguments, said
):
    assert_refused(xavier(command, *arguments), 2, said, tmp_path)


def test_running_out_of_memory_all_the_same_is_one_line():
    xla = RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 99 bytes.\nMore\nlines")
    for error in (MemoryError(), xla):
        assert errors.one_line(error).startswith("out of memory: fewer seeds at a time")
    assert "out of memory" not in errors.one_line(RuntimeError("something else"))


def test_an_output_that_is_no_place_for_a_run_is_refused(xavier, tmp_path, count):
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    before = list(tmp_path.rglob("*"))
    for output, force, code in (
        ("folder", False, 2),
        ("folder", True, 2),
        ("..", False, 2),
        ("pipe", False, 2),
        ("pipe", True, 6),
        ("/dev/full", False, 2),
        ("/dev/full", True, 6),
        ("pipe/run.h5", False, 6),
        ("x" * 300, False, 6),
        ("/proc/run.h5", False, 6),
    ):
        answer = xavier("train", "-o", output, *(["--force"] if force else []))

        assert_refused(answer, code, output.rstrip("/")[:50], tmp_path, before)
        count(option_values_refused=1)
    assert (tmp_path / "pipe").is_fifo()
    assert not os.path.isfile("/dev/full")


def test_reading_commands_refuse_such_outputs_too(xavier, shelf, tmp_path):
    full = xavier("ls", "-o", "/dev/full")
    folder = xavier("ls", "-o", shelf)

    assert (full.code, folder.code) == (6, 2)
    assert full.err.splitlines()[-1] == "xavier: `/dev/full` could not be written: No space left on device"
    assert "--output" in folder.err


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        (
            "coding",
            "standardise",
            "coding: should be two numbers, like -1,1, or standardize: did you mean",
        ),
        ("coding", "bytes", "coding: should be two numbers, like -1,1, or standardize (got `bytes`)"),
        ("lr", "1,000", "lr: `1,000`: commas stand between values here; write `1000`"),
        ("width", "1,000", "width: `1,000`: commas stand between values here; write `1000`"),
        ("seeds", "1,000", "seeds: `1,000`: commas stand between values here; write `1000`"),
        (
            "lr",
            "1e-3:1e-1",
            "lr: should be 3 numbers with `:` between them, like 1e-3:1e-1:5:log (got `1e-3:1e-1`)",
        ),
        ("coding", "0,1,2", "coding: should be 2 numbers with `,` between them, like -1,1 (got `0,1,2`)"),
        ("device", "cuda", "`cuda` should be cpu, gpu or the number of a GPU: did you mean `gpu`?"),
        ("device", "cuda:1", "`cuda:1` should be cpu, gpu or the number of a GPU: did you mean `1`?"),
        ("device", "mps", "`mps` should be cpu, gpu or the number of a GPU\n"),
        ("lr", "-1", "lr: should be above 0 (got `-1`)"),
        ("lr", "1e7", "lr: should be at most 1e+06 (got `1e7`)"),
        ("width", "1e7", "width: should be at most 65,536 (got `1e7`)"),
        ("dropout", "-0.50", "dropout: should be at least 0 (got `-0.50`)"),
        ("updates", "-1,000", "updates: should be at least 0 (got `-1,000`)"),
    ],
)
def test_a_value_is_shown_as_it_was_typed(xavier, tmp_path, option, value, said):
    assert_refused(xavier("train", f"--{option}={value}"), 2, said, tmp_path)


def test_a_device_in_capitals_is_known(xavier, monkeypatch):
    monkeypatch.setenv("XAVIER_DEVICE", "CPU")

    assert "was about to train" in xavier("train", "--width=8", "--device=CPU").err
    assert os.environ["XAVIER_DEVICE"] == "cpu"


def test_control_lists_stay_lists(xavier):
    for values in ("--width=400,300,200", "--lr=0.1,0.01", "--seeds=100,101", "--updates=1,000"):
        assert "was about to train" in xavier("train", "--depth=3", values).err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            ("export", "--to", "parquet"),
            "--to: unknown value `parquet`: known: csv, json, netcdf, ",
        ),
        (("export", "--to", "netcfd"), "--to: unknown value `netcfd`: did you mean `netcdf`?"),
        (("show", "-f", "jsn"), "--format: unknown value `jsn`: did you mean `json`?"),
        (("train", "--strategy", "'"), "--strategy: unknown value `'`: known: auto, map, vmap, sharded"),
        (("plot", "samples", "--seed", "x"), "--seed: should be a whole number (got `x`)"),
    ],
)
def test_a_value_that_a_library_judges_is_refused_in_our_words(xavier, tmp_path, command, said):
    answer = xavier(*command)

    assert_refused(answer, 2, said, tmp_path)
    assert "Value error" not in answer.err
    assert "Invalid value" not in answer.err
