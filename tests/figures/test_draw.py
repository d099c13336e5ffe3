import ast
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw, write_figure
from xavier_cli.figures.inline import inline_svg
from xavier_cli.figures.labels import labels, shared
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.figures.style import configuration_styles, layer_styles
from xavier_cli.vocabulary.datasets import find_data
from xavier_cli.vocabulary.grammar import in_thousands

# Runs as deep as the edge of chaos needs have tests of their own.
OF_RUNS = [kind for kind in KINDS.values() if kind.draws == "runs" and kind.name != "edge-of-chaos"]
SIGNATURES = {".png": b"\x89PNG", ".pdf": b"%PDF", ".svg": b"<?xml"}


@pytest.mark.parametrize("kind", OF_RUNS, ids=lambda kind: kind.name)
def test_every_kind_draws_one_and_several_runs(small_run, kind):
    one = draw(kind, [small_run(seeds=1)])
    several = draw(kind, [small_run(act="sigmoid", depth=1), small_run(act="tanh", depth=9)])

    assert one.figure.axes
    assert several.figure.axes
    assert (one.notes, several.notes) == ([], [])


@pytest.mark.parametrize("ending", SIGNATURES)
def test_a_figure_is_written_as_its_ending_says_and_twice_the_same(small_run, tmp_path, ending):
    paths = [tmp_path / "new" / f"{name}{ending}" for name in "ab"]

    for path in paths:
        write_figure(path, draw(KINDS["curves"], [small_run()]).figure)

    first, second = (path.read_bytes() for path in paths)
    assert first.startswith(SIGNATURES[ending])
    assert first == second
    assert sorted(path.name for path in paths[0].parent.iterdir()) == [f"a{ending}", f"b{ending}"]


@pytest.mark.parametrize("kind", OF_RUNS, ids=lambda kind: kind.name)
def test_nothing_is_cut_off_and_no_text_is_small(small_run, kind):
    runs = [small_run(act="tanh", init=init, depth=3) for init in ("standard", "normalized")]

    figure = draw(kind, runs).figure

    width, height = figure.bbox.size
    box = figure.get_tightbbox().transformed(figure.dpi_scale_trans)
    assert box.x0 >= -1
    assert box.y0 >= -1
    assert box.x1 <= width + 1
    assert box.y1 <= height + 1
    texts = [*figure.texts, *(text for legend in figure.legends for text in legend.get_texts())]
    texts += [
        text for ax in figure.axes for text in (*ax.texts, *ax.get_xticklabels(), *ax.get_yticklabels())
    ]
    assert min(text.get_fontsize() for text in texts) >= 7
    assert figure.get_figwidth() in (3.4, 6.9)


def test_labels_say_what_differs_and_the_caption_the_rest(small_run):
    runs = [small_run(init=init, depth=depth) for init in ("standard", "normalized") for depth in (2, 3)]

    assert labels(runs)[0] == "standard, depth 2"
    assert shared(runs) == "tanh, Shapeset, width 12, lr 0.03, batch 10"
    assert labels(runs[:1]) == ["tanh standard"]
    assert shared(runs[:1]) == "Shapeset, depth 2, width 12, lr 0.03, batch 10"


def test_labels_are_never_the_same(small_run):
    searches = [small_run(lr=lr) for lr in ("0.01,0.03,0.1", "0.02,0.03,0.2")]
    parts = [small_run(), small_run(status="interrupted")]

    assert len(set(labels(searches))) == 2
    assert labels(parts) == ["tanh normalized (complete)", "tanh normalized (interrupted)"]
    assert labels([parts[0]] * 2) == ["tanh normalized (1)", "tanh normalized (2)"]


def test_an_option_that_a_kind_does_not_take_is_refused(small_run):
    with pytest.raises(UnsuitableRunError, match="`curves` does not take `--record`; it takes `--seeds`"):
        draw(KINDS["curves"], [small_run()], PlotRequest(record="last"))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        (PlotRequest(layers=(7,)), "no layer 7; it has: 1 to 5"),
        (PlotRequest(seeds=(9,)), "no seed 9; it has: 0 to 2"),
        (PlotRequest(record="300"), "no record after update 300; it has: 0, 250, 500, 750, 1000"),
        (PlotRequest(record="soon"), "record `soon` should be `first`, `last` or a number of updates"),
    ],
)
def test_what_is_not_there_is_an_error_that_names_what_is(small_run, chosen, message):
    with pytest.raises(UnsuitableRunError, match=message):
        draw(KINDS["activations"], [small_run()], chosen)


