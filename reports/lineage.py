"""Where the version comes from and what came of it, as a picture."""

from itertools import pairwise
from typing import Any, NamedTuple

from reports import drawing
from reports.gathered import Gathered
from reports.part import Panel, Part
from schemas.counted import counted

_ANCESTORS, _BESIDE = 6, 3
"""How many are drawn: in line before the version; children of it, and other children of its parent."""


class _Node(NamedTuple):
    x: float
    y: float
    label: str
    under: str
    kind: str
    """this, champion, other, more."""


def lineage(gathered: Gathered) -> Part:
    """The line of parents, siblings and children."""
    versions = {row["version"]: row for row in gathered.rows("versions")}
    chain = [gathered.version]
    while (parent := versions[chain[-1]]["parent"]) is not None:
        chain.append(parent)
    ancestors = chain[1:]
    children = [number for number, row in versions.items() if row["parent"] == gathered.version]
    siblings = [
        number
        for number, row in versions.items()
        if gathered.parent is not None and row["parent"] == gathered.parent and number != gathered.version
    ]
    first = versions[chain[-1]]["start"]
    said = f"{counted(len(ancestors), 'generation')} from version {chain[-1]} ({first}) to this one; "
    if not ancestors:
        said = f"It is the first of its line ({first}); "
    said += f"{_named(children, 'child', 'children')}, {_named(siblings, 'sibling', 'siblings')}."
    champion = next((number for number, row in versions.items() if row["champion"] == "now"), None)
    if champion is not None:
        said += " It is the champion." if champion == gathered.version else f" Champion is version {champion}."
    title = "Parents, siblings, children"
    nodes, edges = _layout(gathered, versions, ancestors, children, siblings)
    depth = max(-node.y for node in nodes)
    figure = drawing.draw("lineage", title, said, lambda axes: _paint(axes, nodes, edges), (9.2, 1.3 + 0.75 * depth))
    panel = Panel(title=title, said=said, figure=figure, wide=True)
    return Part(name="lineage", title="Lineage", panels=[panel])


def _named(numbers: list[int], one: str, many: str) -> str:
    if not numbers:
        return f"no {many}"
    some = ", ".join(map(str, numbers[:5])) + (" and more" if len(numbers) > 5 else "")
    return f"{len(numbers)} {one if len(numbers) == 1 else many} ({some})"


def _layout(
    gathered: Gathered,
    versions: dict[int, dict[str, Any]],
    ancestors: list[int],
    children: list[int],
    siblings: list[int],
) -> tuple[list[_Node], list[tuple[_Node, _Node]]]:
    line = [_node(versions[number], x, 0, "other") for x, number in enumerate(reversed(ancestors[:_ANCESTORS]), 1)]
    this = _node(versions[gathered.version], len(line) + 1, 0, "this")
    hidden = len(ancestors) - _ANCESTORS
    if hidden > 0:
        line.insert(0, _Node(0, 0, "…", f"{hidden} more", "more"))
    nodes = [*line, this]
    edges = list(pairwise(nodes))
    for y, number in enumerate(siblings[-_BESIDE:], 1):
        node = _node(versions[number], this.x, -y, "other")
        edges.append((line[-1], node))
        nodes.append(node)
    for y, number in enumerate(children[-_BESIDE:]):
        node = _node(versions[number], this.x + 1, -y, "other")
        edges.append((this, node))
        nodes.append(node)
    return nodes, edges


def _node(row: dict[str, Any], x: float, y: float, kind: str) -> _Node:
    if row["champion"] == "now" and kind != "this":
        kind = "champion"
    under = row["start"] if row["parent"] is None else ""
    if row["finished_share"] is not None:
        under = f"{100 * row['finished_share']:.0f} % finish"
    elif row["return_mean"] is not None:
        under = f"return {row['return_mean']:.4g}"
    return _Node(x, y, str(row["version"]), under, kind)


def _paint(axes: Any, nodes: list[_Node], edges: list[tuple[_Node, _Node]]) -> None:  # noqa: ANN401
    for a, b in edges:
        middle = (a.x + b.x) / 2
        axes.plot([a.x, middle, middle, b.x], [a.y, a.y, b.y, b.y], color=drawing.MUTED, linewidth=1.2, zorder=1)
    fills = {"this": drawing.AFTER, "champion": drawing.BAND, "other": drawing.PAPER, "more": drawing.PAPER}
    for node in nodes:
        edge = "none" if node.kind == "more" else drawing.AFTER if node.kind == "this" else drawing.MUTED
        axes.plot(node.x, node.y, "o", ms=27, mfc=fills[node.kind], mec=edge, mew=1.4, zorder=2)
        colour = drawing.PAPER if node.kind == "this" else drawing.INK
        axes.text(
            node.x, node.y, node.label, ha="center", va="center_baseline", color=colour, fontweight="bold", zorder=3
        )
        axes.text(node.x, node.y - 0.43, node.under, ha="center", va="top", color=drawing.MUTED, fontsize=8)
    axes.set_xlim(-0.6, max(8.6, max(node.x for node in nodes) + 0.6))
    axes.set_ylim(min(node.y for node in nodes) - 0.75, 0.5)
    axes.set_axis_off()
