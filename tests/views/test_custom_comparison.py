"""Tables that compare custom networks with each other and with perceptrons."""

import pytest
from support.network_runs import plant_trained as trained

from xavier_cli.findings.comparison import compare
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.comparison_answer import names


def heads(page):
    return [column.title for column in page.tables[0].columns]


@pytest.fixture
def perceptron(make_run):
    return make_run(data="mnist", depth=3, width=12, updates=100, records=2, seeds=5, lr=0.03)


def test_two_networks_are_told_apart_by_name_alone():
    comparison = compare([trained(), trained("nets.py:plain", 9, 0.3)])
    page = comparison_page(comparison, [])
    assert names(comparison.sections[0]) == ["resnet", "plain"]
    assert not {"act", "init", "depth", "width", "weight_layers", "sources"} & {*heads(page)}
    assert "net" in heads(page)
    assert "network network" not in page.about
    assert "resnet" in page.about


def test_the_table_leaves_out_the_files_of_networks_where_their_names_tell_them_apart():
    def cells(*nets):
        digests = "deep/nets.py with its imports fedcba9876543210, nets.py with its imports 0123456789abcdef"
        runs = [trained(net, error=at / 9, sources=digests) for at, net in enumerate(nets, 1)]
        table = comparison_page(compare(runs)).tables[0]
        at = [column.title for column in table.columns].index("net")
        return [(row[at].text, row[at].value) for row in table.rows]

    two = "deep/nets.py:cnn:depth=3", "nets.py:plain"
    assert cells(*two) == [("cnn:depth=3", two[0]), ("plain", two[1])]
    assert cells("nets.py:cnn", "deep/nets.py:cnn")[0][0] == "nets.py:cnn"


def test_weights_of_a_networks_own_code_are_named_beside_redrawn_ones():
    comparison = compare([trained(), trained(init="he_normal", error=0.3)])
    page = comparison_page(comparison, [])
    assert [row["init"] for row in page.records] == ["network", "he_normal"]
    at = heads(page).index("init")
    assert [row[at].text for row in page.tables[0].rows] == ["network", "he_normal"]


def test_networks_of_one_name_are_called_so():
    comparison = compare([trained(lr=0.1), trained(lr=0.01, error=0.3)])
    assert [text.partition(",")[0] for text in names(comparison.sections[0])] == ["resnet", "resnet"]
    assert "lr" in heads(comparison_page(comparison, []))


def test_two_versions_of_a_file_are_told_apart():
    other = "nets.py with its imports fedcba9876543210"
    comparison = compare([trained(), trained(sources=other, error=0.3)])
    assert names(comparison.sections[0]) == ["resnet, source 0123", "resnet, source fedc"]


def test_a_perceptron_beside_them_keeps_its_settings(perceptron):
    comparison = compare([trained(), perceptron])
    assert {*names(comparison.sections[0])} == {"resnet", "tanh normalized"}
    page = comparison_page(comparison, [])
    assert {"net", "act", "init"} <= {*heads(page)}
    # Settings that one of them alone has differ in nothing.
    assert not {"depth", "width", "jacobian_examples", "weight_layers"} & {*heads(page)}
    rows = comparison_page(comparison, []).records
    assert {row["net"] for row in rows} == {"nets.py:resnet", "mlp"}


def test_perceptrons_alone_say_nothing_of_networks(perceptron):
    page = comparison_page(compare([perceptron]), [])
    assert not {"net", "weight_layers"} & {*heads(page)}
    assert "mlp" not in page.about
