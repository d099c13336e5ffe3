"""Tests that every view copes with the missing data of rescued and partial runs, and with forged data."""

import gzip
import itertools
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from support.run_views import EXPORTS, FIGURES, TABLES, TEXTS, assert_answers, report, without

from xavier_cli.runs import contradictions, schema
from xavier_cli.runs.store import write_run

GOLDEN = Path(__file__).parents[1] / "runs" / "golden" / "schema-1"
SETTINGS = {"depth": 3, "width": 4, "updates": 20, "records": "4", "seeds": "2", "test_examples": 300}
OPTIONAL = [name for name in schema.DATASETS if name not in schema.REQUIRED]


@pytest.fixture(scope="module")
def runs(make_run):
    """A run with every dataset but those of pre-training, one with those, and one to hold beside them."""
    searched = make_run(**SETTINGS, lr="0.01,0.1,0.3")
    searched = replace(searched, arrays={**searched.arrays, "activation/slope": searched["activation/mean"]})
    pretrained = make_run(**SETTINGS, pretrain="rbm", pretrain_updates=40)
    return [searched, pretrained], make_run(**SETTINGS, act="sigmoid", lr="0.01,0.1,0.3")


def views_of(gone):
    """All tables and texts, and the figures that one of the datasets in `gone` is in."""
    drawn = {
        name: view for name, (kind, view) in FIGURES.items() if schema.with_scales(kind.reads) & set(gone)
    }
    return TABLES | EXPORTS | TEXTS | drawn


@pytest.mark.parametrize("name", [*OPTIONAL])
def test_every_view_lives_without_any_optional_dataset(name, runs):
    made, other = runs
    run = next(run for run in made if name in run)
    partial = without(run, name)

    assert contradictions.problem(partial.config, partial.arrays, partial.status, None) == ""
    assert_answers(views_of(run.arrays.keys() - partial.arrays.keys()), partial, other)


# Groups that are lost together, as a table of the file or a scale is.
GROUPS = sorted({name.partition("/")[0] for name in OPTIONAL if "/" in name})


@pytest.mark.parametrize("pair", [*itertools.combinations(GROUPS, 2)], ids="-".join)
def test_every_table_lives_without_any_two_groups(pair, runs):
    made, other = runs
    for run in made:
        lost = [name for name in OPTIONAL if name.partition("/")[0] in pair]
        assert_answers(TABLES, without(run, *lost), other)


@pytest.mark.faults
@pytest.mark.parametrize("first", OPTIONAL)
def test_every_table_lives_without_any_two_datasets(first, runs, count):
    made, other = runs
    for second in OPTIONAL[OPTIONAL.index(first) + 1 :]:
        for run in (run for run in made if first in run or second in run):
            assert_answers(TABLES, without(run, first, second), other)
            count(pairs_of_datasets_lacking=1)


def test_the_report_lives_with_the_bare_minimum(runs):
    (searched, pretrained), _ = runs

    assert "% test error" in report(without(searched, *OPTIONAL), without(pretrained, *OPTIONAL))


def forged(run, value, kinds="f"):
    """`run` with `value` wherever its row lets it be; its activation gives any number."""
    arrays = dict(run.arrays)
    run = replace(run, config=run.config.with_(act="identity"))
    for name, array in run.arrays.items():
        is_kept = name.startswith(("curves/test_e", "curves/valid_e", "final", "search/lr"))
        if schema.DATASETS[name].is_scale or is_kept or array.dtype.kind not in kinds:
            continue
        full = np.full_like(array, value)
        is_lacking = np.isnan(value) and name in contradictions.OF_FUNCTIONS
        # A loss below 0 is for watched trainings alone, which the row does not say.
        is_lacking |= value < 0 and name.endswith("_loss")
        if not contradictions.row_problem(name, full) and not is_lacking:
            arrays[name] = full
    return replace(run, arrays=arrays)


