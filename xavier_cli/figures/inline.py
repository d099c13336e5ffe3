"""A figure as SVG to be put into a page: text as text, no ids but its own, its caption apart."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

import matplotlib
from matplotlib.transforms import Bbox

from xavier_cli.figures.canvas import Drawing, caption_height
from xavier_cli.figures.style import look

_PROLOGUE = re.compile(r"^.*?(?=<svg)|<metadata>.*?</metadata>|<style.*?</style>|<defs>\s*</defs>", re.DOTALL)
_FONTS = re.compile(r"'DejaVu Sans'[^\";]*sans-serif")
_USED = re.compile(r"(?:href=\"#|url\(#)([^\")]+)")
_ID = re.compile(r"((?<![\w:])id=\"|href=\"#|url\(#)([^\")]+)")
_SIZE = re.compile(r"(<svg[^>]*?) width=\"[^\"]*\" height=\"[^\"]*\"")


@dataclass(frozen=True)
class Inline:
    """An `<svg>` element as wide as its place allows, and the words under it."""

    svg: str
    caption: str


def inline_svg(drawing: Drawing, prefix: str) -> Inline:
    """A drawing for a page in which no other has `prefix`, which begins all its ids; equal figures are equal.

    The page that it is put into gives `stroke-linejoin: round; stroke-linecap: butt` to all in it.
    """
    figure = drawing.figure
    captions = [text for text in figure.texts if text.get_gid() == "caption"]
    width, height = figure.get_size_inches()
    below = sum(caption_height(text.get_text()) for text in captions)
    for text in captions:
        text.set_visible(False)
    content = io.StringIO()
    # Nothing is cut off but the room that the caption had.
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
        return f"{begin}{prefix}-{name}" if name in used else begin + "\0"

    # An id that nothing leads to is left out.
    svg = _ID.sub(own, svg).replace(' id="\0"', "")
    return re.sub(r"\s*\n\s*", " ", svg).replace("> <", "><").strip()