def test_layers_darken_in_order_and_configurations_differ_without_colour():
    shades = [int(style.color[1:3], 16) * 0.3 + int(style.color[3:5], 16) * 0.6 for style in layer_styles(8)]
    styles = configuration_styles([str(i) for i in range(28)])

    assert shades == sorted(shades)
    assert len({(style.marker, str(style.linestyle)) for style in styles[:20]}) == 20


def test_numbers_of_updates_are_short():
    assert [in_thousands(n) for n in (0, 500, 20_000, 2_500_000)] == ["0", "500", "20k", "2.5M"]


def test_neither_pyplot_nor_jax_is_loaded():
    code = (
        "import sys, importlib, xavier_cli.figures.draw; from xavier_cli.figures.catalogue import KINDS\n"
        # Theory's curve is computed while it is drawn.
        "kinds = [kind for kind in KINDS.values() if kind.name != 'edge-of-chaos']\n"
        "[importlib.import_module(kind.function.split(':')[0]) for kind in kinds]\n"
        "print([name for name in ('jax', 'matplotlib.pyplot', 'scipy.stats') if name in sys.modules])"
    )

    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert printed.strip() == "[]"


def test_the_kinds_are_known_without_loading_anything_heavy():
    import xavier_cli.figures.catalogue as room
    from xavier_cli.vocabulary import metrics, tensors

    def imported(module):
        tree = ast.parse(Path(module.__file__).read_text())
        return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    light = {"__future__", "dataclasses", "typing"}
    assert imported(room) == light | {tensors.__name__, metrics.__name__}
    assert imported(tensors) == light
    assert imported(metrics) < light


@pytest.mark.parametrize("kind", ["curves", "jacobian"])
def test_names_are_words_in_a_figure_never_formulas_or_escapes(make_run, kind):
    small = {"width": 12, "updates": 1000, "records": 5, "seeds": 3}
    evil = replace(
        make_run(data="mnist", **small),
        config=RunConfig.of(data="images:/d/$\\frac{<b>\u202e$&", **small),
        data=find_data("mnist").facts,
    )

    drawing = draw(KINDS[kind], [make_run(**small), evil])
    inline = inline_svg(drawing, "one")

    texts = [text for text in ET.fromstring(inline.svg).itertext() if "frac" in text]
    assert texts
    assert all(r"$\frac{<b>?$&" in text for text in texts)


def test_figures_in_one_page_share_no_ids_and_are_the_same_twice(small_run):
    runs = [small_run()]
    first, again, other = (
        inline_svg(draw(KINDS["curves"], runs), prefix) for prefix in ("one", "one", "two")
    )
    ids = [set(re.findall(r'id="([^"]+)"', each.svg)) for each in (first, other)]
    used = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', first.svg))

    assert first == again
    assert ids[0]
    assert not ids[0] & ids[1]
    assert {a or b for a, b in used} == {name for name in ids[0] if "-series-" not in name}
    assert first.caption.startswith("Test error of tanh normalized on 2,000 test examples")
    assert not re.search("metadata|DOCTYPE|<style|Test error", first.svg)


def test_how_it_was_done_is_said_only_where_nothing_else_tells_two_runs_apart(make_run):
    def run(**settings):
        return make_run(width=4, depth=2, seeds="1", only={"curves"}, jacobian=False, **settings)

    plain, trained = (
        run(records="21"),
        run(pretrain="dae", pretrain_updates=500, pretrain_lr=0.003, records="11"),
    )
    slower = run(pretrain="dae", pretrain_updates=500, pretrain_lr=0.001, records="11")

    assert labels([plain, trained]) == ["not pre-trained", "pre-trained dae"]
    assert labels([trained, slower]) == ["pre-training lr 0.003", "pre-training lr 0.001"]
    assert labels([plain, run(records="11")]) == ["records 21", "records 11"]
