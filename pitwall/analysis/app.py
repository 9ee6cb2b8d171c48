"""The analysis app: returns, episodes, reward, two versions, drift, SQL of your own. Opened by: pitwall analyse.

Arrives: the lake of this session's settings. Leaves: a page. Every figure is the answer to a question of
`warehouse/sql/`, so each can be asked in a terminal as well: pitwall ask.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="full", app_title="Pitwall")

with app.setup(hide_code=True):
    import marimo as mo

    from flows.driven_line import NoLine, driven_line
    from pitwall.analysis import charts
    from pitwall.analysis.explorer import MOST_LINES, explorer, panels
    from pitwall.analysis.free_sql import MOST, LakeConnection, ask_freely
    from pitwall.analysis.tables import shown
    from schemas.errors import PitwallError
    from schemas.settings import Settings
    from warehouse.lake import Lake
    from warehouse.query import run
    from warehouse.questions import ask


@app.cell(hide_code=True)
def opened():
    """The lake, read through the closed door of `pitwall sql`; `closed` is the same door for SQL cells."""
    lake = Lake.open(Settings.load())
    closed = LakeConnection(lake)
    return closed, lake


@app.cell(hide_code=True)
def again():
    again = mo.ui.run_button(label="Read the lake again")
    return (again,)


@app.cell(hide_code=True)
def runs(again, closed):
    again.value
    runs = mo.sql(
        f"""
        select run_id, rollouts, rows, agents, policy_version_min, policy_version_max, last_written_at
        from runs
        where rollouts > 0
        order by coalesce(last_written_at, created_at::timestamp) desc, run_id desc
        """,
        output=False,
        engine=closed,
    )
    versions = mo.sql(
        f"""
        select policy_version as version, count(*) as rollouts, sum(rows)::bigint as rows
        from rollouts
        where policy_version is not null
        group by policy_version
        order by policy_version desc
        """,
        output=False,
        engine=closed,
    )
    return runs, versions


@app.cell(hide_code=True)
def sections():
    section = mo.ui.tabs(dict.fromkeys(["Returns", "Episodes", "Reward", "Compare", "Drift", "SQL"], ""))
    return (section,)


@app.cell(hide_code=True)
def kept():
    """What was chosen outlives reading the lake again: names of a run and a version."""
    kept: dict[str, str] = {}
    return (kept,)


@app.cell(hide_code=True)
def chosen(kept, runs, versions):
    _runs = {"all runs": None, **{name: name for name in runs["run_id"]}}
    _versions = {"all versions": None, **{str(number): number for number in versions["version"]}}
    _newest = runs["run_id"][0] if len(runs) else "all runs"
    run_id = mo.ui.dropdown(
        _runs,
        value=kept["run"] if kept.get("run") in _runs else _newest,
        label="run",
        searchable=True,
        on_change=lambda name: kept.update(run="all runs" if name is None else name),
    )
    version = mo.ui.dropdown(
        _versions,
        value=kept["version"] if kept.get("version") in _versions else "all versions",
        label="version",
        searchable=True,
        on_change=lambda number: kept.update(version="all versions" if number is None else str(number)),
    )
    return run_id, version


@app.cell(hide_code=True)
def head(again, lake, run_id, runs, section, version, versions):
    known = f"{versions['version'].min()} to {versions['version'].max()}" if len(versions) else "none known"
    empty = mo.callout(
        mo.md(
            "**The lake is empty.** Bring in what an engine exported: `pitwall ingest FOLDER`. "
            "Without an engine, let our own cars drive: `pitwall lap`. Then press *Read the lake again*."
        ),
        kind="warn",
    )
    mo.vstack(
        [
            mo.hstack(
                [
                    mo.md("# Pitwall"),
                    mo.hstack(
                        [
                            mo.stat(f"{len(runs):,}", label="runs"),
                            mo.stat(f"{sum(runs['rollouts']):,}", label="rollouts"),
                            mo.stat(f"{sum(runs['rows']):,}", label="experiences"),
                            mo.stat(known, label="versions that collected"),
                        ],
                        gap=2,
                    ),
                    again,
                ],
                justify="space-between",
                align="center",
            ),
            mo.hstack([run_id, version, mo.plain_text(f"{lake.paths.home}")], justify="start", align="center", gap=2),
            mo.md("") if len(runs) else empty,
            section,
        ]
    )
    return


@app.cell(hide_code=True)
def returns(again, lake, run_id, section, version):
    again.value
    mo.stop(section.value != "Returns")
    returns_found = ask(lake, "returns", run=run_id.value, version=version.value)
    returns_chart = charts.returns(returns_found) if returns_found.num_rows else None
    mo.vstack(
        [
            mo.md("## Returns over time"),
            mo.md(
                "Line: mean of the whole episodes that began there; band: all but their lowest and highest tenth. "
                "At the end of a run only the episodes that are over already are here: short ones."
            ),
            returns_chart
            or mo.callout(
                "No whole episode is here: none has both its beginning and its end in the lake. "
                "Choose another run or version, or bring in longer rollouts.",
                kind="info",
            ),
        ]
    )
    return returns_chart, returns_found


@app.cell(hide_code=True)
def episode_order(section):
    mo.stop(section.value != "Episodes")
    order = mo.ui.dropdown(["newest", "best", "worst", "longest", "shortest"], value="best", label="first the")
    return (order,)


@app.cell(hide_code=True)
def episode_list(again, lake, order, run_id, version):
    again.value
    listed = ask(lake, "episode-list", run=run_id.value, version=version.value, order=order.value)
    columns = ("episode_id", "return", "length", "ended", "whole", "policy_version", "noise_scale", "written_at")
    episodes = shown(
        listed, *columns, selection="single", initial_selection=[0] if listed.num_rows else None, page_size=8
    )
    return episodes, listed


@app.cell(hide_code=True)
def episode(episodes, lake, listed):
    picked = list(episodes.value["episode_id"]) if len(episodes.value) else []
    episode = next((row for row in listed.to_pylist() if row["episode_id"] in picked), None)
    steps, line, shown_panels = None, None, None
    if episode is not None:
        places = ("first_rollout_id", "first_row_index", "last_rollout_id", "last_row_index")
        steps = ask(lake, "episode-steps", run=episode["run_id"], **{name: episode[name] for name in places})
        line = driven_line(lake, episode)
        found_panels = panels(steps)
        shown_panels = mo.ui.multiselect(
            list(found_panels),
            value=[name for name in found_panels if name != "other observations"],
            label="panels",
        )
    return episode, line, shown_panels, steps


@app.cell(hide_code=True)
def episode_chosen(episodes, order, shown_panels):
    mo.vstack(
        [
            mo.md("## Episode explorer"),
            mo.hstack([order, mo.md("") if shown_panels is None else shown_panels], justify="start", gap=2),
            episodes,
        ]
    )
    return


@app.cell(hide_code=True)
def episode_shown(episode, shown_panels, steps, line):
    episode_chart = None
    if episode is not None:
        wanted = {name: lines for name, lines in panels(steps).items() if name in shown_panels.value}
        if wanted:
            episode_chart = explorer(steps, wanted, None if isinstance(line, NoLine) else line)
    episode_chart  # on its own: inside of others marimo would spell it several times as long
    return (episode_chart,)


@app.cell(hide_code=True)
def episode_notes(episode, episode_chart, line, steps):
    if episode is None:
        notes = ["No episode is chosen: click one in the table. Is it empty? Choose another run."]
    else:
        held = max(steps["steps"].to_pylist())
        crowded = [name for name, lines in panels(steps).items() if len(lines) > MOST_LINES]
        notes = [
            "Every point is one step."
            if held == 1
            else f"Every point is the mean of up to {held} steps; the band goes from the smallest to the largest.",
            *(f"The panel {name} shows its first {MOST_LINES} lines." for name in crowded),
            line.reason if isinstance(line, NoLine) else f"Line: {line.source}",
        ]
        if "reward term" not in steps["kind"].to_pylist():
            notes.append("Reward terms: this run's rollouts hold none; a producer writes them as reward_terms.")
        if episode_chart is None:
            notes.append("No panel is chosen.")
    mo.vstack([mo.plain_text(note) for note in notes])
    return


@app.cell(hide_code=True)
def reward(again, lake, run_id, section, version):
    again.value
    mo.stop(section.value != "Reward")
    terms_found = ask(lake, "reward-terms", run=run_id.value, version=version.value)
    terms_missing = set(terms_found["term"].to_pylist()) <= {"reward"}
    terms_chart = charts.reward_terms(terms_found) if terms_found.num_rows else None
    mo.vstack(
        [
            mo.md("## Reward terms"),
            mo.md("Mean per step. The reward is their sum, clamped where the engine clamps it."),
            terms_chart or mo.callout("No experience is here. Choose another run or version.", kind="info"),
            mo.callout(
                mo.md(
                    "These rollouts hold no terms of the reward, only the sum. A producer gives them with each "
                    'experience as `"reward_terms": {"speed": 0.1, ...}`; our own cars do (`pitwall drive`).'
                ),
                kind="info",
            )
            if terms_missing and terms_found.num_rows
            else mo.md(""),
        ]
    )
    return terms_chart, terms_found


@app.cell(hide_code=True)
def sides(section, versions):
    mo.stop(section.value != "Compare")
    _numbers = [str(number) for number in versions["version"]]
    a = mo.ui.dropdown(_numbers, value=_numbers[0] if _numbers else None, label="a", searchable=True)
    b = mo.ui.dropdown(_numbers, value=_numbers[-1] if _numbers else None, label="b", searchable=True)
    return a, b


@app.cell(hide_code=True)
def compare(a, again, b, lake):
    again.value
    compare_charts, compared = {}, None
    compare_parts: list[object]
    if a.value is None or b.value is None:
        compare_parts = [
            mo.callout(
                mo.md(
                    "No version is known to have collected a rollout. Register the policy that drove: "
                    "`pitwall models import FILE`; Pitwall then finds its rollouts by itself."
                ),
                kind="info",
            )
        ]
    else:
        two = {"a": a.value, "b": b.value}
        compared = ask(lake, "compare-versions", **two)
        lengths = ask(lake, "episode-distribution", **two)
        actions = ask(lake, "action-distribution", **two)
        if compared.num_rows:
            compare_charts["evaluations"] = charts.differences(compared)
        if lengths.num_rows:
            compare_charts["episodes"] = charts.distributions(lengths, "figure", "episodes", int(a.value))
        if actions.num_rows:
            compare_charts["actions"] = charts.distributions(actions, "action", "rows", int(a.value))
        progress = run(
            lake,
            """
            select policy_version as version, count(*) as episodes, avg(return) as return_mean,
                avg(return) - 1.96 * stddev_samp(return) / sqrt(count(*)) as return_low,
                avg(return) + 1.96 * stddev_samp(return) / sqrt(count(*)) as return_high,
                avg(length) as length_mean
            from episodes
            where whole and policy_version in ($a, $b)
            group by policy_version
            """,
            {name: int(value) for name, value in two.items()},
        )
        compare_parts = [
            mo.md("### As evaluated: a less b, with its 95 % interval, on the same drives"),
            compare_charts.get("evaluations")
            or mo.callout(
                mo.md(
                    "The two were not evaluated on the same drives. Do it: "
                    f"`pitwall evaluate {int(a.value)} {int(b.value)}`"
                ),
                kind="info",
            ),
            mo.md("### As they collected: whole episodes, exploration noise included"),
            shown(progress)
            if progress.num_rows
            else mo.callout("Neither has a whole episode that is all its own.", kind="info"),
            compare_charts.get("episodes") or mo.md(""),
            mo.md("### Actions as applied"),
            compare_charts.get("actions") or mo.callout("No action of theirs is in the lake.", kind="info"),
        ]
    mo.vstack([mo.md("## Two versions"), mo.hstack([a, b], justify="start", gap=2), *compare_parts])
    return compare_charts, compared


@app.cell(hide_code=True)
def shift_sides(runs, section, versions):
    mo.stop(section.value != "Drift")
    _by_run = {f"run {name}": {"run": name, "version": None} for name in runs["run_id"]}
    _by_version = {f"version {number}": {"run": None, "version": number} for number in versions["version"]}
    _every = _by_version | _by_run
    _names = list(_by_version) if len(_by_version) > 1 else list(_every)
    new = mo.ui.dropdown(_every, value=_names[0] if _names else None, label="a", searchable=True)
    old = mo.ui.dropdown(_every, value=_names[-1] if _names else None, label="against b", searchable=True)
    return new, old


@app.cell(hide_code=True)
def drift(again, lake, new, old):
    again.value
    shift_chart, shift_found = None, None
    drift_parts: list[object]
    if new.value is None or old.value is None:
        drift_parts = [mo.callout("There is nothing to compare yet: the lake is empty.", kind="info")]
    else:
        shift_found = ask(
            lake,
            "observation-shift",
            run_a=new.value["run"],
            version_a=new.value["version"],
            run_b=old.value["run"],
            version_b=old.value["version"],
        )
        shift_chart = charts.shift(shift_found) if shift_found.num_rows else None
        drift_parts = [
            mo.md(
                "Between the deciles of b, the worst first: below 0.1 stable, from 0.25 a large shift. "
                "A policy sees what it drives into, so two versions differ even where the world does not."
            ),
            shift_chart or mo.callout("The two share no observation: they come from different spaces.", kind="info"),
            shown(shift_found, page_size=15),
        ]
    mo.vstack([mo.md("## Drift of observations"), mo.hstack([new, old], justify="start", gap=2), *drift_parts])
    return shift_chart, shift_found


@app.cell(hide_code=True)
def statement(section):
    mo.stop(section.value != "SQL")
    statement = mo.ui.code_editor(
        "select policy_version, count(*) as episodes, avg(return) as mean_return\n"
        "from episodes\nwhere whole\ngroup by all\norder by policy_version",
        language="sql",
        min_height=140,
        show_copy_button=False,
    ).form(submit_button_label="Ask", bordered=False)
    return (statement,)


@app.cell(hide_code=True)
def answered(again, lake, statement):
    again.value
    sql_answer, sql_error = None, None
    try:
        sql_answer = ask_freely(lake, statement.value or statement.element.value)
    except PitwallError as error:
        sql_error = str(error)
    mo.vstack(
        [
            mo.md("## SQL of your own"),
            mo.md("DuckDB's, read-only, over the views of `pitwall sql --help`. Columns of one: `describe episodes`."),
            statement,
            mo.callout(mo.plain_text(sql_error or ""), kind="danger")
            if sql_answer is None
            else shown(sql_answer.table, page_size=20, show_data_types=True),
            mo.callout(
                f"These are the first {MOST:,} rows; there are more. Aggregate, or ask pitwall sql.", kind="warn"
            )
            if sql_answer is not None and sql_answer.cut
            else mo.md(""),
        ]
    )
    return sql_answer, sql_error


if __name__ == "__main__":
    app.run()
