"""Run files of custom networks: they read back, merge, and refuse what no network can be."""

import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from support.network_runs import invented_info, plant_network

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import content
from xavier_cli.runs.contradictions import network_problem
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.reader import read_run
from xavier_cli.runs.rescue import examine
from xavier_cli.runs.store import write_run
from xavier_cli.vocabulary.network_info import Drawn, NetworkInfo, ParameterInfo


def drawn_as(*names):
    return Drawn(names=names, fans=(144, 144), mean=0.0, std=0.08)


def with_drawn(run, drawn):
    info = run.network
    layers = tuple(layer.model_copy(update={"drawn": drawn}) for layer in info.layers)
    return info.model_copy(update={"layers": layers})


@pytest.mark.parametrize("layers", [1, 22, 200])
def test_it_reads_back(tmp_path, layers):
    run = plant_network(layers, bias=True)
    write_run(tmp_path / "a.h5", run)
    again = read_run(tmp_path / "a.h5")
    assert again.network == run.network
    assert again.config == run.config
    for name, array in run.arrays.items():
        np.testing.assert_array_equal(again[name], array)


def test_what_enters_a_layer_may_be_what_the_activation_does_not_give(tmp_path):
    """In a transformer with ReLUs, what attention puts out enters a layer."""
    run = plant_network(4, act="relu")
    mean = np.full_like(run["activation/mean"], -0.3)
    write_run(tmp_path / "a.h5", replace(run, arrays={**run.arrays, "activation/mean": mean}))

    assert (read_run(tmp_path / "a.h5")["activation/mean"] < 0).all()


def test_more_than_64_kb_of_layers_are_kept(tmp_path):
    info = invented_info(400, prefix="a/path/of/modules/that/is/long" * 4)
    run = plant_network(400, info=info, seeds=1)
    assert len(info.to_json()) > 2**16
    write_run(tmp_path / "a.h5", run)
    assert read_run(tmp_path / "a.h5").network == info


def test_a_layer_without_a_bias_is_nan_for_other_programs(tmp_path):
    path = tmp_path / "a.h5"
    write_run(path, plant_network(4, bias=True))
    with h5py.File(path) as file:
        means = file["bias/mean"][:, 0]
    assert np.isnan(means[:, :3]).all()
    assert (means[:, 3] == 0).all()
    xarray = pytest.importorskip("xarray")
    with xarray.open_dataset(path, group="bias", engine="h5netcdf") as dataset:
        assert np.isnan(dataset["mean"].values[:, :, :3]).all()


def test_seeds_of_two_files_are_one_experiment(tmp_path):
    one, two = plant_network(5, seeds="0:3"), plant_network(5, seeds="3,4")
    (merged,), notes = merge_runs([one, two])
    assert not notes
    assert merged.seeds.tolist() == [0, 1, 2, 3, 4]
    assert merged.network == one.network


def test_a_merged_network_says_what_no_part_contradicts():
    one, two = plant_network(5, seeds="0:3"), plant_network(5, seeds="3,4")
    parts = [
        replace(one, network=with_drawn(one, drawn_as("he_normal", "lecun_normal"))),
        replace(two, network=with_drawn(two, drawn_as("lecun_normal", "normal"))),
    ]
    (merged,), _ = merge_runs(parts)
    found = merged.network.layers[0].drawn
    assert found.names == ("lecun_normal",)
    # Statistics are of the numbers of one file's seeds.
    assert (found.mean, found.std, found.fans) == (None, None, None)


def test_networks_of_other_layers_are_kept_apart():
    one = plant_network(5, seeds="0:3")
    two = plant_network(5, seeds="3,4", info=invented_info(5, prefix="stages"))
    runs, (note,) = merge_runs([one, two])
    assert len(runs) == 2
    assert "their networks have other layers" in note


LAYER = {"name": "a", "parameter": "a", "kind": "dense", "shape": [2, 3], "fan_in": 2, "fan_out": 3}


def forged(**changes):
    return {"framework": "JAX", "layers": [LAYER] * 3, **changes}


