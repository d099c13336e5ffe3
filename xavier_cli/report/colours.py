"""The colours of figures on a dark page: as light there as they are dark on white, hue for hue."""

from __future__ import annotations

import re

import numpy as np

_IN_STYLE = re.compile(r"((?:fill|stroke|color|stop-color): )#([0-9a-f]{6})")
# Björn Ottosson's OKLab, in which equal steps look equal: linear sRGB -> cones, their cube roots -> L, a, b.
_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
# White becomes nearly the dark page, black nearly white; what has a colour has to be told from the page.
_GREY, _COLOURED = (0.99, 0.76), (0.93, 0.42)
_COLOURLESS = 0.02


def variables(svg: str, used: set[str]) -> str:
    """`svg` with a variable, `var(--c-0072b2)`, for each colour, which are added to `used`."""

    def named(match: re.Match[str]) -> str:
        used.add(match[2])
        return f"{match[1]}var(--c-{match[2]})"

    return _IN_STYLE.sub(named, svg)


def light_values(used: set[str]) -> str:
    """What the variables are on white paper: the colours themselves."""
    return "".join(f"--c-{name}:#{name};" for name in sorted(used))


def dark_values(used: set[str]) -> str:
    """What the variables are on a dark page."""
    return "".join(f"--c-{name}:{on_dark(name)};" for name in sorted(used))


def on_dark(colour: str) -> str:
    """The counterpart of `colour`, six hexadecimal digits, on a dark page, with `#`."""
    lab = _LAB @ np.cbrt(_CONES @ linear(colour))
    top, slope = _GREY if np.hypot(*lab[1:]) < _COLOURLESS else _COLOURED
    lab[0] = top - slope * lab[0]
    rgb = np.linalg.solve(_CONES, np.linalg.solve(_LAB, lab) ** 3)
    # What no screen can show is cut to what it can.
    rgb = np.clip(rgb, 0, 1)
    srgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in srgb)


def linear(colour: str) -> np.ndarray:
    """Red, green and blue of `colour` in proportion to their light, 0 to 1."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))
