"""Where numbers are shown beside tables, figures and reports, they are the same, whatever diverged."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.planted_runs import (
    GUESSING,
    PLANTED,
    close,
    expected,
    expected_error,
    expected_layer,
    exported,
    lost_at,
    plant,
)

import xavier_cli
from xavier_cli.cli.terminal.live import LiveView
from xavier_cli.export.tensorboard import event_files
from xavier_cli.figures import terminal
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw_text
from xavier_cli.figures.request import PlotRequest
from xavier_cli.findings.expectation import expectation
from xavier_cli.report import answer
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.training.engine.loop import Progress, Seen
from xavier_cli.training.engine.population import Variant
from xavier_cli.views import numbers
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.exports import diverged_notes, long_page, whole_page
from xavier_cli.views.findings import findings_page
from xavier_cli.views.initialization import initial_page
from xavier_cli.views.retraining import verification_page
from xavier_cli.views.run import inside_page
from xavier_cli.views.runs import run_values
from xavier_cli.views.two_runs import diff_page


@pytest.fixture(params=PLANTED, ids=str)
def run(request, make_run):
    return plant(make_run, *request.param)


@pytest.fixture(params=[1, 2, 5], ids=str)
def probed(request, make_run):
    """A run as `probe` makes it, of 1, 2 or 5 seeds."""
    run = plant(make_run, request.param, updates=0)
    assert run.updates.tolist() == [0]
    return run


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("activation_std", "activation/std"),
        ("backprop_std", "backprop/std"),
        ("weight_gradient_std", "weight_gradient/std"),
        ("weight_gradient_rms", "weight_gradient/example_rms"),
        ("mean_singular_value", "jacobian/mean_singular_value"),
    ],
)
def test_probe(probed, name, path):
    """Its means are those that the other tables and figures have at the first record."""
    page = initial_page(probed, expectation(probed), Path("a.h5"))
    measured = page.data["layers"][name]["measured"]

    close(measured, [expected_layer(probed, path, 0, i)[0] for i in range(1, len(measured) + 1)])
    assert ("gradients: geometric" in page.title) is (len(probed.seeds) > 1)


def test_a_step_in_probe_is_that_of_its_column(probed):
    shown = expectation(probed)
    std = np.array(shown["backprop_std"].measured)

    close(shown["backprop_step"].measured[:-1], std[1:] / std[:-1])


def members(run, column):
    """Each member's record at a column of `run`, as training reports it."""
    paths = ("train_loss", "valid_loss", "valid_error")
    record = {f"curves/{name}": run[f"curves/{name}"][:, None, column] for name in paths}
    record["activation/saturated"] = run["activation/saturated"][:, None, column]
    variants = (Variant(run.config.init, run.lr),)
    guessing = run.facts.guessing_error
    return Seen(int(run.updates[column]), tuple(run.config.seeds), variants, record, guessing)


def test_live(run):
    view, lost, seeds = LiveView(), len(lost_at(run)), len(run.seeds)
    view.report(Progress("training", int(run.updates[-1]), int(run.updates[-1]), seeds))
    for column in range(len(run.updates)):
        view.look(members(run, column))
    last, seen = int(run.updates[-1]), members(run, -1)
    lines = view.lines(100, 60)

    close([100 * seen.valid_error.mean()], expected_error(run, last, "valid")[:1])
    for seed, error in zip(run.seeds.tolist(), 100 * seen.valid_error[:, 0], strict=True):
        (line,) = (each for each in lines if each.startswith(f"seed {seed}"))
        assert line.endswith(f"{error:.1f} %")
        assert ("diverged" in line) is (seed in lost_at(run))
    assert any(
        line == f"diverged: {lost} of {seeds}, counted at chance level (83.3 %)" for line in lines
    ) is (lost > 0)
    shown = [line for line in lines if line.startswith("layer")]
    assert len(shown) == (0 if lost == seeds else 3)
    for layer, line in enumerate(shown, start=1):
        assert line.endswith(f"{expected_layer(run, 'activation/saturated', last, layer)[0]:4.0%}")


