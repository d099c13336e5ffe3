"""Tries out custom activations and initializers before anything is compiled.

As training calls them: with gradients, under `jit`, `vmap` and `scan`, in single precision; and as theory
does, in double. The result is the function, wrapped so that whatever it raises later becomes a one-line
error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn.initializers import Initializer

from xavier_cli.nn.programs.program import holds
from xavier_cli.sanitize import said
from xavier_cli.vocabulary.error_line import one_line
from xavier_cli.vocabulary.process_state import SettingsChangedError, kept_state
from xavier_cli.vocabulary.user_code import changes_settings, guarded, load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError

Activation = Callable[[Array], Array]

# Where an activation is tried: also at 0, and where an exponential would overflow.
_TRIED = np.concatenate([np.linspace(-12.0, 12.0, 193), [-100.0, 100.0, 1e-6]]).astype(np.float32)
SMALL = (6, 4)
"""The shape at which a function is tried where nobody knows the layers it is for."""

_ACTIVATION = "an activation takes an array of any shape and maps each number of it, in the same dtype"
_INITIALIZER = "an initializer takes (key, shape, dtype) and returns an array of that shape and dtype"
_Tried = TypeVar("_Tried")


class OnceForEach(Generic[_Tried]):
    """`tried(function, *more)`, done once for one function, which need not be hashable."""

    def __init__(self, tried: Callable[..., _Tried]):
        self._tried = tried
        self._known: dict[tuple[Any, ...], tuple[Any, _Tried]] = {}

    def __call__(self, function: Any, *more: Any) -> _Tried:
        """What `tried` returned for these arguments."""
        key = (id(function), *more)
        if key not in self._known:
            # With the function itself, so that its id stays its own.
            self._known[key] = function, self._tried(function, *more)
        return self._known[key][1]

    def cache_clear(self) -> None:
        """Forget all that was tried, as `functools.cache` does."""
        self._known.clear()


def user_activation(word: str) -> Activation:
    """The activation that `word` names, tried out; raises `UserFunctionError`."""
    return _tried_activation(load_user_function(word), word)


def user_initializer(word: str, shapes: Iterable[tuple[int, ...]] = (SMALL,)) -> Initializer:
    """The initializer that `word` names, tried out at `shapes`; raises `UserFunctionError`."""
    function = load_user_function(word)
    for shape in sorted({*shapes}):
        _tried_initializer(function, word, shape)
    return _guarded_initializer(function, word)


def ignores_its_key(word: str, shape: tuple[int, ...]) -> bool:
    """Whether the initializer that `word` names draws the same weights whatever the key."""
    return not _tried_initializer(load_user_function(word), word, shape).differs


def draws_a_constant(word: str, shape: tuple[int, ...]) -> bool:
    """Whether all weights that it draws are the same number, as of a bias or an output that starts at 0."""
    return _tried_initializer(load_user_function(word), word, shape).is_constant


@OnceForEach
def _tried_activation(function: Activation, word: str) -> Activation:
    _refuse_class(function, word)
    for shape in (SMALL, ()):
        _same(word, _ACTIVATION, traced(word, _ACTIVATION, function, jnp.zeros(shape)), shape)
    s = jnp.asarray(_TRIED)
    # Theory asks in double precision, which JAX hands to no Python.
    refuse_callbacks(word, run(word, lambda: jax.make_jaxpr(function)(s)))

    def ahead(s: Array) -> tuple[Array, Array]:
        value, slope = jax.jvp(function, (s,), (jnp.ones_like(s),))
        return value, slope

    def forwards() -> tuple[Array, Array]:
        try:
            return jax.jit(ahead)(s)
        except TypeError as error:
            if "custom_vjp" not in said(error):
                raise
            raise UserFunctionError(
                f"`{word}`: its slope is taken forwards too, as records and Jacobians are: give its rule by "
                "`jax.custom_jvp`, not `jax.custom_vjp`"
            ) from None

    value, slope = (np.asarray(each) for each in run(word, forwards))
    for what, array in (("value", value), ("slope", slope)):
        _finite(word, what, array)
    alone, back = (np.asarray(each) for each in run(word, lambda: _as_in_training(function, s)))
    if not np.isfinite(back).all():
        at = _TRIED[~np.isfinite(back)][0]
        raise UserFunctionError(
            f"`{word}`: its gradient at {at:g} is not finite, taken backwards as in training; `jnp.where` "
            "passes on the NaN of the branch it does not take: give that branch a safe input"
        )
    again = run(word, lambda: _as_in_training(function, s))
    if not all(map(np.array_equal, (alone, back), again)):
        raise UserFunctionError(f"`{word}`: called again with the same numbers, it returns others")
    if not np.allclose(value, alone, rtol=1e-4, atol=1e-5):
        at = _TRIED[~np.isclose(value, alone, rtol=1e-4, atol=1e-5)][0]
        raise UserFunctionError(
            f"`{word}`: its value at {at:g} depends on the rest of the array, not on it alone"
        )
    if not np.allclose(slope, back, rtol=1e-3, atol=1e-4):
        at = _TRIED[~np.isclose(slope, back, rtol=1e-3, atol=1e-4)][0]
        raise UserFunctionError(f"`{word}`: its gradient at {at:g} is another one backwards than forwards")
    if not slope.any():
        raise UserFunctionError(f"`{word}`: its slope is 0 everywhere, so nothing could be learnt through it")
    _try_in_double_precision(function, word)
    return _guarded_activation(function, word)


def _as_in_training(function: Activation, s: Array) -> tuple[Array, Array]:
    """Value and slope at each of `s`: backwards, one after another and as one of several members.

    In the other order, so that what depends on its place is noticed; traced anew at each call.
    """

    def member(rows: Array) -> tuple[Array, Array]:
        def update(carry: Array, row: Array) -> tuple[Array, tuple[Array, Array]]:
            value, back = jax.vjp(function, row)
            return carry, (value, back(jnp.ones_like(value))[0])

        return jax.lax.scan(update, jnp.float32(0), rows)[1]

    value, slope = jax.jit(jax.vmap(member))(s[::-1, None][None])
    return value[0, ::-1, 0], slope[0, ::-1, 0]


def _try_in_double_precision(function: Activation, word: str) -> None:
    with jax.enable_x64(True):
        numbers = np.asarray(_TRIED, np.float64)

        def each() -> tuple[Array, Array]:
            value, slope = jax.jit(jax.vmap(jax.value_and_grad(lambda s: function(s).astype(s.dtype))))(
                numbers
            )
            return value, slope

        for what, array in zip(("value", "slope"), run(word, each), strict=True):
            _finite(word, f"{what} in double precision", np.asarray(array))


def _finite(word: str, what: str, array: np.ndarray) -> None:
    if not np.isfinite(array).all():
        raise UserFunctionError(f"`{word}`: its {what} at {_TRIED[~np.isfinite(array)][0]:g} is not finite")


def _guarded_activation(function: Activation, word: str) -> Activation:
    call = guarded(word, function)

    def activation(s: Array) -> Array:
        z = call(s)
        # In double precision a function may have a precision of its own.
        wanted = None if s.dtype == jnp.float64 else s.dtype
        _check_returned(word, _ACTIVATION, z, s.shape, wanted)
        return z

    return activation


class _Drawn:
    """What an initializer did when it was tried: draws for two keys."""

    def __init__(self, one: np.ndarray, other: np.ndarray):
        self.differs = not np.array_equal(one, other)
        self.is_constant = bool(np.all(one == one.ravel()[:1])) and not self.differs


@OnceForEach
def _tried_initializer(function: Initializer, word: str, shape: tuple[int, ...]) -> _Drawn:
    _refuse_class(function, word)

    def draw(key: Array) -> Array:
        return function(key, shape, jnp.float32)

    def drawn(seed: int) -> np.ndarray:
        # As in training, where a layer's like are drawn in a loop; a new function, so that it is traced anew.
        loop = jax.jit(lambda keys: jax.lax.map(lambda key: draw(key), keys))
        return np.asarray(run(word, lambda: loop(jax.random.key(seed)[None]))[0])

    _same(word, _INITIALIZER, traced(word, _INITIALIZER, draw, jax.random.key(0)), shape)
    refuse_callbacks(word, run(word, lambda: jax.make_jaxpr(draw)(jax.random.key(0))))
    first, again, other = drawn(0), drawn(0), drawn(1)
    if not np.isfinite(first).all():
        raise UserFunctionError(f"`{word}`: it draws weights that are not finite")
    if not np.array_equal(first, again):
        raise UserFunctionError(
            f"`{word}`: it draws other weights each time it is called with the same key; draw from the key, "
            "as `jax.random` does"
        )
    return _Drawn(first, other)


@OnceForEach
def _guarded_initializer(function: Initializer, word: str) -> Initializer:
    call = guarded(word, function)

    def initializer(key: Array, shape: Any, dtype: Any = jnp.float32, out_sharding: Any = None) -> Array:
        weights = call(key, shape, dtype)
        _check_returned(word, _INITIALIZER, weights, tuple(shape), dtype)
        return weights

    return initializer


def refuse_callbacks(word: str, jaxpr: Any) -> None:
    """Raise `UserFunctionError` where what was traced hands numbers to Python."""
    if holds(jaxpr.jaxpr, frozenset({"pure_callback", "io_callback"})):
        raise UserFunctionError(f"`{word}` is not made of JAX's functions alone: it calls Python back")


def traced(word: str, expected: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The shapes of what `function` would return, not computed. Raises `UserFunctionError`: `expected`."""

    def called(*arguments: Any) -> Any:
        returned = function(*arguments)
        if callable(returned):
            raise UserFunctionError(f"`{word}`: {expected}; it returns a function: {_call_it(word)}")
        return returned

    try:
        with kept_state():
            return jax.eval_shape(called, *arguments)
    except (KeyboardInterrupt, UserFunctionError):
        raise
    except SettingsChangedError as error:
        raise UserFunctionError(changes_settings(word, error)) from None
    except jax.errors.JAXTypeError as error:
        raise UserFunctionError(f"`{word}` is not made of JAX's functions alone: {one_line(error)}") from None
    except BaseException as error:
        raise UserFunctionError(f"`{word}`: {expected}; called so, it fails: {one_line(error)}") from None


