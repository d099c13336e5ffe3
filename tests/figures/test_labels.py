"""Labels name what is odd, once; names and colours are those of networks, whatever the panel."""

from dataclasses import replace

import pytest

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.labels import labels, shared
from xavier_cli.figures.panels import panels
from xavier_cli.figures.style import line_styles


def test_a_setting_that_most_runs_share_is_labelled_only_where_it_is_odd(small_run):
    runs = [small_run(init=init) for init in ("standard", "normalized")] + [
        small_run(init="orthogonal", lr=0.1)
    ]

    assert labels(runs) == ["standard", "normalized", "orthogonal, lr 0.1"]
    assert shared(runs).endswith("batch 10; lr 0.03 unless labelled otherwise")


def test_where_only_few_settings_are_odd_every_run_has_its_name(small_run):
    runs = [small_run(), small_run(lr=0.1), small_run(depth=3)]

    assert labels(runs) == ["tanh normalized", "tanh normalized, lr 0.1", "tanh normalized, depth 3"]


def test_a_coding_that_follows_from_the_data_set_is_not_named(small_run):
    assert labels([small_run(data=data) for data in ("mnist", "shapeset")]) == ["MNIST", "Shapeset"]


def test_a_network_has_one_name_and_colour_in_all_panels(small_run):
    runs = [
        small_run(data=data, act=act, lr=lr)
        for data, lr in (("mnist", 0.01), ("shapeset", 0.03))
        for act in ("relu", "tanh")
    ]
    runs.append(small_run(data="mnist", act="relu", lr=0.01, depth=2))

    split = panels(runs, ("data",))

    # What differs between panels alone stands in their titles.
    assert split.titles == ["MNIST, lr 0.01", "Shapeset, lr 0.03"]
    assert split.names == ["ReLU", "tanh", "ReLU", "tanh", "ReLU, depth 2"]
    styles = line_styles(dict(zip(split.names, split.groups, strict=True)))
    assert styles["ReLU"].color == styles["ReLU, depth 2"].color != styles["tanh"].color
    assert styles["ReLU"].marker != styles["ReLU, depth 2"].marker


@pytest.mark.parametrize("kind", ["curves", "jacobian"])
def test_a_network_looks_the_same_in_whatever_order_it_is_drawn(small_run, kind):
    """A report draws the best first, and `xavier plot` as settings are sorted."""
    runs = [small_run(act=act, init=init) for act in ("tanh", "relu") for init in ("standard", "he")]

    def looks(ordered):
        drawn = draw(KINDS[kind], ordered).figure
        lines = [line for ax in drawn.axes for line in ax.get_lines() if " " in str(line.get_label())]
        return [
            (str(line.get_label()), line.get_color(), line.get_marker(), line.get_linestyle(), line.get_gid())
            for line in lines
        ]

    one, other = looks(runs), looks(runs[::-1])

    assert {look[:-1] for look in one} == {look[:-1] for look in other}
    assert len({look[1] for look in one}) == 4
    # They are still drawn in the order of the runs.
    assert [look[0] for look in one[:4]] == [look[0] for look in other[:4]][::-1]
    assert [look[-1] for look in one] == [look[-1] for look in other]


def test_those_in_colour_keep_it_in_whatever_order_the_grey_ones_are():
    groups = {f"net {i}": f"net {i}" for i in range(14)}
    kept = {"net 3", "net 11", "net 7"}
    one, other = line_styles(groups, kept), line_styles(dict(reversed(groups.items())), kept)

    assert all(replace(one[name], series=0) == replace(other[name], series=0) for name in groups)
    assert len({one[name].color for name in kept}) == 3
