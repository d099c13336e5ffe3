"""What a page's script finds in a figure: everything that belongs to one line."""

import re

import pytest

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.inline import inline_svg


def _ids(figure, runs):
    ids = re.findall(r'id="([^"]+)"', inline_svg(draw(KINDS[figure], runs), "page").svg)
    assert len(set(ids)) == len(ids)
    return [name.removeprefix("page-series-") for name in ids if name.startswith("page-series-")]


def test_a_curve_s_line_band_and_name_share_the_begin_of_their_ids(small_run):
    found = _ids("curves", [small_run(init=init) for init in ("standard", "normalized")])

    for series in "01":
        assert {f"{series}-line", f"{series}-band", f"{series}-key", f"{series}-label"} <= set(found)
    assert {name[0] for name in found} == {"0", "1"}


def test_a_line_with_parts_in_many_panels_has_an_id_for_each(small_run):
    found = _ids("jacobian", [small_run(init=init) for init in ("standard", "normalized")])

    assert {"0-line", "0-line-2", "0-line-3", "1-line-3", "0-label", "1-label", "1-key"} <= set(found)


@pytest.mark.parametrize("figure", ["saturation", "activations", "gradients-over-time", "spectrum"])
def test_layers_go_by_their_numbers_in_every_panel(small_run, figure):
    found = _ids(figure, [small_run(init=init, depth=3) for init in ("standard", "normalized")])

    assert {name.partition("-")[0] for name in found} == {"1", "2", "3"}
    assert {"1-label", "3-label", "1-key", "2-line", "2-line-2"} <= set(found)
