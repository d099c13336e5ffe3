"""Reads data from a custom function: `(x, y)`, or a dict of what a `.npz` would hold."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.data.array_names import find_arrays
from xavier_cli.data.arrays import check_declared, from_arrays
from xavier_cli.data.sets import DataDamagedError, FiniteSet, checked
from xavier_cli.vocabulary.user_code import guarded, load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError

_EXPECTED = "a function of data takes nothing and returns (x, y), or a dict with x_train, y_train and so on"


def user_set(word: str) -> FiniteSet:
    """The set that the function returns; it is called once. Raises `UserFunctionError`."""
    return _called(load_user_function(word), word)


@cache
def _called(function: Any, word: str) -> FiniteSet:
    returned = guarded(word, function, f": {_EXPECTED}; called so, it fails")()
    if isinstance(returned, tuple) and len(returned) == 2:
        returned = dict(zip("xy", returned, strict=True))
    if not isinstance(returned, Mapping):
        raise UserFunctionError(f"`{word}`: {_EXPECTED}; it returns {type(returned).__name__}")
    # Stands where a file's path would, in what is said of the arrays.
    place = Path(word)
    try:
        names = find_arrays([name for name in returned if isinstance(name, str)], place)
        arrays = {ours: _array(word, there, returned[there]) for ours, there in names.found.items()}
        for ours, array in arrays.items():
            check_declared(place, names.found[ours], ours, array.shape, array.dtype)
        return checked(from_arrays(arrays, names, place), place)
    except (DataDamagedError, ValueError) as error:
        raise UserFunctionError(str(error)) from None


def _array(word: str, name: str, value: Any) -> np.ndarray:
    def made() -> np.ndarray:
        try:
            return np.asarray(value)
        except ValueError:
            raise UserFunctionError(f"`{word}`: {_EXPECTED}; its `{name}` is not one array") from None

    # Whose class is the user's may do anything.
    array: np.ndarray = guarded(word, made)()
    return array