@pytest.mark.parametrize(
    ("kind", "path"),
    [("curves", ""), ("saturation", "activation/std"), ("gradients-over-time", "weight_gradient/std")],
)
def test_text_figures(run, kind, path, monkeypatch):
    drawn = []

    def caught(lines, title, width, **others):
        drawn.append((title, lines))
        return []

    monkeypatch.setattr(terminal, "plot_text", caught)
    text, _ = draw_text(KINDS[kind], [run], PlotRequest(), 200, True)
    lines = drawn[-1][1]

    for layer, line in enumerate(lines, start=1):
        for update, value in zip(line.x.tolist(), line.y.tolist(), strict=True):
            wanted = expected_layer(run, path, update, layer) if path else expected_error(run, update)
            close([value], wanted[:1])
    assert ("Diverged" in text) is bool(lost_at(run))
    assert ("geometric mean" in text) is (kind == "gradients-over-time")


def test_diff(run):
    """Losses are without diverged seeds, as in `show`; errors count them as guessing."""
    last = int(run.updates[-1])
    page = diff_page(run, run)

    for curve in page.data["curves"]:
        wanted = (
            expected_error(run, last, curve["curve"].removesuffix("_error"))
            if "error" in curve["curve"]
            else [100 * part for part in expected_layer(run, f"curves/{curve['curve']}", last, 0)]
        )
        close([100 * curve["a_last"], 100 * curve["b_last"]], [wanted[0]] * 2)
    assert ("seeds diverged" in str(page.notes) or "(diverged)" in str(page.notes)) is bool(lost_at(run))


def test_show_for_programs(run):
    page = inside_page([run])
    last, rows = int(run.updates[-1]), page.tables[1].cells
    errors = [100 * curve[-1] for curve in page.data["runs"][0]["curves"]["test_error"]]
    lines = [
        100 * line["value"]
        for line in page.records
        if (line["quantity"], line.get("update")) == ("test_error", last)
    ]
    loss = expected_layer(run, "curves/train_loss", last, 0)[0]

    assert errors == lines
    close(expected(errors), expected_error(run, last))
    assert rows[-1][1].text == ("" if np.isnan(loss) else numbers.column(losses(run))[-1])


def losses(run):
    return [expected_layer(run, "curves/train_loss", update, 0)[0] for update in run.updates.tolist()]


def test_ls_and_a_notebook(run):
    last = int(run.updates[-1])
    (row,) = xavier_cli.compare([run]).sections[0].rows

    close([100 * run_values(run)["test_error"]], expected_error(run, last)[:1])
    close([100 * row.test_error.mean, 100 * row.test_error.low], expected_error(run, last)[:2])
    close(
        [100 * row.valid_error.mean, 100 * row.valid_error.high],
        np.array(expected_error(run, last, "valid"))[[0, 2]],
    )
    close(expected([100 * each for each in row.errors]), expected_error(run, last))
    assert len(row.diverged) == run_values(run)["diverged"] == len(lost_at(run))


def test_a_frame_of_pandas(run):
    pytest.importorskip("pandas", reason="pandas is not installed")
    ours = xavier_cli.Run.of(run)
    curves, layers = ours.to_dataframe("curves"), ours.to_dataframe("activation")
    long = ours.to_dataframe()
    alive = layers[~layers.diverged]

    for update in run.updates.tolist():
        for examples in ("valid", "test"):
            name = f"{examples}_error"
            wanted = expected_error(run, update, examples)[:1]
            close([100 * curves[curves["update"] == update][name].mean()], wanted)
            close([100 * long[(long.metric == name) & (long["update"] == update)].value.mean()], wanted)
        for layer in (1, 2, 3) if len(alive) else ():
            found = alive[(alive["update"] == update) & (alive.layer == layer)].activation_std
            close([found.mean()], expected_layer(run, "activation/std", update, layer)[:1])
    assert set(curves[curves.diverged].seed) == set(lost_at(run))


def test_a_comparison_s_frame_is_the_command_s_csv(make_run, tmp_path, xavier):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    paths = [tmp_path / "a.h5", tmp_path / "b.h5"]
    for path, init in zip(paths, ("standard", "normalized"), strict=True):
        write_run(path, plant(make_run, 5, init=init))
    xavier("compare", *paths, "-o", tmp_path / "c.csv")
    theirs, ours = pandas.read_csv(tmp_path / "c.csv"), xavier_cli.compare(paths).to_dataframe()

    assert list(ours.columns) == list(theirs.columns)[1:]
    for name in ("n", "test_error", "test_error_low", "test_error_sd", "p", "difference", "effect_size"):
        np.testing.assert_array_equal(ours[name].to_numpy(float), theirs[name].to_numpy(float))
    assert ours.init.tolist() == theirs.init.tolist()


