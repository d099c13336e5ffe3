"""Renders a figure as inline SVG for a page: text as text, unique ids, caption apart."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import matplotlib
from matplotlib.transforms import Bbox

from xavier_cli.figures.canvas import Drawing
from xavier_cli.figures.style import look
from xavier_cli.figures.typesetting import caption_height

_PROLOGUE = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>", re.DOTALL)
_FONTS = re.compile(r"'DejaVu Sans'[^\";]*sans-serif")
_USED = re.compile(r"(?:href=\"#|url\(#)([^\")]+)")
_ID = re.compile(r"((?<![\w:])id=\"|href=\"#|url\(#)([^\")]+)")
_SERIES = re.compile(r"series-(\d+)-(line|band|label|key)")
_SIZE = re.compile(r"(<svg[^>]*?) width=\"[^\"]*\" height=\"[^\"]*\"")


@dataclass(frozen=True)
class Inline:
    """An `<svg>` element that fills the width of its parent, and its caption."""

    svg: str
    caption: str


def inline_svg(drawing: Drawing, prefix: str) -> Inline:
    """`drawing` as inline SVG; all its ids begin with `prefix`, which must be unique in the page.

    What a figure calls `series-3-line`, `-band`, `-label` or `-key` has the attributes `data-series` and
    `data-part`, by which a page can find the parts of one curve. The output is deterministic. The page must
    set `stroke-linejoin: round; stroke-linecap: butt` for it.
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

    def own(match: re.Match[str]) -> str:
        begin, name = match.groups()
        if series := _SERIES.fullmatch(name):
            # As attributes, since panels may have the same curve.
            return f'data-series="{series[1]}" data-part="{series[2]}'
        return f"{begin}{prefix}-{name}" if name in used else begin + "\0"

    # Leave out ids that nothing refers to.
    svg = _ID.sub(own, svg).replace(' id="\0"', "")
    return re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").strip()
