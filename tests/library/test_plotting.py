"""Figures of a notebook are those of `xavier plot`, and look the same however they are saved."""

import io

import pytest
from matplotlib.text import Text

from xavier_cli import XavierError, plot
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw, rendered
from xavier_cli.figures.request import PlotRequest
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
    ("kind", "options", "message"),
    [
        ("saturations", {}, "did you mean `saturation`"),
        ("samples", {}, "unknown kind of figure `samples`"),
        ("curves", {"layer": 3}, "did you mean `layers`"),
        ("curves", {"layers": [1]}, "`curves` does not take `--layers`"),
    ],
)
def test_wrong_words_are_answered(make, kind, options, message):
    with pytest.raises(XavierError, match=message):
        make(seeds=2).plot(kind, **options)


def test_a_run_without_the_data_is_warned_of(make):
    with pytest.warns(UserWarning, match="skipped"):
        plot([make(seeds=2), make(seeds=2, updates=0, init="standard")], "curves")