def test_the_report_in_words(run, monkeypatch):
    monkeypatch.setattr(answer, "pictures", lambda *_: ([], []))
    monkeypatch.setattr(answer, "judge_all", lambda *_: [])
    content = answer.report_content([run], [])
    (row,) = xavier_cli.compare([run]).sections[0].rows
    words = numbers.percents([row.test_error])[0].strip()

    assert f"{words} % test error" in content.answer[0]
    assert ("diverged" in content.answer[0]) is bool(lost_at(run))
    assert words in str(content.comparison[0].table.texts)


def test_exports_hold_what_the_file_holds(run, tmp_path):
    """The file's own numbers, for whoever counts otherwise; each says which seeds diverged, and when."""
    path = tmp_path / "a.nc"
    write_run(path, run)
    again = read_run(path)
    csv = {
        (line["seed"], line["update"]): line["value"]
        for line in long_page([("a", run)]).records
        if line["statistic"] == "test_error"
    }
    ((whole,),) = [whole_page([("a", run)]).data["runs"]]
    arrays = whole["arrays"]

    assert lost_at(again) == lost_at(run)
    assert arrays["final/diverged_at"]["values"] == run["final/diverged_at"].tolist()
    for (seed, update, _), value in exported(again, "curves/test_error").items():
        row, column = run.seeds.tolist().index(seed), run.updates.tolist().index(update)
        assert value == csv[seed, update] == arrays["curves/test_error"]["values"][row][column]
    assert [("diverged" in note) for note in diverged_notes([run])] == [True] * bool(lost_at(run))


def test_tensorboard_names_the_curves_of_diverged_seeds(run, tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="tensorboard is not installed"
    )
    files = event_files(run)
    lost = lost_at(run)

    assert len(files) == len(run.seeds)
    for seed in run.seeds.tolist():
        folder = f"seed-{seed}" + (f"-diverged-at-{lost[seed]}" if seed in lost else "")
        ((place, content),) = (
            (place, content) for place, content in files.items() if place.startswith(f"{folder}/")
        )
        (tmp_path / place).parent.mkdir()
        (tmp_path / place).write_bytes(content)
        events = accumulator.EventAccumulator(str(tmp_path / folder), {"scalars": 0}).Reload()
        values = {(seed, each.step, 0): each.value for each in events.Scalars("curves/test_error")}
        wanted = {key: value for key, value in exported(run, "curves/test_error").items() if key[0] == seed}
        assert values == pytest.approx(wanted, rel=1e-6)


def test_every_command_marks_a_run_of_which_seeds_are_lost(run, tmp_path, xavier):
    write_run(tmp_path / "a.h5", run)
    read = read_run(tmp_path / "a.h5")
    lost, seeds = int(run.diverged.sum()), len(run.seeds)
    words = "diverged" if seeds == 1 else f"{lost} of {seeds} seeds diverged"
    doctor = xavier("doctor", tmp_path / "a.h5").out
    said = [
        str(inside_page([read]).tables[0].texts),
        str(diff_page(read, read).notes),
        str(verification_page(read, read, [], 0.001).notes),
        str(findings_page([replace(read)]).tables),
        " ".join(doctor.split()),
        *(diverged_notes([read]) or [""]),
    ]

    assert [words in text for text in said] == [lost > 0] * len(said), said
    assert verification_page(read, read, [], 0.001).data["diverged"] == {"then": lost, "now": lost}
    assert xavier("ls", tmp_path / "a.h5").out.count(words) == bool(lost)


def test_what_a_single_network_that_diverged_answers_is_compared_with_nothing(make_run):
    """Its error is shown as chance; McNemar would speak of its frozen weights."""
    runs = [plant(make_run, 1, lost, act=act) for act, lost in (("tanh", ()), ("softsign", (0,)))]
    other = plant(make_run, 1, act="sigmoid")
    rows = {row.run.config.act: row for row in xavier_cli.compare([*runs, other]).sections[0].rows}

    assert 100 * rows["softsign"].test_error.mean == pytest.approx(GUESSING)
    assert np.isnan(rows["softsign"].verdict.p_networks)
    assert np.isfinite([rows[act].verdict.p_networks for act in ("tanh", "sigmoid")]).sum() == 1
    assert "error" in str(comparison_page(xavier_cli.compare(runs)).tables[0].columns)
