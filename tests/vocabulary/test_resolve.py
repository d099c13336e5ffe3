"""Tests names of activations and initializers: parameters, layers, biases, frameworks, and errors."""

from __future__ import annotations

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.sweeps.recipe import Recipe
from xavier_cli.views.filters import chosen
from xavier_cli.vocabulary.resolve import (
    all_inits,
    find_activation,
    find_bias,
    find_initializer,
    find_layer_initializers,
    find_layers,
)


@pytest.mark.parametrize(
    ("word", "canonical"),
    [
        ("swish", "silu"),
        ("leaky_relu:slope=.20", "leaky_relu:slope=0.2"),
        ("LeakyReLU:slope=0.01", "leaky_relu"),
        (" elu : alpha = 2e0 ", "elu:alpha=2"),
        ("waves.py:wave", "waves.py:wave"),
        ("./here/../waves.py:wave", "waves.py:wave"),
        ("jax.nn:relu6", "jax.nn:relu6"),
    ],
)
def test_an_activation_is_stored_canonically(word, canonical):
    assert find_activation(word).name == canonical
    assert find_activation(canonical).name == canonical


def test_parameters_change_what_is_known_of_a_name():
    assert find_activation("elu:alpha=2").range == (-2.0, float("inf"))
    assert find_initializer("variance_scaling:scale=2,mode=fan_out").variance(10, 20) == 0.1
    assert find_initializer("variance_scaling:distribution=normal").distribution == "normal"
    assert find_initializer("variance_scaling").variance(10, 20) == 0.1
    assert find_initializer("normal:std=3").variance(1, 1) == 9
    assert find_initializer("constant:value=2").mean == 2


@pytest.mark.parametrize(
    ("word", "canonical", "layers"),
    [
        ("glorot", "normalized", ["normalized"] * 4),
        (
            "normalized,output=zeros,1=standard",
            "normalized,1=standard,output=zeros",
            ["standard", "normalized", "normalized", "zeros"],
        ),
        ("normalized;1=standard; output=zero", "normalized,1=standard,output=zeros", None),
        ("hidden=he,output=zeros", "he_normal,output=zeros", ["he_normal"] * 3 + ["zeros"]),
        ("normalized,hidden=he", "he_normal,output=normalized", ["he_normal"] * 3 + ["normalized"]),
        ("he,output=he_normal,2=msra", "he_normal", ["he_normal"] * 4),
        (
            "variance_scaling:scale=2,mode=fan_out,03=normal:std=0.5,output=waves.py:mine",
            "variance_scaling:mode=fan_out,scale=2,3=normal:std=0.5,output=waves.py:mine",
            ["variance_scaling:mode=fan_out,scale=2"] * 2 + ["normal:std=0.5", "waves.py:mine"],
        ),
    ],
)
def test_single_layers_may_have_initializers_of_their_own(word, canonical, layers):
    assert find_layers(word) == canonical
    assert find_layers(canonical) == canonical
    if layers:
        assert [row.name for row in find_layer_initializers(canonical, 3)] == layers


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"act": "leaky_relu:slop=1"}, "act: unknown parameter `slop` of `leaky_relu`: it has slope"),
        ({"act": "relu:slope=1"}, "act: unknown parameter `slope` of `relu`: it has no parameters"),
        ({"act": "leaky_relu:slope"}, "act: `leaky_relu:slope` should be like `name:key=value,key=value`"),
        ({"act": "leaky_relu:slope=0"}, "should be a number above 0 to 1, not `0`"),
        ({"act": "leaky_relu:slope=nan"}, "should be a number above 0 to 1"),
        ({"act": "elu:alpha=1,alpha=2"}, "sets `alpha` twice"),
        ({"init": "variance_scaling:mode=fan_inn"}, "init: `mode` .* one of fan_in, fan_out, fan_avg"),
        (
            {"init": "normal:std=-1"},
            "init: `std` of `normal`, standard deviation, should be a number above 0",
        ),
        ({"init": "normalized,ouput=zeros"}, "init: `ouput` is no layer: hidden, output, or a number from 1"),
        ({"init": "normalized,6=zeros"}, "init: there is no hidden layer 6; depth is 5"),
        ({"init": "normalized,0=zeros"}, "init: hidden layers are numbered from 1"),
        ({"init": "normalized,1=zeros,01=he"}, "init: .* names `1` twice"),
        ({"init": "output=zeros"}, "init: .* should begin with the initializer of all layers"),
        ({"init": "normalized,output=zeroes"}, "init: unknown initializer `zeroes`: did you mean `zeros`"),
        ({"init": "nowhere.py:mine"}, "^`nowhere.py` cannot be read: No such file or directory$"),
        ({"init": "no_such_module_here:mine"}, "^no module `no_such_module_here`"),
        ({"init": "normalized,a/*=zeros"}, "init: `a/\\*` is no layer: hidden, output, or a number from 1"),
        ({"bias_init": "zeros,1=standard"}, "bias_init: single layers are named with `--net` alone"),
        ({"bias_init": "orthogonal"}, "bias_init: `orthogonal` is for matrices, not for biases"),
        ({"like": "torch"}, "like: unknown framework `torch`: did you mean `pytorch`"),
        ({"like": "pytorch", "init": "he"}, "like: pytorch sets init, so init cannot be given beside it"),
        ({"like": "flax", "bias_init": "zeros"}, "like: flax sets bias_init"),
    ],
)
def test_what_cannot_be_is_named(settings, message):
    with pytest.raises(ConfigError, match=message) as caught:
        RunConfig.of(**settings)

    assert "\n" not in str(caught.value)


