"""Renders a figure as inline SVG for a page: text as text, unique ids, caption apart."""

from __future__ import annotations

import io
import re
from collections import Counter
from dataclasses import dataclass

import matplotlib
from matplotlib.transforms import Bbox

from xavier_cli.figures.canvas import Drawing
from xavier_cli.figures.style import SERIES, look
from xavier_cli.figures.typesetting import caption_height

_PROLOGUE = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>", re.DOTALL)
_FONTS = re.compile(r"'DejaVu Sans'[^\";]*sans-serif")
_USED = re.compile(r"(?:href=\"#|url\(#)([^\")]+)")
_ID = re.compile(r"((?<![\w:])id=\"|href=\"#|url\(#)([^\")]+)")
_SIZE = re.compile(r"(<svg[^>]*?) width=\"[^\"]*\" height=\"[^\"]*\"")


@dataclass(frozen=True)
class Inline:
    """An `<svg>` element that fills the width of its parent, and its caption."""

    svg: str
    caption: str


def inline_svg(drawing: Drawing, prefix: str) -> Inline:
    """`drawing` as inline SVG; all its ids begin with `prefix`, which must be unique in the page.

    What belongs to line N has ids that begin with `PREFIX-series-N-`, as `Style.part_id` says.

    The output is deterministic. The page must set `stroke-linejoin: round; stroke-linecap: butt` for it.
    """
    figure = drawing.figure
    captions = [text for text in figure.texts if text.get_gid() == "caption"]
    width, height = figure.get_size_inches()
    below = sum(caption_height(text.get_text()) for text in captions)
    for text in captions:
        text.set_visible(False)
    content = io.StringIO()
    # Cut off only the space of the caption.
    kept = Bbox.from_extents(0, below, width, height)
    with look(), matplotlib.rc_context({"svg.fonttype": "none"}):
        figure.savefig(
            content,
            format="svg",
            metadata={"Date": None},
            transparent=True,
            bbox_inches=kept,
            pad_inches=0,
        )
    for text in captions:
        text.set_visible(True)
    return Inline(_tidied(content.getvalue(), prefix), " ".join(drawing.caption.split()))


def _tidied(svg: str, prefix: str) -> str:
    svg = _FONTS.sub("DejaVu Sans, sans-serif", _PROLOGUE.sub("", svg))
    svg = _SIZE.sub(r"\1", svg, count=1)
    used = set(_USED.findall(svg))
    drawn: Counter[str] = Counter()

    def own(match: re.Match[str]) -> str:
        begin, name = match.groups()
        if name.startswith(SERIES):
            # A series has parts of one kind in several panels: `curves-series-0-line`, `…-line-2`.
            drawn[name] += 1
            return f"{begin}{prefix}-{name}" + (f"-{drawn[name]}" if drawn[name] > 1 else "")
        return f"{begin}{prefix}-{name}" if name in used else begin + "\0"

    # Leave out ids that nothing refers to.
    svg = _ID.sub(own, svg).replace(' id="\0"', "")
    return re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").strip()
