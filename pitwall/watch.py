"""`pitwall watch`: train on what the engine exports, as it comes."""

from pathlib import Path
from typing import Annotated

import typer

from pitwall import completion, training_config


def watch(
    context: typer.Context,
    exports: Annotated[
        Path | None, typer.Argument(metavar="EXPORT_DIR", help="The engine's rollouts; none: the setting `landing`.")
    ] = None,
    models: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL_DIR", help="Where the engine loads from; none: the setting `engine_models_dir`."),
    ] = None,
    every: Annotated[
        int | None, typer.Option(min=1, help="Train when so many new rollouts are there. (the setting `new_rollouts`)")
    ] = None,
    poll: Annotated[
        float | None,
        typer.Option(min=0.1, metavar="SECONDS", help="Look so often, on network drives that tell of no changes."),
    ] = None,
    named: Annotated[
        str,
        typer.Option(
            "--config",
            autocompletion=completion.configurations,
            help="engine, plugin_script, racing, cleanrl_continuous or pendulum.",
        ),
    ] = "engine",
    change: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one field; repeat at will.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Order of minibatches.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Watch the engine's export folder, train, hand versions to the engine.

    Begins with what lies there; every rollout is trained on once. Ctrl-C ends it, and nothing is lost: the same command
    goes on from there.

        pitwall watch Saved/Training/Exports Saved/Training/Models --every 5

    Settings: landing, engine_models_dir, engine_model_name, new_rollouts, reports.
    See also: pitwall ingest, pitwall train, pitwall up.
    """
    from flows.watching import watch as watch_now
    from pitwall.log_lines import LogLines
    from schemas.errors import SettingsRejected
    from schemas.settings import Settings
    from warehouse.engine_policies import check_not_swapped
    from warehouse.lake import Lake

    config = training_config.chosen(named, change or [], seed=seed, device=device)
    session = context.obj
    given = {"landing": exports and exports.absolute(), "engine_models_dir": models and models.absolute()}
    settings = Settings.load(home=session.home, catalog=session.catalog, **given)
    if settings.landing is None or settings.engine_models_dir is None:
        raise SettingsRejected(
            "which folders? pitwall watch EXPORT_DIR MODEL_DIR, or set landing and engine_models_dir in pitwall.toml"
        )
    landing = settings.landing.absolute()
    if not landing.is_dir() and not landing.parent.is_dir():
        raise SettingsRejected(f"{landing}: neither this folder nor the one above it is there. Give the engine's own")
    check_not_swapped(landing, settings.engine_models_dir.absolute())
    lake = Lake.open(settings)
    context.call_on_close(lake.catalog.engine.dispose)
    lines = LogLines(stamped=True)
    wanted = settings.new_rollouts if every is None else every
    enough = "a new rollout is there" if wanted == 1 else f"{wanted} new rollouts are there"
    lines.say(f"watching {landing}; a version is trained whenever {enough}. Ctrl-C ends it")
    try:
        watch_now(lake, landing, config, lines, every=wanted, poll=poll)
    except KeyboardInterrupt:
        lines.say("stopped")
        raise


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(watch)
