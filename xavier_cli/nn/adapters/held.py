"""Adapts a network whose parameters somebody's own loop holds: as a tree, or within the module itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
from jax import Array

from xavier_cli.nn.adapters.network import UserNetwork, adapted, framework_of, without_integers
from xavier_cli.vocabulary.network_info import NetworkError

HOLDING = ("equinox", "nnx")
"""The frameworks whose modules hold their parameters."""


class HeldNetwork:
    """The network of a model, and what turns the numbers that a loop holds into those of `network`.

    **Arguments:** `model`, `(init, apply)`, a module of Flax or Equinox, or what Haiku's `transform` returns;
    `example`, inputs `(1, …)`; `params` and `state`, the first numbers, as for `numbers`.

    Raises `NetworkError`.
    """

    network: UserNetwork

    def __init__(self, model: Any, example: Array, params: Any, state: Any):
        framework = framework_of(model)
        if framework is None:
            raise NetworkError(
                f"it is {type(model).__name__}, no network: give a `torch.nn.Module`, `(init, apply)`, a "
                "module of Flax or Equinox, or what Haiku's `transform` returns"
            )
        self._room, self._model = framework.room, model
        self._held = self._parts(params, state)
        # The adapter's own `init` draws; here it hands over what is held.
        made = adapted(framework, lambda key: self._held, self._held_model(params, state), example)
        init = made.init if self._room in HOLDING else lambda key: self._held
        self.network = without_integers(UserNetwork(made.framework, init, made.apply), jax.random.key(0))

    @property
    def holds_numbers(self) -> bool:
        """Whether the model itself changes as it is trained, so that its parameters need not be given."""
        return self._room == "nnx"

    def numbers(self, params: Any, state: Any) -> tuple[Any, Any]:
        """Parameters and state as `network` takes them, from those of the loop; raises `NetworkError`.

        `params` is the tree, or the module of NNX or Equinox as it is now; `state`, what a network has beside
        them: collections of Linen, of Haiku, `eqx.nn.State`.
        """
        self._held = self._parts(params, state)
        found: tuple[Any, Any] = self.network.init(jax.random.key(0))
        return found

    def _held_model(self, params: Any, state: Any) -> Any:
        """What the adapter is given for the network."""
        return self._held if self._room in HOLDING else self._model

    def _parts(self, params: Any, state: Any) -> Any:
        if self._room == "nnx":
            return self._module_of_nnx(params)
        if self._room == "equinox":
            return self._module_of_equinox(params, state)
        if params is None:
            raise NetworkError(
                "its parameters are not known: `watch(…, params=params)` before training, and "
                "`record(update, params)`"
            )
        if self._room != "linen":
            return params, {} if state is None else state
        variables = dict(params) if isinstance(params, Mapping) else params
        if isinstance(variables, dict) and "params" in variables:
            others = {name: each for name, each in variables.items() if name != "params"}
            return variables["params"], others | dict(state or {})
        return params, dict(state or {})

    def _module_of_nnx(self, params: Any) -> Any:
        from flax import nnx

        if isinstance(params, nnx.State):
            # A module of its own: the loop's is left as it is.
            graph, own = nnx.split(self._model)
            module = nnx.merge(graph, jax.tree.map(lambda each: each, own))
            nnx.update(module, params)
            return module
        return self._model if params is None else params

    def _module_of_equinox(self, params: Any, state: Any) -> Any:
        model = self._model if params is None else params
        module, own = model if type(model) is tuple else (model, None)
        if type(self._model) is tuple:
            known = own if own is not None else self._model[1]
            return module, state if state is not None else known
        return (module, state) if state is not None else module
