"""Parses the values of settings: lists, ranges and grids in text. Does not check the values."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)

MAX_SEEDS = 100_000
STANDARDIZE = "standardize"
EXAMPLE_GRID = "1e-3:1e-1:5:log"
"""Five rates from 0.001 to 0.1, evenly in their logarithms."""
_MOST_DIGITS, _MOST_BITS = 40, 1024


def whole(value: object) -> object:
    """A whole number from text or a float; text may be `10000`, `10_000`, `10,000` or `1e4`.

    Values of other types are returned unchanged. Raises `ValueError`.
    """
    if isinstance(value, bool):
        raise ValueError("should be a whole number")
    if isinstance(value, str):
        text = value.strip()
        if re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+", text):
            text = text.replace(",", "")
        return _whole(text)
    if isinstance(value, float):
        return _of_float(value, f"`{value:g}`")
    if isinstance(value, int) and value.bit_length() > _MOST_BITS:
        # Python refuses to print such a number, so that the message cannot show it.
        raise ValueError("has too many digits")
    return value


def number(value: object) -> object:
    """A number from text; true and false are refused. Raises `ValueError`."""
    if isinstance(value, bool):
        raise ValueError("should be a number")
    return _number(value) if isinstance(value, str) else value


def items(text: str) -> list[str]:
    """The values of a list with commas between them; raises `ValueError` where one is empty."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ValueError(f"`{_shown(text)}` has a comma with no value beside it")
    return parts


def distinct(values: Sequence[Key]) -> Sequence[Key]:
    """`values`; raises `ValueError` where one stands twice in them."""
    if len({*values}) < len(values):
        raise ValueError(f"`{_shown(str(Counter(values).most_common(1)[0][0]))}` is given twice")
    return values


def whole_numbers(text: str) -> Sequence[int]:
    """Different whole numbers from `100,300,1000`; raises `ValueError`."""
    _refuse_thousands(text)
    return distinct([_whole(part) for part in items(text)])


def parse_seeds(value: object) -> object:
    """Seeds from `5` (a count), `0,3,7` or `3,` (a list) or `0:10` (a range without its end)."""
    if isinstance(value, str):
        text = value.strip()
        _refuse_thousands(text)
        if "," in text:
            # A comma behind a single seed tells it from a count.
            return tuple(map(_whole, items(text[:-1] if text.find(",") == len(text) - 1 > 0 else text)))
        if ":" in text:
            first, last = (_whole(part) for part in _split(text, ":", 2, "0:10"))
            at_most(last - first, MAX_SEEDS, "seeds")
            return tuple(range(first, last))
        value = _whole(text)
    if isinstance(value, float):
        value = whole(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise ValueError("a count of seeds should be at least 1; `0:1` is seed 0 alone")
        at_most(value, MAX_SEEDS, "seeds")
        return tuple(range(value))
    return value


def parse_widths(value: object) -> object:
    """Units per hidden layer from `300`, or one number for each layer, `400,300,200`."""
    if isinstance(value, str):
        _refuse_thousands(value)
        if not value.strip():
            raise ValueError("should be a whole number, or one for each layer")
        widths = tuple(map(_whole, items(value)))
        value = widths[0] if len(widths) == 1 else widths
    return tuple(map(whole, value)) if isinstance(value, list | tuple) else value


def parse_rates(value: object) -> object:
    """Learning rates from `0.03`, a list `0.01,0.1`, or a grid `a:b:n` or `a:b:n:log`."""
    if isinstance(value, str):
        if ":" in value:
            return _grid(value)
        _refuse_thousands(value)
        rates = tuple(map(_number, items(value))) if value.strip() else ()
        value = rates[0] if len(rates) == 1 else rates
    if isinstance(value, list | tuple):
        return tuple(sorted(value)) if all(isinstance(rate, int | float) for rate in value) else value
    return value


def parse_range(value: object) -> object:
    """The numbers of a range `a:b:n` or `a:b:n:log` as a list; other values unchanged."""
    if not isinstance(value, str) or not re.fullmatch(r"[^:]+:[^:]+:[^:]+(:log)?", value.strip()):
        return value
    return [int(each) if each.is_integer() else each for each in _grid(value.strip())]


def parse_coding(value: object) -> object:
    """A coding from `-1,1`, the values of a black and a white pixel, or `standardize`."""
    if isinstance(value, str) and value.strip() == STANDARDIZE:
        return STANDARDIZE
    if isinstance(value, str):
        if not re.search(r"\d", value) and "," not in value:
            near = difflib.get_close_matches(value.strip().lower(), [STANDARDIZE], n=1)
            meant = f": did you mean `{STANDARDIZE}`?" if near else ""
            raise ValueError(f"should be two numbers, like -1,1, or {STANDARDIZE}{meant}")
        return tuple(_number(part) for part in _split(value, ",", 2, "-1,1"))
    # Checked here, since pydantic would report only the last of the accepted types.
    if not (isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_number, value))):
        raise ValueError(f"should be two numbers, like -1,1, or {STANDARDIZE}")
    return tuple(value)


