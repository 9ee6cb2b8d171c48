"""`pitwall drive` and `pitwall evaluate`: a version at the wheel."""

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pitwall import completion, plain, session, wrong_field

if TYPE_CHECKING:
    from flows.driving import Driving
    from schemas.loop import DriveConfig
    from warehouse.bootstrap import Interval
    from warehouse.evaluations import Evaluation
    from warehouse.lake import Lake

_SEEDS = 2**31
_INTERRUPTED = "interrupted; whole rollouts stay, and the next call begins another session"

Environment = Annotated[
    str | None,
    typer.Option(
        "--env", help="Gymnasium environment with continuous actions. (the one it was trained in, else racing)"
    ),
]
Reward = Annotated[
    list[str] | None,
    typer.Option(
        "--reward", metavar="NAME=WEIGHT", help="Another weight of the reward (racing), e.g. speed=0.5; repeat it."
    ),
]
Lidar = Annotated[int | None, typer.Option(min=0, max=32, help="Rays of the LIDAR ring. (what the version wants)")]


def drive(
    context: typer.Context,
    version: Annotated[
        str | None,
        typer.Argument(
            autocompletion=completion.versions, help="A number or an alias. (champion, else a random policy)"
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(file_okay=False, help="Folder for the rollouts. (drives/<run> in the home)")
    ] = None,
    rollouts: Annotated[int, typer.Option(min=1, help="How many to collect.")] = 1,
    preset: Annotated[str, typer.Option(help="Experiences a rollout: quick 1024, standard 2048, stable 4096.")] = (
        "standard"
    ),
    steps: Annotated[int | None, typer.Option(min=1, help="Experiences of a rollout, instead of a preset.")] = None,
    agents: Annotated[int, typer.Option(min=1, help="Cars that drive at once.")] = 8,
    env: Environment = None,
    lidar: Lidar = None,
    reward: Reward = None,
    noise: Annotated[
        float | None,
        typer.Option(min=0.01, help="Constant exploration factor. (racing: the engine's schedule; else 1)"),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, max=_SEEDS - 1, help="Of tracks, starts and exploration. (a fresh one)")
    ] = None,
    run: Annotated[str | None, typer.Option(help="Name of a new session, its run_id. (drive-<time>)")] = None,
    picture: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Drive one lap without exploration and draw it there (PNG); no rollouts."),
    ] = None,
    track: Annotated[int | None, typer.Option(min=0, help="Seed of the picture's track. (an unseen one)")] = None,
    fault: Annotated[
        str | None,
        typer.Option(help="Let something go wrong in every file, to see what becomes of it; `list` names all."),
    ] = None,
) -> None:
    """Play the engine: a version drives and writes rollout files.

    Nothing is ingested: the files lie there as an engine's would. pitwall ingest FOLDER brings them in. Each call is a
    session of its own; the same policy with the same --seed drives the same.

        pitwall drive --preset quick
        pitwall drive champion --rollouts 2 --preset quick --to drives
        pitwall drive champion --picture line.png

    See also: pitwall ingest, pitwall evaluate, pitwall loop.
    """
    import secrets

    from flows.driving import Driving, draw, driver_of, faults
    from pitwall.terminal import Terminal
    from racing.collector import PRESETS
    from schemas.errors import SettingsRejected

    if fault == "list":
        for name, meaning in faults().items():
            typer.echo(f"{name:<18} {meaning}")
        return
    if preset not in PRESETS:
        raise SettingsRejected(f"--preset is {preset!r}; there are {', '.join(PRESETS)}")
    lake = context.obj.made_lake
    config = _config(
        lake,
        version,
        {
            "environment": env,
            "agents": agents,
            "steps": steps or PRESETS[preset],
            "lidar": lidar,
            "reward": weights(reward),
            "noise": noise,
        },
        secrets.randbelow(_SEEDS) if seed is None else seed,
    )
    if picture is not None:
        _check_picture(picture, config)
    run_id = f"drive-{datetime.datetime.now():%Y%m%d-%H%M%S-%f}" if run is None else _new(lake, run, to)
    folder = to or lake.paths.drives(run_id)
    with Terminal(interrupted=_INTERRUPTED) as terminal, Driving(config, folder, run_id, typer.echo, fault) as driving:
        number = _driver(lake, version, driving)
        if picture is not None:
            typer.echo(f"{draw(lake, number, picture, config, track)} Drawn in {picture}")
            return
        driver = driver_of(lake, number)
        for done in range(rollouts):
            collected = driving.collect(driver, lambda at, total: terminal.progress("steps", at, total))
            terminal.progress("rollouts", done + 1, rollouts, collected.words())
            terminal.say(collected.words())
    us = session.spelling(context)
    typer.echo(f'version {number} drove with seed {config.seed}. Next: {us} ingest "{folder}"')


