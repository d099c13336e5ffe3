"""Labels name what is odd, once; names and colours are those of networks, whatever the panel."""

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
