"""Makes a network ready to be looked at whose parameters somebody's own loop holds and trains."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax import Array
from pydantic import ValidationError

from xavier_cli.nn.adapters.held import HeldNetwork
from xavier_cli.nn.inspection.description import describe
from xavier_cli.nn.inspection.prepare import Prepared, check_parameters, check_program
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap
from xavier_cli.vocabulary.error_line import one_line
from xavier_cli.vocabulary.network_info import NetworkError
from xavier_cli.vocabulary.user_functions import UserFunctionError


def prepare_held(held: HeldNetwork, name: str, params: Any, state: Any, x: Array) -> Prepared:
    """The network called `name` ready to be looked at on `x`; its numbers are those of `held.numbers`.

    Raises `NetworkError`, one line that says what is wrong.
    """
    apply = answer_of(held)
    try:
        check_parameters(name, params, state)
        tapped = tap(apply, params, x, state, jax.random.key(0))
        layers = gather(tapped.layers, tapped.applications)
        check_program(name, tapped, layers, params)
        info = describe(held.network.framework, tapped, layers, params, state, [])
    except UserFunctionError as error:
        raise NetworkError(str(error)) from None
    except ValidationError as error:
        raise NetworkError(f"`{name}` cannot be described: {error.errors()[0]['msg']}") from None
    except Exception as error:
        raise NetworkError(
            f"`{name}` does not run on examples of shape {tuple(x.shape[1:])}: {one_line(error)}"
        ) from error
    return Prepared(held.network, tapped, layers, info, state)


def answer_of(held: HeldNetwork) -> Callable[[Any, Array, Any, Array], Any]:
    """The function `(params, x, state, key) -> answer`, as it is looked at."""

    def answer(params: Any, x: Array, state: Any, key: Array) -> Any:
        return held.network.apply(params, state, x, key, "look")[0]

    return answer
