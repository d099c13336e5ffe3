"""Maps the colours of figures to a dark page, with the same hue and inverted lightness."""

from __future__ import annotations

import re

import numpy as np

_IN_STYLE = re.compile(r"((?:fill|stroke|color|stop-color): )#([0-9a-f]{6})")
# OKLab by Björn Ottosson, a perceptually uniform space: linear sRGB -> cones, their cube roots -> L, a, b.
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
# White becomes almost the dark page, black almost white; colours must contrast with the page.
_GREY, _COLOURED = (0.99, 0.76), (0.93, 0.42)
_COLOURLESS = 0.02


def variables(svg: str, used: set[str]) -> str:
    """`svg` with each colour replaced by a variable such as `var(--c-0072b2)`; adds the colours to `used`."""

    def named(match: re.Match[str]) -> str:
        used.add(match[2])
        return f"{match[1]}var(--c-{match[2]})"

    return _IN_STYLE.sub(named, svg)


def light_values(used: set[str]) -> str:
    """The variables on a light page: the original colours."""
    return "".join(f"--c-{name}:#{name};" for name in sorted(used))


def dark_values(used: set[str]) -> str:
    """The variables on a dark page."""
    return "".join(f"--c-{name}:{on_dark(name)};" for name in sorted(used))


def on_dark(colour: str) -> str:
    """The counterpart of `colour`, six hexadecimal digits, on a dark page, with `#`."""
    lab = _LAB @ np.cbrt(_CONES @ linear(colour))
    top, slope = _GREY if np.hypot(*lab[1:]) < _COLOURLESS else _COLOURED
    lab[0] = top - slope * lab[0]
    rgb = np.linalg.solve(_CONES, np.linalg.solve(_LAB, lab) ** 3)
    # Clip colours outside the gamut.
    rgb = np.clip(rgb, 0, 1)
    srgb = np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(part)):02x}" for part in srgb)


def linear(colour: str) -> np.ndarray:
    """Linear red, green and blue of `colour`, from 0 to 1."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) / 255
    return np.asarray(np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4))
