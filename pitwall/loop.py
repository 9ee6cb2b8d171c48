"""`pitwall loop`: drive, train, publish, evaluate, promote, and round again."""

from typing import TYPE_CHECKING, Annotated

import typer

from pitwall import completion, plain, session, training_config, wrong_field
from pitwall.drive import weights
from schemas.counted import counted

if TYPE_CHECKING:
    from flows.looping import Lap, LoopReport
    from schemas.loop import LoopConfig

Fields = dict[str, object]
_DRIVE, _LEARNER, _JUDGE = "Driving", "Learner", "Judging"


def loop(
    context: typer.Context,
    iterations: Annotated[int, typer.Option(min=1, help="Laps: one rollout and one version each.")] = 100,
    named: Annotated[
        str,
        typer.Option(
            "--named",
            autocompletion=completion.loops,
            help="A known loop: racing, half_cheetah, hopper, inverted_pendulum, pendulum.",
        ),
    ] = "racing",
    env: Annotated[
        str | None,
        typer.Option(
            rich_help_panel=_DRIVE,
            help="Another Gymnasium environment than the named loop's, e.g. my_package:MyEnv-v0.",
        ),
    ] = None,
    agents: Annotated[int | None, typer.Option(min=1, rich_help_panel=_DRIVE, help="Cars that drive at once.")] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=_DRIVE, help="Experiences of a rollout, over all cars.")
    ] = None,
    lidar: Annotated[int | None, typer.Option(min=0, max=32, rich_help_panel=_DRIVE, help="Rays of the LIDAR.")] = None,
    reward: Annotated[
        list[str] | None,
        typer.Option(
            "--reward",
            metavar="NAME=WEIGHT",
            rich_help_panel=_DRIVE,
            help="Another weight of the reward (racing), e.g. speed=0.5; repeat it.",
        ),
    ] = None,
    window: Annotated[
        int | None, typer.Option(min=1, rich_help_panel=_LEARNER, help="Newest rollouts that a lap trains on.")
    ] = None,
    change: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", rich_help_panel=_LEARNER, help="Change a field of the learner."),
    ] = None,
    start: Annotated[
        str | None,
        typer.Option(
            autocompletion=completion.versions, help="Version to begin with. (the champion, else a random policy)"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything that is drawn.")] = 0,
    evaluate_every: Annotated[
        int | None, typer.Option(min=0, rich_help_panel=_JUDGE, help="Laps between two evaluations; 0: only the end.")
    ] = None,
    go_on_from: Annotated[
        str | None,
        typer.Option(rich_help_panel=_JUDGE, help="champion or latest, when a version was not promoted."),
    ] = None,
    risk: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            rich_help_panel=_JUDGE,
            help="Promote unless it is worse than the champion with more than this probability.",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the unfinished loop as it was begun.")] = False,
    anew: Annotated[bool, typer.Option("--new", help="Begin another loop although one is unfinished.")] = False,
    as_json: plain.AsJson = False,
) -> None:
    """Let cars drive and learn, lap by lap: drive, ingest, train, publish.

    Now and then a version is evaluated on unseen tracks, and becomes champion when it is not worse. Interrupt it when
    you like: the same command, or --resume, goes on where it was.

        pitwall --home circuit loop --iterations 100
        pitwall --home circuit loop --resume
        pitwall --home cheetah loop --named half_cheetah --iterations 489

    See also: pitwall evaluate, pitwall ask versions, pitwall status.
    """
    from pitwall.terminal import Terminal

    if not resume:  # a slip is said before anything is loaded
        drive: Fields = {"environment": env, "agents": agents, "steps": steps, "lidar": lidar, "seed": seed}
        drive["reward"] = weights(reward)
        judge: Fields = {"evaluate_every": evaluate_every, "go_on_from": go_on_from, "risk": risk, "window": window}
        config = _config(named, drive, judge, change or [], seed)
    Terminal(quiet=as_json).say("loading the environment")
    from flows.looping import loop as go_round
    from flows.looping import unfinished
    from schemas.errors import SettingsRejected
    from warehouse import loops

    lake = context.obj.made_lake
    if resume:
        if asked := [name for name in context.params if name not in ("resume", "as_json") and _is_given(context, name)]:
            raise SettingsRejected(f"--resume goes on as the loop was begun; leave out --{asked[0].replace('_', '-')}")
        begun = unfinished(lake)
        if begun is None:
            raise SettingsRejected("no loop is unfinished here. Begin one: pitwall loop")
        config, iterations, start = begun
    before = loops.unfinished(lake)

    def left() -> str:
        """A loop is written down before its first lap; what was interrupted earlier cannot be resumed."""
        now = loops.unfinished(lake)
        if now is None or (anew and now == before):
            return "interrupted before the loop was begun; the same command begins it"
        us = session.spelling(context)
        return f"interrupted; {now.loop_id} keeps what it has. The same command goes on with it, or: {us} loop --resume"

    with Terminal(quiet=as_json, interrupted=left) as terminal:

        def told(lap: "Lap") -> None:
            terminal.say(f"{lap.number}/{iterations}  {lap.words()}")

        done = go_round(lake, config, iterations, terminal, start=start, anew=anew, told=told)
    if as_json:
        plain.give(_account(done))
    else:
        show(context, done)


def show(context: typer.Context, done: "LoopReport") -> None:
    """The end of a loop in words, and what to do next."""
    evaluated = "" if done.evaluation is None else f": {done.evaluation.words()}"
    typer.echo(
        f"{done.loop_id}: {counted(done.iterations, 'lap')} done. Champion is version {done.champion}{evaluated}"
    )
    us = session.spelling(context)
    typer.echo(f"How versions did: {us} ask versions")
    if done.evaluation is not None and done.evaluation.finished is not None:
        typer.echo("These tracks had a say neither in training nor in promotion.")
        typer.echo(f"To look at the champion: {us} drive champion --picture line.png")


def _is_given(context: typer.Context, name: str) -> bool:
    return str(context.get_parameter_source(name)).endswith("COMMANDLINE")


def _config(named: str, drive: "Fields", judge: "Fields", changes: list[str], seed: int) -> "LoopConfig":
    from pydantic import ValidationError

    from schemas.errors import SettingsRejected
    from schemas.loop import NAMED, LoopConfig

    if named not in NAMED:
        raise SettingsRejected(f"--named is {named!r}; there are {', '.join(NAMED)}")
    config = NAMED[named]()
    fields = config.model_dump() | {name: value for name, value in judge.items() if value is not None}
    fields["drive"] |= {name: value for name, value in drive.items() if value is not None}
    fields["train"] = training_config.changed(config.train, changes, seed=seed)
    try:
        return LoopConfig(**fields)
    except ValidationError as error:
        raise SettingsRejected(wrong_field.words(error, "loop")) from error


def _account(done: "LoopReport") -> dict[str, object]:
    return {
        "loop": done.loop_id,
        "iterations": done.iterations,
        "start": done.start,
        "champion": done.champion,
        "versions": [lap.version for lap in done.laps],
        "seconds": [lap.seconds for lap in done.laps],
    }


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(loop)
