"""The page of a custom network's layers: folded where they are many, complete for programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.network_runs import invented_info, plant_network
from xavier_cli.cli.terminal.output import show_page
from xavier_cli.findings.health import diagnose
from xavier_cli.runs.layer_names import elided
from xavier_cli.views.network import network_page
from xavier_cli.vocabulary.network_info import Drawn, ParameterInfo


def page(run, **options):
    return network_page(run, diagnose(run), Path("p.h5"), **options)


def test_two_hundred_layers_fit_a_screen(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    run = plant_network(200)
    show_page(page(run), None)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 40
    assert max(map(len, lines)) <= 80
    assert any("1-199" in line and "blocks/0-198/kernel" in line for line in lines)
    assert len(page(run).data["layers"]) == 200
    assert len(page(run, unfold=True).tables[0].rows) == 200


def test_few_layers_have_a_row_each():
    rows = page(plant_network(22)).tables[0].rows
    assert len(rows) == 22
    assert rows[0][1] == "blocks/0/kernel"


def test_the_numbers_are_those_of_the_file():
    run = plant_network(6, seeds=3, forward=0.5)
    layers = page(run).data["layers"]
    for at, layer in enumerate(layers):
        assert layer["leaving_std"] == pytest.approx(run["leaving/std"][:, 0, at].mean())
    assert layers[-1]["backprop_std"] is None
    geometric = (run["backprop/std"][:, 0, 0].prod()) ** (1 / 3)
    assert layers[0]["backprop_std"] == pytest.approx(geometric, rel=1e-5)


def test_every_other_parameter_is_listed_once():
    ones = Drawn(names=("ones",), mean=1.0, std=0.0, bound=1.0)
    others = tuple(
        ParameterInfo(name=f"norms/{at}/scale", shape=(16,), role="other", drawn=ones) for at in range(40)
    )
    info = invented_info(6)
    info = info.model_copy(update={"parameters": (*info.parameters, *others)})
    (table,) = [t for t in page(plant_network(6, info=info)).tables if t.title == "other parameters"]
    assert [row[0] for row in table.rows] == ["norms/0-39/scale"]
    assert table.rows[0][3] == str(40 * 16)


def test_what_layers_were_drawn_by_is_below_the_table_and_in_the_json():
    init = "network,blocks/*=normal:std=0.02,blocks/1=he_normal"
    of = page(plant_network(6, init=init, bias_init="head=standard", bias=True))
    assert "`--init` drew layers 1, 3-5 by normal:std=0.02; 2 by he_normal." in of.notes
    assert "`--bias-init` drew the biases of layer 6 by standard." in of.notes
    wanted = ["normal:std=0.02", "he_normal", *["normal:std=0.02"] * 3, "network"]
    assert [layer["init"] for layer in of.data["layers"]] == wanted
    assert of.records[-1]["bias_init"] == "standard"
    plain = page(plant_network(6))
    assert not [note for note in plain.notes if " drew " in note]
    assert {layer["init"] for layer in plain.data["layers"]} == {"network"}


def test_layers_that_were_drawn_otherwise_have_rows_of_their_own():
    rows = page(plant_network(60, init="he_normal,10-19=zeros")).tables[0].rows
    assert [row[0] for row in rows] == ["1…59", "10-19", "60"]


def test_a_title_counts_exceptions_that_are_too_long_for_it():
    init = "network,blocks/*/mlp/kernel=normal:std=0.02,head=zeros,conv1=he_normal"
    titles = [plant_network(6).config.with_(init=each).title for each in (init, "he,output=zeros")]
    assert titles[0] == "resnet network with 3 exceptions, 6 weight layers"
    assert titles[1] == "resnet he_normal,output=zeros, 6 weight layers"


def test_a_long_name_keeps_its_end():
    assert elided("a/kernel", 28) == "a/kernel"
    assert (
        elided("Transformer/encoderblock_11/MlpBlock_0/Dense_1/kernel", 28) == "…1/MlpBlock_0/Dense_1/kernel"
    )
    assert len(elided("x" * 100, 28)) == 28


@pytest.fixture
def notes_of():
    """A function that gives the notes of a run's page."""
    return lambda run: network_page(run, diagnose(run), Path("probes/net.h5")).notes


@pytest.mark.parametrize("last", [0.01, 1.0, 100.0])
def test_the_logits_scale_is_no_change_of_the_signals(notes_of, last):
    run = plant_network(12, forward=0.5)
    told = notes_of(run)[0]
    run.arrays["leaving/std"][..., -1] *= last
    assert notes_of(run)[0] == told
    assert told.startswith("Signals shrink by a factor of 2.0")


def test_says_that_no_problems_were_found(notes_of):
    told = "No problems found before training."
    assert told in notes_of(plant_network(5))
    assert told not in notes_of(plant_network(30, forward=0.5))


@pytest.mark.parametrize(
    ("name", "fans", "nearest", "is_told"),
    [
        ("normal:std=0.02", None, "lecun_normal", True),
        ("lecun_normal", (144, 144), "lecun_normal", False),
        ("orthogonal", None, "orthogonal", False),
    ],
)
def test_says_what_is_named_beside_a_scale_of_its_own(notes_of, name, fans, nearest, is_told):
    info = invented_info(5)
    drawn = Drawn(names=(name,), fans=fans, std=0.02, nearest=nearest, named_std=0.083)
    layers = tuple(each.model_copy(update={"drawn": drawn}) for each in info.layers)
    notes = notes_of(plant_network(5, info=info.model_copy(update={"layers": layers})))
    assert any(note.startswith("named: ") for note in notes) is is_told
