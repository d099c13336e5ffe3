"""Names of networks, and the functions that make them."""

from __future__ import annotations

import pytest

from xavier_cli.vocabulary.networks import MLP, find_network, load_network
from xavier_cli.vocabulary.user_functions import UserFunctionError


def test_a_name_has_its_values_in_order_and_typed():
    found = find_network("nets.py:resnet:norm=group,depth=20,rate=1e-3,wide=true")
    assert found.name == "nets.py:resnet:depth=20,norm=group,rate=0.001,wide=true"
    assert dict(found.arguments) == {"depth": 20, "norm": "group", "rate": 0.001, "wide": True}
    assert found.short == "resnet:depth=20,norm=group,rate=0.001,wide=true"
    assert find_network(found.name) == found
    assert not find_network(" MLP ").is_users
    assert find_network(MLP).short == MLP


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("resnet", "unknown network `resnet`"),
        ("nets.py", "`nets.py:FUNCTION`"),
        ("nets.py:resnet:20", "unknown network"),
        ("nets.py:resnet:key=3", "`key` of"),
        ("nets.py:resnet:depth=1,depth=2", "twice"),
        ("nets.py:resnet:2d=3", "is no name of a parameter"),
        ("a b:c d", "unknown network"),
    ],
)
def test_what_is_no_network_is_refused(word, told):
    with pytest.raises(ValueError, match=told):
        find_network(word)


SOURCE = """
def plain(inputs, classes): return inputs, classes
def deep(inputs, classes, key, depth=3): return depth, key
def acting(inputs, act): return act
def lacking(inputs, width): return width
def positional(inputs, /): return inputs
def anything(**given): return given
number = 3
"""


@pytest.fixture
def made(tmp_path):
    (tmp_path / "nets.py").write_text(SOURCE)
    return lambda name, **given: load_network(find_network(f"{tmp_path}/nets.py:{name}"), **given)


def test_a_function_is_given_what_it_has_parameters_for(made):
    assert made("plain")(inputs=(2,), classes=3, key=0) == ((2,), 3)
    assert made("deep:depth=7")(inputs=(2,), classes=3, key="k") == (7, "k")
    assert made("acting", act="tanh")(inputs=(2,), classes=3) == "tanh"
    assert made("anything:depth=2")(inputs=(2,)) == {"depth": 2}


@pytest.mark.parametrize(
    ("name", "given", "told"),
    [
        ("plain:depth=3", {}, "it has no parameter `depth`"),
        ("deep:dpeth=3", {}, "did you mean `depth`"),
        ("plain", {"act": "tanh"}, "`--act` changes nothing"),
        ("acting", {}, "choose one by `--act`"),
        ("lacking", {}, "lacking:width=VALUE"),
        ("positional", {}, "by position alone"),
        ("number", {}, "is int, not a function"),
        ("nothing", {}, "unknown function"),
    ],
)
def test_what_a_function_lacks_is_said(made, name, given, told):
    with pytest.raises(UserFunctionError, match=told):
        made(name, **given)
