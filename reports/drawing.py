"""Figures as inline SVG that takes its colours from the page.

Arrives: what paints on axes. Leaves: SVG whose bytes depend on nothing else: ids are hashes with a fixed salt, there
is no date, and letters stay letters. Colours are stand-ins that become the page's variables, for light and dark.
"""

import re
from collections.abc import Callable
from io import StringIO
from typing import Any

from markupsafe import Markup, escape

INK, MUTED, LINE, BEFORE, AFTER, GOOD, WARN, BAD, BAND, PAPER = (f"#{digit}1{digit}2{digit}3" for digit in "0123456789")
"""Stand-ins; `_VARIABLES` says for what."""
_VARIABLES = dict(
    zip(
        (INK, MUTED, LINE, BEFORE, AFTER, GOOD, WARN, BAD, BAND, PAPER),
        ("ink", "muted", "line", "before", "after", "good", "warn", "bad", "band", "paper"),
        strict=True,
    )
)
_STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 9,
    "axes.linewidth": 0.8,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "axes.unicode_minus": True,
    "figure.facecolor": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "grid.color": LINE,
    "grid.linewidth": 0.8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.solid_capstyle": "round",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "pitwall",
    "text.color": INK,
    "text.parse_math": False,  # names may hold dollars
    "xtick.color": MUTED,
    "xtick.labelsize": 8.5,
    "ytick.color": MUTED,
    "ytick.labelsize": 8.5,
}
SMALL, HALF = (4.3, 2.5), (6.5, 2.9)
"""Inches: a third and half of the page; letters are then of one size everywhere."""


def draw(name: str, title: str, said: str, paint: Callable[[Any], None], size: tuple[float, float] = SMALL) -> Markup:
    """An `<svg>` of its own ids; `title` and `said` are read out where it cannot be seen."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    written = StringIO()
    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        paint(figure.add_subplot())
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", metadata=nothing)
    return _inline(written.getvalue(), name, title, said)


def _inline(svg: str, name: str, title: str, said: str) -> Markup:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"\s*<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:url\(|href=\")#([^)\"]+)", svg))
    svg = re.sub(r' id="([^"]+)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in used else "", svg)
    svg = re.sub(r"(url\(|href=\")#", rf"\1#{name}-", svg)
    for stand_in, variable in _VARIABLES.items():
        svg = svg.replace(stand_in, f"var(--{variable})")
    box = re.search(r'viewBox="[^"]+"', svg)
    assert box is not None
    opening = f'<svg role="img" aria-labelledby="{name}-title {name}-said" {box[0]} xmlns="http://www.w3.org/2000/svg"'
    told = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-said">{escape(said)}</desc>'
    # What svg declares of xlink is unused in HTML, and letters take the page's font.
    body = re.sub(r"font-family: [^;\"]*;?|font: ([\d.]+)px [^;\"]*", _size_alone, svg[svg.index(">") + 1 :])
    return Markup(f"{opening}>{told}{body}".replace("xlink:href", "href").strip())


def _size_alone(found: re.Match[str]) -> str:
    return f"font-size: {found[1]}px" if found[1] else ""