def evaluate(
    context: typer.Context,
    versions: Annotated[
        list[str] | None,
        typer.Argument(autocompletion=completion.versions, help="Numbers or aliases. (champion, latest)"),
    ] = None,
    env: Environment = None,
    lidar: Lidar = None,
    reward: Reward = None,
    tracks: Annotated[int, typer.Option(min=1, max=1000, help="Unseen tracks (racing).")] = 20,
    cars: Annotated[int, typer.Option(min=1, help="Drives per track (racing).")] = 4,
    episodes: Annotated[int, typer.Option(min=1, help="Episodes (other environments).")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=_SEEDS - 1, help="Of the first episode (other environments).")] = 0,
    as_json: plain.AsJson = False,
) -> None:
    """Judge versions by drives on unseen tracks, without exploration.

    Every figure comes with its 95 % interval (bootstrap over the drives). The same drives are never done twice; every
    one is in the view `drives`, and what they come to in the view `evaluations`.

        pitwall evaluate --tracks 2 --cars 2
        pitwall evaluate 1 latest --tracks 2 --cars 2 --json

    See also: pitwall ask versions, pitwall ask compare-versions, pitwall models promote.
    """
    from flows.evaluating import evaluate as judge
    from pitwall.terminal import Terminal
    from schemas.loop import EvaluateConfig
    from warehouse.registry import get

    lake = context.obj.lake
    asked = versions or ["champion", "latest"]
    numbers = list(dict.fromkeys(get(lake, version).version for version in asked))
    how = EvaluateConfig(tracks=tracks, cars=cars, episodes=episodes, seed=seed)
    with Terminal(quiet=as_json) as terminal:
        fields = {"environment": env, "lidar": lidar, "reward": weights(reward)}
        found = [judge(lake, number, _config(lake, str(number), fields, 0), how, terminal) for number in numbers]
    if as_json:
        plain.give([vars(each) | {"created_at": each.created_at.replace(tzinfo=datetime.UTC)} for each in found])
        return
    _show(found)


def weights(asked: list[str] | None) -> dict[str, float] | None:
    """Weights of the reward by name, from NAME=WEIGHT."""
    from schemas.errors import SettingsRejected

    if asked is None:
        return None
    found = {}
    for word in asked:
        name, _, number = word.partition("=")
        try:
            found[name] = float(number)
        except ValueError:
            raise SettingsRejected(f"--reward {word}: wanted NAME=WEIGHT, e.g. speed=0.5") from None
    return found


def _config(lake: "Lake", version: str | None, asked: dict[str, Any], seed: int) -> "DriveConfig":
    """What is asked for; the rest is what the version was trained with."""
    from pydantic import ValidationError

    from flows.driving import trained_in
    from schemas.errors import SettingsRejected
    from schemas.loop import DriveConfig
    from warehouse.registry import versions

    known = trained_in(lake, version or "champion") if asked["environment"] is None and versions(lake) else {}
    fields = known | {name: value for name, value in asked.items() if value is not None}
    try:
        return DriveConfig.model_validate(fields | {"seed": seed})
    except ValidationError as error:
        raise SettingsRejected(wrong_field.words(error, "drive")) from error


def _check_picture(target: Path, config: "DriveConfig") -> None:
    """Refuse what cannot be drawn before a version is made for it."""
    from racing.picture import FORMATS
    from schemas.errors import SettingsRejected
    from schemas.loop import RACING

    if config.environment != RACING:
        raise SettingsRejected(f"--picture: {config.environment} has no tracks, only {RACING} has tracks to be drawn")
    if target.suffix.lower() not in FORMATS:
        raise SettingsRejected(f"--picture {target}: a file of kind {target.suffix!r}, wanted {', '.join(FORMATS)}")


def _new(lake: "Lake", name: str, to: Path | None) -> str:
    """The name of a session; refused where one of that name has driven: its rollouts would be counted twice from 0."""
    from schemas.errors import SettingsRejected
    from warehouse.query import run

    if not name or Path(name).name != name or name == "..":
        raise SettingsRejected(f"--run is {name!r}, wanted a name that can be a folder's")
    for folder in (lake.paths.drives(name), *(() if to is None else (to,))):
        if folder.exists() and any(folder.iterdir()):
            raise SettingsRejected(
                f"--run {name}: {folder} is not empty, and may hold a session of that name. "
                "Give an empty folder, or leave out --run"
            )
    if run(lake, "select 1 as found from runs where run_id = $name", {"name": name}).num_rows:
        raise SettingsRejected(f"--run {name}: the lake holds a session of that name. Name another, or leave it out")
    return name


def _driver(lake: "Lake", version: str | None, driving: "Driving") -> int:
    """The version that is to drive; a random one where there is none yet."""
    from flows.fresh import fresh
    from schemas.training import TrainConfig
    from warehouse.registry import get, versions

    if version is None and not versions(lake):
        number = fresh(lake, driving.space, TrainConfig(seed=driving.config.seed))
        typer.echo(f"nothing is registered yet: version {number} is a random policy")
        return number
    return get(lake, version or "champion").version


def _show(found: "list[Evaluation]") -> None:
    from rich.table import Table

    named = {"finished": "finish a lap", "progress": "progress (laps)", "speed": "speed (m/s)", "crashed": "crash"}
    figures = {name: title for name, title in named.items() if any(getattr(each, name) for each in found)}
    figures |= {"return_": "return"}
    table = Table(box=None, header_style="bold")
    for title in ("version", "drives", *figures.values()):
        table.add_column(title)
    for each in found:
        table.add_row(str(each.version), str(each.drives), *(_figure(getattr(each, name)) for name in figures))
    session.console().print(table)


def _figure(interval: "Interval | None") -> str:
    """A mean and its interval; four digits say enough, and none of them is an exponent."""
    if interval is None:
        return ""
    return "{} ({} to {})".format(*(f"{value:,.4g}" for value in (interval.mean, interval.low, interval.high)))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(drive)
    app.command()(evaluate)
