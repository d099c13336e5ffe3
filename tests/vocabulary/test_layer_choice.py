"""Tests which layers of a custom network a number, a path or a pattern means."""

import pytest

from xavier_cli.vocabulary.layer_choice import layer_words
from xavier_cli.vocabulary.lookup import UnknownNameError
from xavier_cli.vocabulary.network_info import LayerInfo


def layer(name, parameter=""):
    return LayerInfo(name=name, parameter=parameter or name, kind="dense", shape=(1, 2), fan_in=1, fan_out=2)


LAYERS = [
    layer("conv1.weight"),
    layer("blocks/kernel[0]", "blocks/kernel"),
    layer("blocks/kernel[1]", "blocks/kernel"),
    layer("stack/2/mlp/Dense_0/kernel"),
    layer("stack/10/mlp/Dense_0/kernel"),
    layer("tied"),
    layer("tied#2", "tied"),
    layer("attn.in_proj_weight[0:64]", "attn.in_proj_weight"),
    layer("fc.weight"),
]


@pytest.mark.parametrize(
    ("place", "numbers"),
    [
        ("3", [3]),
        ("2-4", [2, 3, 4]),
        ("output", [9]),
        ("conv1.weight", [1]),
        ("conv1", [1]),
        ("blocks/kernel[1]", [3]),
        ("blocks/kernel", [2, 3]),
        ("blocks/kernel[0-1]", [2, 3]),
        ("stack/2-9/mlp/Dense_0/kernel", [4]),
        ("stack/*", [4, 5]),
        ("*/3-10/*", [5]),
        ("*a*/2/*k*n*l", [4]),
        ("stack/*/kernel", [4, 5]),
        ("stack/?/mlp/Dense_0", [4]),
        ("…Dense_0/kernel", [4, 5]),
        ("tied", [6]),
        ("tied*", [6, 7]),
        ("attn", [8]),
        ("attn.in_proj_weight[0:64]", [8]),
        ("*", [*range(1, 10)]),
    ],
)
def test_a_place_means_layers(place, numbers):
    words = layer_words(f"network,{place}=zeros", LAYERS)
    assert [at for at, word in enumerate(words, 1) if word == "zeros"] == numbers


def test_many_stars_take_no_time():
    layers = [layer("a" * 300)]
    with pytest.raises(UnknownNameError):
        layer_words(f"network,{'*a' * 40}b=zeros", layers)


def test_later_places_override_earlier_ones():
    words = layer_words("he_normal,stack/*=zeros,5=standard,*/10/*=orthogonal,4=network", LAYERS)
    assert words[3:6] == ("network", "orthogonal", "he_normal")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("fc.wieght", r"^unknown layer `fc.wieght`: did you mean `fc.weight`\?$"),
        ("stack", r"^unknown layer `stack`: "),
        ("conv1.weight[0]", r"did you mean `conv1.weight`\?$"),
        ("zzz", r"known: conv1.weight, blocks/kernel\[0\], .*, attn.in_proj_weight\[0:64\], and 1 more$"),
        ("10", r"^there is no layer 10: the network has 9 weight layers$"),
        ("8-10", r"^there is no layer 8-10: "),
    ],
)
def test_a_place_without_layers_is_refused_with_what_there_is(place, message):
    with pytest.raises(UnknownNameError, match=message) as caught:
        layer_words(f"network,{place}=zeros", LAYERS)
    assert "\n" not in str(caught.value)