def parse_gain(value: object) -> object:
    """A gain from `paper`, `auto` or a number; a gain of 1 is the paper's."""
    if isinstance(value, str) and value not in ("paper", "auto"):
        try:
            value = float(value)
        except ValueError:
            raise ValueError("should be paper, auto or a number above 0") from None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError("should be paper, auto or a number above 0")
    if not isinstance(value, str) and not 0 < value <= 1e6:
        raise ValueError("should be a number above 0 and at most 1e6, or paper or auto")
    return "paper" if value == 1 else value


def _refuse_thousands(text: str) -> None:
    """Raise `ValueError` where commas group digits, as other settings accept, in text that is a list here.

    Nobody writes `000` or `050` in a list; `1,200` is read as two numbers.
    """
    if re.fullmatch(r"\s*[+-]?\d{1,3}(,\d{3})+\s*", text) and ",0" in text:
        plain = text.strip().replace(",", "")
        raise ValueError(f"`{_shown(text)}`: commas stand between values here; write `{_shown(plain)}`")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _split(text: str, separator: str, parts: int, example: str) -> list[str]:
    pieces = text.strip("[]() ").split(separator)
    if len(pieces) != parts:
        raise ValueError(f"should be {parts} numbers with `{separator}` between them, like {example}")
    return pieces


def _whole(text: str) -> int:
    shown = _shown(text)
    if re.fullmatch(r"\s*[+-]?\d[\d_]*\s*", text):
        if len(text) > _MOST_DIGITS:
            raise ValueError(f"`{shown}` has too many digits")
        with suppress(ValueError):
            return int(text)
    # Only text with an exponent or a point is a float: `nan` and `inf` are not numbers here.
    with suppress(ValueError):
        if re.search(r"\d[eE.]", text):
            return _of_float(float(text), f"`{shown}`")
    raise ValueError(f"`{shown}` is not a whole number")


def _of_float(value: float, called: str) -> int:
    if not value.is_integer():
        raise ValueError(f"{called} is not a whole number")
    return int(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"`{_shown(text)}` is not a number") from None


def _shown(text: str) -> str:
    short = " ".join(text.split())
    return short if len(short) <= _MOST_DIGITS else f"{short[:_MOST_DIGITS]}…"


def at_most(count: int, limit: int, what: str) -> None:
    """Raise `ValueError` where `count` is over `limit`."""
    if count > limit:
        raise ValueError(f"should be at most {limit} {what}")


def _grid(text: str) -> tuple[float, ...]:
    logarithmic = text.endswith(":log")
    low, high, count = _split(text.removesuffix(":log"), ":", 3, EXAMPLE_GRID)
    start, stop, n = _number(low), _number(high), _whole(count)
    if n < 2 or n > 1000:
        raise ValueError("a grid should have 2 to 1000 points")
    if not logarithmic:
        return tuple(start + (stop - start) * i / (n - 1) for i in range(n))
    if start <= 0 or stop <= 0:
        raise ValueError("a logarithmic grid should be above 0")
    # Twelve digits, so that 0.01:1:3:log holds 0.1 and not 0.10000000000000002.
    return tuple(float(f"{start * (stop / start) ** (i / (n - 1)):.12g}") for i in range(n))


class RecordSchedule(NamedTuple):
    """When a network is measured: `number` times, evenly or in `log` updates, or `every` so many updates."""

    kind: str
    """Empty, `log` or `every`."""
    number: int


class RateSchedule(NamedTuple):
    """The learning rate over the updates: the length of the warm-up, and the shape after it."""

    warmup: int
    shape: str
    """`constant`, `cosine` or `linear`."""


