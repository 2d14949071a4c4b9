"""From a matplotlib figure to an inline SVG that follows its page: font, width, colours in light and dark."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Colours a figure may use; each stands for a variable of style.css, so that one drawing serves light and dark pages.
INK, MUTED, RULE, SURFACE = "#1a1f24", "#5b636c", "#dfdcd6", "#ffffff"
ACCENT, WARM, THIRD, PALE = "#12577f", "#a3480d", "#00735a", "#b4bcc4"
CELL = "#4a8db9"
VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    RULE: "--rule",
    SURFACE: "--surface",
    ACCENT: "--accent",
    WARM: "--warm",
    THIRD: "--third",
    PALE: "--pale",
    CELL: "--cell",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "automed",
    "text.parse_math": False,  # a class may be called "$x$"
    "font.family": "DejaVu Sans",
    "font.size": 12.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "path.simplify": False,
}
POINTS = 72  # units of an SVG by matplotlib are points: at 72 dots an inch, one is one CSS pixel
_NUMBER = re.compile(r"-?\d+\.\d{2,}")
_FAMILY = re.compile(r"font-family:[^;]*;?\s*")
_COLOUR = re.compile(r"#[0-9a-f]{6}")


@contextmanager
def drawing() -> Iterator[None]:
    """The style of the pages, whatever a user has set in matplotlib; hold it around all figures of a page."""
    with matplotlib.rc_context(), warnings.catch_warnings():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        # Text stays text in the SVG, so the browser's fonts draw the glyphs that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        warnings.filterwarnings("ignore", message="Matplotlib currently does not support .* natively")
        yield


def canvas(width: float, height: float) -> Figure:
    """A figure of `width` x `height` CSS pixels."""
    return Figure(figsize=(width / POINTS, height / POINTS), dpi=POINTS)


def place(figure: Figure, left: float, top: float, right: float, bottom: float) -> Axes:
    """Bare axes with margins in CSS pixels."""
    width, height = figure.get_size_inches() * POINTS
    box = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(box)
    axes.set_axis_off()
    return axes


def inline(figure: Figure, name: str, alt: str) -> Markup:
    """The figure as SVG to be set into HTML.

    Args:
        figure: made by `canvas` within `drawing`.
        name: unique on its page; the ids inside start with it.
        alt: the finding in words, for who does not see the drawing.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    root = ElementTree.fromstring(buffer.getvalue())
    _tidy(root, name)
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    width, height = (round(float(size)) for size in figure.get_size_inches() * POINTS)
    root.set("viewBox", f"0 0 {width} {height}")
    root.set("width", str(width))
    root.set("height", str(height))
    root.set("role", "img")
    root.set("aria-label", alt)
    # ElementTree escaped every text and attribute in it.
    return Markup(ElementTree.tostring(root, encoding="unicode", short_empty_elements=True))


def _tidy(root: ElementTree.Element, name: str) -> None:
    """Drop what a page must not or need not hold: namespaces, metadata, global styles, ids that nothing refers to."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag.rpartition("}")[2] in ("metadata", "style"):
                parent.remove(child)
    elements = list(root.iter())
    for element in elements:
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        if not (element.text or "").strip():
            element.text = None
        element.tail = None
    referred = set()
    for element in elements:
        referred.update(re.findall(r"#([\w.-]+)\)", element.get("clip-path", "") + element.get("style", "")))
        referred.add(element.get("href", "").lstrip("#"))
    ids = {known: f"{name}-{order}" for order, known in enumerate(_in_order(elements, referred))}
    for element in elements:
        _rename(element, ids)
        if "style" in element.attrib:
            element.set("style", _restyle(element.get("style", "")))
        if element.get("transform", "").startswith("rotate(-0 "):
            del element.attrib["transform"]
        for key in ("d", "transform", "points", "x", "y"):
            if key in element.attrib:
                element.set(key, _NUMBER.sub(_round, " ".join(element.get(key, "").split())))


def _in_order(elements: list[ElementTree.Element], referred: set[str]) -> list[str]:
    return [known for element in elements if (known := element.get("id", "")) in referred and known]


def _rename(element: ElementTree.Element, ids: dict[str, str]) -> None:
    if (known := element.attrib.pop("id", None)) in ids:
        element.set("id", ids[known])
    if (href := element.get("href", "").lstrip("#")) in ids:
        element.set("href", f"#{ids[href]}")
    if clip := re.fullmatch(r"url\(#([\w.-]+)\)", element.get("clip-path", "")):
        element.set("clip-path", f"url(#{ids[clip.group(1)]})")


def _restyle(style: str) -> str:
    style = _FAMILY.sub("", style)
    return _COLOUR.sub(lambda match: f"var({VARIABLES[c]})" if (c := match.group()) in VARIABLES else c, style)


def _round(match: re.Match[str]) -> str:
    return f"{float(match.group()):.1f}".removesuffix(".0")
