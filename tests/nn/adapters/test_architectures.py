"""Tests that every layer and parameter of the architectures of today is found, as counted by hand."""

from __future__ import annotations

import math
import re
from textwrap import dedent

import pytest

from tests.support import architectures
from tests.support.architectures.expected import LAYERS, OTHERS, SHARED_BIASES
from tests.support.architectures.looked_into import in_lines, look_into
from tests.support.architectures.parts import PARTS

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")
IN_EVERY_RUN = {"scanned", "lora", "gru_equinox"}
PACKAGES = {"gru_equinox": "equinox"}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.frameworks)
        for name in (*architectures.NAMES, *PARTS)
    ],
)
def test_every_layer_and_parameter_is_accounted_for(name):
    framework = name.partition(".")[2]
    package = architectures.PACKAGES[framework] if framework else PACKAGES.get(name, "flax")
    pytest.importorskip(package, reason=f"{package} is not installed")
    if name in PARTS:
        info = look_into(PARTS[name](), (8, 8, 3))
    else:
        info = look_into(architectures.make(name), (32, 32, 3))
    assert in_lines(info) == dedent(LAYERS[name]).strip().splitlines()
    assert not info.unseen
    assert not info.notes

    roles = {each.name: each.role for each in info.parameters}
    embeddings = {each for each in roles if roles[each] == "embedding"}
    weights = {each for each in roles if roles[each] == "weight"}
    # Gates that are joined into one matrix are weights, though the layer bears one name for all.
    named = {layer.parameter for layer in info.layers} | _joined(info.layers)
    assert weights == named - embeddings
    biases = {each for each in roles if roles[each] == "bias"}
    assert biases == {layer.bias for layer in info.layers if layer.bias} | SHARED_BIASES.get(name, set())
    count, pattern, _ = OTHERS.get(name, (0, "", ""))
    others = set(roles) - weights - biases
    assert len(others) == count
    assert all(re.fullmatch(pattern, each) for each in others)


def _joined(layers):
    """`cell/hi/kernel` and so on of `cell/{hi,hf}/kernel`."""
    found = set()
    for layer in layers:
        match = re.fullmatch(r"(.*)\{(.*)\}(.*)", layer.name)
        if match:
            found |= {match[1] + each + match[3] for each in match[2].split(",")}
    return found


@pytest.mark.frameworks
def test_resnet_20_has_the_parameters_that_its_authors_count():
    pytest.importorskip("flax", reason="flax is not installed")
    info = look_into(architectures.make("resnet.linen"), (32, 32, 3))
    assert sum(layer.receptive_field == 9 for layer in info.layers) + 1 == 20
    sizes = sum(math.prod(each.shape) for each in info.parameters)
    # 0.27 million in He et al. 2016, Table 6; two shortcuts of 16 x 32 and 32 x 64 and their norms add 2,752.
    assert sizes - 2752 == 269_722