def parse_schedule(text: str) -> RecordSchedule:
    """The schedule of records from `20`, `log:20` or `every:500`."""
    kind, colon, count = text.strip().rpartition(":")
    if colon and kind not in ("log", "every"):
        raise ValueError("should be like 20, log:20 or every:500")
    return RecordSchedule(kind, _counted(count, "should be like 20, log:20 or every:500"))


# More digits nobody types.
_TYPED_DIGITS = 10


def write_value(value: float | str) -> str:
    """The shortest text that is read as the same number."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if float(f"{value:g}") == value else repr(float(value))


def show_value(value: float) -> str:
    """A setting as people read it: exactly, but for a number computed of a range, which has six digits."""
    exact = write_value(value)
    return exact if sum(letter.isdigit() for letter in exact.lstrip("-0.")) <= _TYPED_DIGITS else f"{value:g}"


def in_thousands(number: float) -> str:
    """`number` of updates (or examples) as a tick label: `500`, `20k`, `2.5M`."""
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(number) >= unit:
            return f"{number / unit:g}{name}"
    return f"{number:g}"


def parse_layers(
    text: str, places: Sequence[str], is_parameter: Callable[[str, str], bool] | None = None
) -> tuple[str, dict[str, str]]:
    """The values for all layers and for single ones in `all`, `all,PLACE=word` or `all;PLACE=word`.

    A place is a layer's number or one of `places`. Commas also separate the parameters of a name: `key=value`
    belongs to the name before it, unless the key is a place. With `is_parameter(word, key)` a place may be
    any layer's path or a pattern of paths, `blocks/*/mlp/*`: what is behind a semicolon, or behind a comma
    and no parameter of the word before it.
    """
    every, single = "", dict[str, str]()
    last: str | None = None
    for sign, part in _split_outside(text, ";,"):
        (_, key), *rest = _split_outside(part, "=")
        key = key.strip()
        may_be_place = bool(rest and key) and len(_split_outside(key, ":")) == 1
        before = every if last is None else single[last]
        is_number = re.fullmatch(r"[0-9]{1,5}", key) is not None
        is_place = may_be_place and (is_number or key in places)
        if may_be_place and is_parameter is not None:
            is_place = is_place or sign == ";" or not is_parameter(before, key)
        if is_place:
            last = str(int(key)) if is_number else key
            if last in single:
                raise ValueError(f"`{text}` names `{last}` twice")
            single[last] = "=".join(text for _, text in rest).strip()
        elif may_be_place and ":" not in before and is_parameter is None:
            raise ValueError(f"`{key}` is no layer: {', '.join(places)}, or a number from 1")
        elif last is not None:
            single[last] += "," + part.strip()
        else:
            every += "," * bool(every) + part.strip()
    return every, single


def _split_outside(text: str, signs: str) -> list[tuple[str, str]]:
    """The parts of `text` between any of `signs`, each behind the sign before it; the first behind none.

    A layer's path may hold `[0:64, 2]` or `{q,k}`, whose signs separate nothing.
    """
    parts, sign, start, depth = [], "", 0, 0
    for at, each in enumerate(text):
        depth = max(depth + (each in "[{") - (each in "]}"), 0)
        if each in signs and not depth:
            parts.append((sign, text[start:at]))
            sign, start = each, at + 1
    return [*parts, (sign, text[start:])]


def parse_rate_schedule(text: str) -> RateSchedule:
    """The schedule of the learning rate from `cosine`, `warmup:100` or `warmup:100,linear`."""
    shape = "(constant|cosine|linear)"
    wrong = "should be constant, cosine, linear, warmup:N or warmup:N,cosine"
    match = re.fullmatch(rf"warmup:([^,:]+)(?:,{shape})?|{shape}", "".join(text.split()))
    if not match:
        raise ValueError(wrong)
    warmup = _counted(match[1], wrong) if match[1] else 0
    return RateSchedule(warmup, match[2] or match[3] or "constant")


def _counted(text: str, wrong: str) -> int:
    """The count in `text`, of at most ten digits; raises `ValueError` with the message `wrong`."""
    try:
        count = _whole(text)
    except ValueError:
        raise ValueError(wrong) from None
    if not 0 <= count < 10**10 or "-" in text.lower().partition("e")[0]:
        raise ValueError(wrong)
    return count
