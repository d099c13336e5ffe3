"""Tests that parameters are read and written in the same way for all kinds of names."""

from __future__ import annotations

import pytest

from xavier_cli.vocabulary.entry import Parameter
from xavier_cli.vocabulary.lookup import ACTIVATIONS, INITIALIZERS, PRETRAININGS
from xavier_cli.vocabulary.optimizers import OPTIMIZERS
from xavier_cli.vocabulary.parameters import (
    ParameterError,
    changed,
    read_name,
    read_pairs,
    read_parameters,
    write_word,
)

ROWS = {
    row.name: row.parameters
    for table in (ACTIVATIONS, INITIALIZERS, PRETRAININGS)
    for row in table.values()
    if row.parameters
} | {row.name: row.rows for row in OPTIMIZERS.values() if row.rows}


def other(parameter: Parameter):
    """A value that is allowed and not the usual one."""
    if isinstance(parameter.default, bool):
        return not parameter.default
    if parameter.choices:
        return next(each for each in parameter.choices if each != parameter.default)
    return next(v for v in (2.0, 0.123456789, 1e-12) if parameter.admits(v) and v != parameter.default)


@pytest.mark.parametrize("name", ROWS)
def test_what_is_written_is_read_as_the_same_values(name):
    values = {each.name: other(each) for each in ROWS[name]}

    text = write_word(name, values)

    assert read_name(text) == name
    assert read_parameters(name, ROWS[name], read_pairs(text)) == values
    assert changed(values, ROWS[name]) == values


@pytest.mark.parametrize("name", ROWS)
def test_defaults_are_within_their_own_bounds_and_left_out(name):
    usual = {each.name: each.default for each in ROWS[name]}

    assert read_parameters(name, ROWS[name], read_pairs(write_word(name, usual))) == usual
    assert write_word(name, changed(usual, ROWS[name])) == name


@pytest.mark.parametrize("name", ROWS)
def test_what_no_table_has_is_refused_in_one_line_that_names_it(name):
    for text in (f"{name}:nowhere=1", f"{name}:{ROWS[name][0].name}=?"):
        with pytest.raises(ParameterError) as caught:
            read_parameters(name, ROWS[name], read_pairs(text))
        assert text.partition(":")[2].partition("=")[0] in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ROWS)
def test_what_is_no_pair_or_set_twice_is_a_wrong_parameter_too(name):
    key = ROWS[name][0].name
    for values in ("", ",", "0.2", f"{key}=", "=1", f"{key}=1,{key}=1"):
        with pytest.raises(ParameterError, match=f"`{name}:{values}`"):
            list(read_pairs(f"{name}:{values}"))
