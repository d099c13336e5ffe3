"""Figures of a notebook are those of `xavier plot`, and look the same however they are saved."""

import inspect
import io
import sys

import pytest
from matplotlib.text import Text

from xavier_cli import XavierError, plot
from xavier_cli.cli import main
from xavier_cli.cli.commands.plot import plot as command
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw, rendered
from xavier_cli.figures.request import OPTIONS, PlotRequest
from xavier_cli.runs.store import write_run


def saved(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


@pytest.mark.parametrize("kind", ["curves", "saturation", "gradients-over-time"])
def test_a_figure_is_the_command_s_however_it_is_saved(make, kind):
    run = make(seeds=2)
    theirs = rendered("a.png", draw(KINDS[kind], [run], PlotRequest()).figure)
    figure = run.plot(kind)

    assert figure._repr_png_() == theirs
    assert rendered("a.png", run.plot(kind)) == theirs
    plain = io.BytesIO()
    run.plot(kind).savefig(plain, format="png")
    assert plain.getvalue() == theirs


def test_several_runs_are_one_figure_and_seeds_of_one_configuration_one_line(make, tmp_path):
    runs = [make(seeds="0:2"), make(seeds="2:4"), make(seeds="0:2", init="standard")]
    write_run(tmp_path / "c.h5", runs[2])
    figure = plot([*runs[:2], str(tmp_path / "c.h5")], "curves")

    (caption,) = (text.get_text() for text in figure.texts if text.get_gid() == "caption")
    said = [text.get_text().strip() for text in figure.findobj(Text)]
    assert [said.count(name) for name in ("normalized", "standard")] == [1, 1]
    assert "4" in caption


def test_options_are_those_of_the_command(make):
    run = make(seeds=3)
    ours = run.plot("activations", layers=[1, 3], seeds=2, record=int(run.updates[-1]))
    chosen = PlotRequest(layers=(1, 3), seeds=(0, 1), record="last")
    theirs = draw(KINDS["activations"], [run], chosen).figure

    assert ours._repr_png_() == rendered("a.png", theirs)


@pytest.mark.parametrize(
    ("typed", "given"),
    [
        (["--size", "column", "--logx", "--dpi", "72"], {"size": "column", "logx": True, "dpi": 72}),
        (["--size", "6x4", "--ylim", "10:"], {"size": (6, 4), "ylim": (10, None)}),
        (["--no-caption", "--title", "A title"], {"no_caption": True, "title": "A title"}),
        (["--no-caption", "--style", "dark_background"], {"caption": False, "style": "dark_background"}),
        (["--metric", "test_error,train_loss"], {"metric": ["test_error", "train_loss"]}),
        (
            ["--metric", "train-loss", "--seeds", "2", "--logy"],
            {"metric": "train-loss", "seeds": 2, "logy": True},
        ),
    ],
)
def test_every_option_of_the_command_is_one_of_the_function(make, tmp_path, monkeypatch, typed, given):
    write_run(tmp_path / "a.h5", run := make(seeds=3))
    arguments = ["curves", str(tmp_path / "a.h5"), *typed, "-o", str(tmp_path / "a.png")]
    monkeypatch.setattr(sys, "argv", ["xavier", "plot", *arguments])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0

    assert run.plot("curves", **given)._repr_png_() == (tmp_path / "a.png").read_bytes()


def test_the_function_has_the_options_of_the_command_by_name():
    own = set(inspect.signature(command).parameters)
    # What names the runs and the file, and draws no runs or no figure.
    rest = {"kind", "runs", "output", "where", "term", "data", "seed", "data_dir"}

    assert set(OPTIONS) == own - rest | {"caption"}


def test_an_unknown_option_is_answered_with_all_that_there_are(make):
    for word in ("colour", "layer"):
        with pytest.raises(XavierError) as error:
            make(seeds=2).plot("curves", **{word: 3})
        assert all(name in str(error.value) for name in ("size", "ylim", "no_caption", "facet"))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("saturations", {}, "did you mean `saturation`"),
        ("samples", {}, "unknown kind of figure `samples`"),
        ("curves", {"layer": 3}, "did you mean `layers`"),
        ("curves", {"size": "wide"}, "--size: `wide` should be column, page"),
        ("curves", {"dpi": 3}, "--dpi: `3` should be a whole number from 20 to 1200"),
        ("saturation", {"layers": "x"}, "--layers: `x` should be layers like 1,3,5"),
        ("curves", {"seeds": 0}, "--seeds: a count of seeds should be at least 1"),
        ("curves", {"ylim": (9, 1)}, "--ylim: `9:1` should rise"),
        ("curves", {"layers": [1]}, "`curves` does not take `--layers`"),
    ],
)
def test_wrong_words_are_answered(make, kind, options, message):
    with pytest.raises(XavierError, match=message):
        make(seeds=2).plot(kind, **options)


def test_a_run_without_the_data_is_warned_of(make):
    with pytest.warns(UserWarning, match="skipped"):
        plot([make(seeds=2), make(seeds=2, updates=0, init="standard")], "curves")


def test_limits_that_leave_no_data_in_sight_are_warned_of(make):
    with pytest.warns(UserWarning, match="--ylim shows no data: .* y is in percent"):
        make(seeds=2).plot("curves", ylim=(0, 1))
