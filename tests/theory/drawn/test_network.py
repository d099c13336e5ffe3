"""Tests that all of a network is told what it was drawn from: copies, slices, biases, tables."""

from __future__ import annotations

import numpy as np
import pytest
from support.drawn_networks import DrawnLayer, described

from xavier_cli.theory.drawn import describe
from xavier_cli.vocabulary.network_info import NetworkInfo, ParameterInfo

RNG = np.random.default_rng


def he(seed, *shape):
    return RNG(seed).normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape).astype(np.float32)


def test_everything_is_filled_in_and_survives_the_file():
    def draw(seed):
        weight = he(seed, 50, 40)
        parameters = {
            "w": weight.T,
            "b": np.zeros(40),
            "scale": np.ones(40),
            "embedding": RNG(seed).normal(size=(90, 50)),
            "position": RNG(seed).normal(0, 0.02, (30, 50)),
        }
        return parameters, [DrawnLayer("w", weight, "b")]

    info = described(draw, "PyTorch")
    told = {each.name: each.drawn.text for each in info.parameters}
    assert told == {
        "w": "he_normal (not truncated)",
        "b": "zeros",
        "scale": "ones",
        "embedding": "normal:std=1",
        "position": "normal:std=0.02",
    }
    assert info.layers[0].drawn.text == told["w"]
    assert info.layers[0].bias_drawn.text == "zeros"
    assert NetworkInfo.from_json(info.to_json()) == info


def test_like_names_the_earlier_parameter_in_every_seed_and_no_constants():
    def draw(seed):
        first, second = he(seed, 50, 40), he(seed + 100, 50, 40)
        parameters = {
            "a": first,
            "b": second,
            "copy": first.copy(),
            "tied": first.T,
            # The same in one seed of three.
            "once": second if seed == 1 else he(seed + 200, 50, 40),
            "zeros": np.zeros((50, 40)),
            "others": np.zeros((50, 40)),
        }
        return parameters, [DrawnLayer("a", first), DrawnLayer("copy", first)]

    info = described(draw)
    likes = {each.name: each.drawn.like for each in info.parameters if each.drawn.like}
    assert likes == {"copy": "a", "tied": "a"}
    assert [each.drawn.like for each in info.layers] == ["", "a"]
    assert info.layers[1].drawn.text.endswith("; the numbers of a")


def test_stacked_layers_have_their_slices():
    def draw(seed):
        stack = np.stack([he(seed, 50, 40), he(seed + 9, 50, 40) / 2])
        return {"blocks": stack}, [DrawnLayer("blocks", each) for each in stack]

    first, second = described(draw).layers
    assert first.drawn.names == ("he_normal (not truncated)",)
    assert second.drawn.names != first.drawn.names
    assert second.drawn.std == pytest.approx(first.drawn.std / 2, rel=0.05)


def test_a_seed_that_is_ignored_is_told():
    def draw(seed):
        weight = he(7, 50, 40)
        return {"w": weight}, [DrawnLayer("w", weight)]

    info = described(draw)
    assert info.layers[0].drawn.seeds_alike
    assert info.layers[0].drawn.names[0] == "he_normal (not truncated)"
    assert not described(draw, seeds=1).layers[0].drawn.seeds_alike


def test_parameters_without_draws_stay_and_layers_need_theirs():
    info = described(lambda seed: ({"w": he(seed, 9, 9)}, [DrawnLayer("w", he(seed, 9, 9))]))
    assert describe(info, {}, [[he(0, 9, 9)]]).parameters == info.parameters
    with pytest.raises(ValueError, match="shorter"):
        describe(info, {}, [])


def test_a_single_row_has_no_fans():
    token = np.random.default_rng(0).normal(size=(1, 512)).astype(np.float32)
    info = NetworkInfo(
        framework="PyTorch",
        layers=(),
        parameters=(ParameterInfo(name="cls_token", shape=(1, 512), role="other"),),
    )
    (found,) = describe(info, {"cls_token": [token]}, []).parameters
    assert found.drawn is not None
    assert found.drawn.names == ("normal:std=1",)
