"""What the reward is made of, before and after."""

from typing import Any

from reports import drawing
from reports.gathered import Gathered
from reports.part import Missing, Panel, Part, Table
from reports.words import number, share, signed


def rewards(gathered: Gathered) -> Part:
    """Mean of each term per step."""
    name, title = "rewards", "Reward terms"
    use = gathered.rows("reward_use")
    terms = list(dict.fromkeys(row["term"] for row in use if row["term"] != "reward"))
    if not terms:
        why = "The rollouts give one reward and no terms. A producer that writes reward_terms shows them here"
        if not use:
            why = "No experience of before or after is in the lake"
        return Part(name=name, title=title, missing=[Missing(why)])
    means = {(row["side"], row["term"]): row["mean"] for row in use}
    return Part(
        name=name,
        title=title,
        said="Means of a step, as recorded. Terms need not add up to the reward, which an engine may clamp.",
        panels=[_panel(terms, means)],
        tables=[_table(["reward", *terms], use, means)],
    )


def _panel(terms: list[str], means: dict[tuple[str, str], float]) -> Panel:
    sides = [side for side in ("before", "after") if any((side, term) in means for term in terms)]
    largest = max(terms, key=lambda term: abs(means.get((sides[-1], term), 0.0)))
    said = f"Term {_bare(largest)} counts most: {number(means.get((sides[-1], largest)))} a step {sides[-1]}."
    both = [term for term in terms if ("before", term) in means and ("after", term) in means]
    if both:
        moved = max(both, key=lambda term: abs(means["after", term] - means["before", term]))
        said += f" Term {_bare(moved)} moved most, by {signed(means['after', moved] - means['before', moved])}."

    def paint(axes: Any) -> None:  # noqa: ANN401
        colours = {"before": drawing.BEFORE, "after": drawing.AFTER}
        for at, side in enumerate(sides):
            tall = [means.get((side, term), 0.0) for term in terms]  # a term that a side lacks has no bar
            places = [place + (at - (len(sides) - 1) / 2) * 0.38 for place in range(len(terms))]
            axes.barh(places, tall, height=0.36, color=colours[side], label=side)
        axes.set_yticks(range(len(terms)), [_bare(term)[:24] for term in terms])
        axes.invert_yaxis()
        axes.axvline(0, color=drawing.MUTED, linewidth=0.8)
        axes.grid(axis="x")
        axes.grid(visible=False, axis="y")
        axes.set_xlabel("mean of a step")
        axes.legend(loc="best", handlelength=1)

    title = "Mean reward by term"
    height = max(2.2, 0.42 * len(terms) + 0.7)
    return Panel(title=title, said=said, figure=drawing.draw("reward-terms", title, said, paint, (4.3, height)))


def _bare(term: str) -> str:
    return term.removeprefix("term_")


def _table(terms: list[str], use: list[dict[str, Any]], means: dict[tuple[str, str], float]) -> Table:
    found = {(row["side"], row["term"]): row for row in use}
    rows = []
    for term in terms:
        before, after = (found.get((side, term)) for side in ("before", "after"))
        known = [
            ("not there" if row is None else f"{number(row['mean'])} ± {number(row['std'])}") for row in (before, after)
        ]
        active = [("" if row is None else share(row["active"])) for row in (before, after)]
        change = signed(after["mean"] - before["mean"]) if before and after else ""
        rows.append((_bare(term), *known, change, " / ".join(text for text in active if text)))
    return Table(columns=("term ", "before", "after", "change", "not 0, before / after"), rows=rows,
                 caption="Mean ± standard deviation of a step.")  # fmt: skip
