"""The problems that `ask health` found in what the version was trained on."""

from reports.gathered import Gathered
from reports.part import Missing, Part, Table
from reports.update import untrained
from reports.words import number
from schemas.counted import counted


def health(gathered: Gathered) -> Part:
    """Problems first; all checks when asked for."""
    name, title = "health", "Health of the data"
    if not gathered.trained:
        return Part(name=name, title=title, missing=[untrained(gathered)])
    checks = gathered.rows("health")
    if not checks:
        why = gathered.missing.get("health", "The rollouts of its window have left the lake, so nothing can be checked")
        return Part(name=name, title=title, missing=[Missing(why)])
    problems = sorted((row for row in checks if row["verdict"] != "ok"), key=lambda row: row["verdict"] != "bad")
    tone = "bad" if any(row["verdict"] == "bad" for row in problems) else "warn" if problems else "good"
    said = f"{counted(len(checks), 'check')}, no problem." if not problems else (
        f"{counted(len(problems), 'problem')} in {counted(len(checks), 'check')}."
    )  # fmt: skip
    columns = ("check ", "figure", "threshold", "verdict ", "what to do ")

    def lines(some: list[dict[str, object]]) -> list[tuple[str, ...]]:
        return [
            (
                str(row["check"]),
                number(row["figure"]),  # type: ignore[arg-type]
                number(row["threshold"]),  # type: ignore[arg-type]
                str(row["verdict"]),
                str(row["advice"] or ""),
            )
            for row in some
        ]

    tables = [Table(columns=columns, rows=lines(problems))] if problems else []
    tables.append(Table(columns=columns, rows=lines(checks), caption="All checks.", folded=True))
    return Part(name=name, title=title, said=said, tone=tone, tables=tables)
