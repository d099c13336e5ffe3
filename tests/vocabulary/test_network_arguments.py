"""A wrong argument of a network's function is named, with what it should be or the default that works."""

from typing import Literal

import pytest

from xavier_cli.vocabulary.network_arguments import blaming_arguments
from xavier_cli.vocabulary.networks import bind_network, find_network
from xavier_cli.vocabulary.parameters import ParameterError
from xavier_cli.vocabulary.resolve import find_activation
from xavier_cli.vocabulary.user_code import guarded
from xavier_cli.vocabulary.user_functions import UserFunctionError


def typed(
    inputs,
    classes,
    depth: int = 2,
    rate: float = 0.5,
    on: bool = False,
    kind: Literal["a", "b"] = "a",
    width: int | None = None,
    other: "list[int] | None" = None,
):
    return depth, rate, on, kind, width, other


def untyped(inputs, classes, depth=3, kind="a", mode=None, needed="x"):
    if kind not in ("a", "b"):
        raise ValueError("kind is a or b")
    return [0] * depth


def bound(function, arguments):
    return bind_network(function, find_network(f"nets.py:net:{arguments}"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("depth=x", "`nets.py:net`: `depth` should be a whole number, not `x`"),
        ("depth=2.5", "`depth` should be a whole number, not `2.5`"),
        ("depth=true", "`depth` should be a whole number, not `true`"),
        ("rate=much", "`rate` should be a number, not `much`"),
        ("on=2", "`on` should be true or false, not `2`"),
        ("kind=c", "`kind` should be `a` or `b`, not `c`"),
        ("depth=3,width=wide", "`width` should be a whole number, not `wide`"),
    ],
)
def test_an_argument_of_another_type_than_is_written_down_is_refused(arguments, said):
    with pytest.raises(UserFunctionError) as caught:
        bound(typed, arguments)
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize("arguments", ["depth=4,rate=1,on=true,kind=b,width=8", "rate=.5", "other=x"])
def test_arguments_of_the_right_type_are_taken(arguments):
    assert bound(typed, arguments)(inputs=(2,), classes=2)


@pytest.mark.parametrize("arguments", ["depth=x", "mode=1.5", "kind=5"])
def test_without_types_nothing_is_refused_before_it_fails(arguments):
    assert bound(untyped, arguments)


def run(maker):
    return guarded("nets.py:net:k=v", maker)(inputs=(2,), classes=2)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("depth=x,mode=1", "`nets.py:net`: `depth` should be a whole number, like its default `3`, not `x`"),
        (
            "kind=z",
            "`nets.py:net` with `kind=z` fails: ValueError: kind is a or b; with its default `a` it runs",
        ),
        # Two are wrong: neither alone is to blame.
        ("depth=x,kind=z", "`nets.py:net:k=v` fails: ValueError: kind is a or b"),
    ],
)
def test_the_argument_without_which_it_runs_is_blamed(arguments, said):
    with pytest.raises(UserFunctionError) as caught:
        blaming_arguments(bound(untyped, arguments), "nets.py:net:k=v", run)
    assert str(caught.value) == said


def test_what_fails_with_all_defaults_too_is_told_as_it_is():
    def broken(inputs, classes, depth=3):
        raise RuntimeError("no")

    with pytest.raises(UserFunctionError) as caught:
        blaming_arguments(bound(broken, "depth=4"), "nets.py:net:k=v", run)
    assert str(caught.value) == "`nets.py:net:k=v` fails: RuntimeError: no"


def test_what_runs_is_called_once():
    calls = []
    blaming_arguments(bound(untyped, "depth=4"), "w", lambda maker: calls.append(maker))
    assert len(calls) == 1


@pytest.mark.parametrize("word", ["f.py:act:slope=x", "package.mine:act:slope=.2"])
def test_functions_of_other_kinds_take_no_parameters_and_say_so(word):
    with pytest.raises((UserFunctionError, ParameterError)) as caught:
        find_activation(word)
    place = word.partition(":")[0]
    assert str(caught.value).startswith(f"`{place}:act` takes no parameters here: ")
    assert "functools.partial(act, …)" in str(caught.value)
    assert "which function of that file" not in str(caught.value)