def test_a_recipe_may_be_about_frameworks():
    recipe = Recipe(title="defaults", base={"init": "he"}, grid={"like": ["pytorch", "keras"]})

    assert [
        (cell.settings["init"], cell.settings["bias_init"], "like" in cell.settings)
        for cell in recipe.expand("laptop")
    ] == [("standard", "standard", False), ("normalized", "zeros", False)]


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ("init=glorot_uniform,output=zero,act=swish", True),
        ("act=silu,init=normalized;output=zeros,depth=5", True),
        ("init=normalized,output=standard", False),
        ("init=normalized", False),
        ("init=normalized*,bias_init=torch_default", True),
        ("init=network;conv1=zeros", False),
    ],
)
def test_runs_are_chosen_by_any_spelling(condition, fits):
    run = {"act": "silu", "init": "normalized,output=zeros", "bias_init": "standard", "depth": 5}

    assert bool(chosen([run], lambda row: row, [condition])) is fits


def test_runs_are_chosen_by_the_initializers_of_layers_by_name():
    run = {"init": find_layers("conv1=zeros,blocks/*=he", names=True)}

    assert chosen([run], lambda row: row, ["init=network;conv1=zero;blocks/*=he_normal"])


@pytest.mark.parametrize(
    ("word", "canonical"),
    [
        ("he", "he_normal"),
        ("he,output=zeros,2=standard", "he_normal,2=standard,output=zeros"),
        ("network,blocks/*/mlp/*=normal:std=0.02", "network,blocks/*/mlp/*=normal:std=0.02"),
        ("conv1=zero", "network,conv1=zeros"),
        ("normal:std=0.1,mean.std=zeros,3-5=he", "normal:std=0.1,mean.std=zeros,3-5=he_normal"),
        ("normal:std=0.1;std=zeros", "normal:std=0.1;std=zeros"),
        ("he,a=he_normal,b=zeros,a*=he", "he_normal,b=zeros,a*=he_normal"),
        ("he,w[:, 0:3]=zeros,{q,k}/w=glorot", "he_normal,w[:, 0:3]=zeros,{q,k}/w=normalized"),
        ("he,hidden=glorot,x/*=zeros", "normalized,output=he_normal,x/*=zeros"),
        ("he,x.y=nets.py:mine,output=zeros", "he_normal,x.y=nets.py:mine,output=zeros"),
    ],
)
def test_layers_of_custom_networks_may_be_named(word, canonical):
    assert find_layers(word, names=True) == canonical
    assert find_layers(canonical, names=True) == canonical


def test_all_initializers_of_a_text_with_names():
    text = "normal:std=0.1,w[:, 0:3]=zeros,blocks/*=nets.py:mine"
    assert all_inits(text) == ("normal:std=0.1", "zeros", "nets.py:mine")


def test_biases_of_layers_are_no_matrices_either():
    assert find_bias("conv1=torch_default", names=True) == "network,conv1=standard"
    with pytest.raises(ValueError, match="`orthogonal` is for matrices, not for biases"):
        find_bias("zeros,conv1=orthogonal", names=True)


def test_a_place_holds_no_control_character():
    with pytest.raises(ValueError, match="holds a control character: put"):
        find_layers("network,a\x07/*=zeros", names=True)


def test_a_bias_is_named_as_a_weight_is():
    assert find_bias("torch_default") == "standard"
    assert find_bias("constant:value=0.10") == "constant:value=0.1"


def test_what_is_new_leaves_older_configurations_as_they_were():
    text = RunConfig.of().to_json()

    assert "bias_init" not in text
    assert "sources" not in text
    assert RunConfig.of(bias_init="zero").sha256() == RunConfig.of().sha256()
    assert RunConfig.of(bias_init="torch_default").sha256() != RunConfig.of().sha256()


@pytest.mark.parametrize(
    ("settings", "stem"),
    [
        ({"act": "leaky_relu:slope=0.2"}, "shapeset-leaky_relu-slope-0.2-normalized-d5w300"),
        (
            {"init": "normalized,1=he,output=zeros"},
            "shapeset-tanh-normalized-1-he_normal-output-zeros-d5w300",
        ),
    ],
)
def test_a_files_name_holds_no_sign_that_a_shell_minds(settings, stem):
    assert RunConfig.of(**settings).file_stem().startswith(stem)