def wide_bins(run, low, high):
    arrays = dict(run.arrays)
    for name in run.arrays:
        if name.endswith("/bin_edge"):
            arrays |= schema.bins(name.partition("/")[0], np.linspace(low, high, len(run[name])))
    return replace(run, arrays=arrays)


def one_record(run):
    first = {
        name: array.take([0], schema.dims(name).index("update")) if "update" in schema.dims(name) else array
        for name, array in run.arrays.items()
    }
    return replace(run, arrays=first, status="interrupted")


def all_diverged(run):
    curves = {name: np.full_like(run[name], np.nan) for name in run.arrays if name.startswith("curves/")}
    at = {"final/diverged_at": np.zeros(len(run.seeds), np.int64)}
    return replace(run, arrays={**run.arrays, **curves, **at})


FORGED = {
    **{f"all {value}": (lambda run, value=value: forged(run, value)) for value in (np.nan, np.inf, -np.inf)},
    **{f"all {value}": (lambda run, value=value: forged(run, value)) for value in (3e38, 1e-45, 0.0, -1.0)},
    "nothing counted": lambda run: forged(run, 0, "i"),
    "much counted": lambda run: forged(run, 2**30, "i"),
    "bins of no width": lambda run: wide_bins(run, 0, 1e-300),
    "bins without end": lambda run: wide_bins(run, -1e39, 1e39),
    "one record": one_record,
    "all diverged": all_diverged,
    "other percentiles": lambda run: replace(run, arrays={**run.arrays, "percentile": np.arange(1, 10.0)}),
    "a search that diverged": lambda run: replace(
        run, arrays={**run.arrays, "search/valid_error": np.full((3, 2), np.nan)}
    ),
    "odd provenance": lambda run: replace(
        run,
        provenance={
            "command_id": {},
            "a": None,
            "b": [[{}]],
            "c": 1e400,
            "strategy": [],
            "d": {"e": [1, {}]},
        },
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", FORGED)
def test_a_forged_run_whose_numbers_can_be_ends_no_view(case, runs):
    (run, _), other = runs
    bad = FORGED[case](run)

    assert contradictions.problem(bad.config, bad.arrays, bad.status, None) == ""
    assert_answers(TABLES | EXPORTS | TEXTS, bad, other)
    drawn = {name: view for name, (_, view) in FIGURES.items()}
    assert_answers(drawn if case in ("all nan", "all 3e+38") else {}, bad, other)


@pytest.fixture
def rescued(tmp_path, monkeypatch, xavier, make_run):
    """A folder with a run rescued from a flipped byte in what its search found, and a whole one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    (tmp_path / "runs").mkdir()
    content = bytearray(gzip.decompress((GOLDEN / "search.h5.gz").read_bytes()))
    (tmp_path / "damaged.h5").write_bytes(content)
    with h5py.File(tmp_path / "damaged.h5") as file:
        content[file["search/valid_error"].id.get_chunk_info(0).byte_offset] ^= 255
    (tmp_path / "damaged.h5").write_bytes(content)
    assert xavier("doctor", "damaged.h5", "--rescue", "-o", "runs/rescued.h5").code == 4
    write_run(tmp_path / "runs" / "good.h5", make_run(**SETTINGS))
    return tmp_path / "runs"


@pytest.mark.parametrize(
    "command", ["ls", "compare", "show", "diff", "report", "plot curves", "check", "export --to csv"]
)
def test_every_command_takes_a_rescued_search(command, rescued, xavier):
    paths = [rescued / "rescued.h5", rescued / "good.h5"]
    answer = xavier(*command.split(), *paths)

    assert answer.code in (0, 3)
    assert "cannot" not in answer.err


def test_large_numbers_take_no_line_of_digits(rescued, xavier, make_run):
    run = make_run(**SETTINGS)
    write_run(rescued / "large.h5", forged(run, 3e38))
    said = xavier("diff", rescued / "large.h5", rescued / "good.h5", width=200).out
    said += xavier("show", rescued / "large.h5").out + xavier("check", rescued / "large.h5").out

    assert "3e+38" in said
    assert "0" * 12 not in said