@pytest.mark.parametrize(
    ("content_of", "why"),
    [
        (forged(layers=[LAYER]), "1 weight layers, where its configuration has 3"),
        (forged(layers=[{**LAYER, "name": "a\u001b[31mred"}, LAYER, LAYER]), "control characters"),
        (forged(layers=[{**LAYER, "parameter": "a\u202eb"}, LAYER, LAYER]), "control characters"),
        (forged(framework="JAX\nsecond line"), "control characters"),
        (forged(framework="x" * 2000), "longer names"),
        (forged(notes=["\u0007"]), "control characters"),
        (forged(notes=["fine"] * 5000), "remarks"),
        (forged(layers=[{**LAYER, "name": "n" * 400}, LAYER, LAYER]), "makes no sense"),
        (forged(layers=[{**LAYER, "fan_in": -1}, LAYER, LAYER]), "makes no sense"),
        (forged(layers=[{**LAYER, "fan_in": 10**30}, LAYER, LAYER]), "fans over"),
        (forged(layers=[{**LAYER, "shape": [-2, 3]}, LAYER, LAYER]), "shape"),
        (forged(layers=[{**LAYER, "shape": [1] * 50}, LAYER, LAYER]), "shape"),
        (forged(layers=[{**LAYER, "kind": "magic"}, LAYER, LAYER]), "makes no sense"),
        (forged(layers=[{**LAYER, "drawn": {"names": ["\u001b[2J"]}}, LAYER, LAYER]), "control characters"),
        (forged(layers=[{**LAYER, "drawn": {"names": [], "std": "NaN"}}, LAYER, LAYER]), "makes no sense"),
        (forged(layers=[LAYER] * 3000), "makes no sense"),
        (forged(parameters=[{"name": "\u001b]0;title\u0007", "shape": [], "role": "other"}]), "control"),
        ([], "makes no sense"),
        (None, "nothing is said"),
    ],
)
def test_what_no_network_can_be_is_refused_in_a_line(tmp_path, content_of, why):
    path = tmp_path / "a.h5"
    write_run(path, plant_network(3, seeds=1))
    with h5py.File(path, "r+") as file:
        del file.attrs["network_json"]
        if content_of is not None:
            file.attrs["network_json"] = np.bytes_(json.dumps(content_of))
    with pytest.raises(RunFileError, match=why) as error:
        read_run(path)
    assert str(error.value).isprintable()
    # Without it the file cannot be believed; that is said, too.
    found = examine(path)
    assert not found.is_whole
    assert found.rescued is None
    assert "network" in found.missed


def test_a_nan_in_json_is_refused():
    text = json.dumps(forged(layers=[{**LAYER, "drawn": {"names": [], "std": float("nan")}}]))
    with pytest.raises(ValueError, match="makes no sense"):
        NetworkInfo.from_json(text)


def test_a_perceptron_has_no_network():
    assert network_problem(RunConfig.of(), plant_network(3).network)
    named = plant_network(3)
    assert "no layers of the names" in network_problem(
        named.config.with_(init="network,conv1=zeros"), named.network
    )


def test_an_honest_network_is_no_problem():
    run = plant_network(3, bias=True)
    info = run.network.model_copy(
        update={
            "parameters": (ParameterInfo(name="größe", shape=(), role="other"),),
            "unseen": ("a loop of `while`",),
        }
    )
    assert network_problem(run.config, info) == ""


def test_what_is_left_of_a_damaged_file_keeps_its_network(tmp_path):
    path = tmp_path / "a.h5"
    run = plant_network(4, seeds=2)
    write_run(path, run)
    with h5py.File(path, "r+") as file:
        file["leaving/std"][...] = 7
    found = examine(path)
    assert not found.is_whole
    assert found.rescued is not None
    assert found.rescued.network == run.network
    assert "leaving/std" not in found.rescued


def test_the_header_alone_names_the_layers(tmp_path):
    path = tmp_path / "a.h5"
    write_run(path, plant_network(4))
    assert read_run(path, only=()).network.layers[-1].name == "head/kernel"
    assert "network_json" in content.LATER_TEXTS


def test_a_read_only_folder_is_read(tmp_path):
    path = tmp_path / "a.h5"
    write_run(path, plant_network(4))
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert read_run(path).network
    finally:
        tmp_path.chmod(0o755)