def _refuse_class(function: Any, word: str) -> None:
    if isinstance(function, type):
        raise UserFunctionError(f"`{word}` is a class, not a function: {_call_it(word)}")


def _call_it(word: str) -> str:
    place, _, name = word.rpartition(":")
    return f"call it in the file, `mine = {name}()`, and name `{place}:mine`"


def _same(word: str, expected: str, got: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(got, jax.ShapeDtypeStruct):
        raise UserFunctionError(f"`{word}`: {expected}; it returns {type(got).__name__}")
    _check_returned(word, expected, got, shape, jnp.float32)


def _check_returned(word: str, expected: str, got: Any, shape: tuple[int, ...], dtype: Any) -> None:
    if not hasattr(got, "shape") or not hasattr(got, "dtype"):
        raise UserFunctionError(f"`{word}`: {expected}; it returns {type(got).__name__}")
    if got.shape != shape or dtype not in (None, got.dtype):
        wanted = "" if dtype is None else f" {jnp.dtype(dtype).name}"
        raise UserFunctionError(
            f"`{word}`: {expected}; for {shape}{wanted} it returns {got.shape} {got.dtype}"
        )


def run(word: str, compute: Callable[[], Any]) -> Any:
    """What `compute` returns; raises `UserFunctionError` where it fails."""
    return guarded(word, compute)()
