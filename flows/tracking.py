"""Versions told to the trackers that the settings name.

Arrives: a version that is published. Leaves: its runs in TensorBoard and MLflow, or a note with the reason why not: the
version stands in any case, and can be sent again.
"""

from collections.abc import Callable
from functools import cache, partial

from flows.tracker import Account, Tracker
from schemas.errors import PitwallError, TrackerBusy
from schemas.manifest import MANIFEST
from schemas.secret import redacted
from schemas.settings import Settings
from warehouse import registry
from warehouse.aliases import LATEST
from warehouse.lake import Lake

_REASON = 300
"""Characters of what a tool says that a note repeats."""


def track(lake: Lake, version: int | str) -> dict[str, str]:
    """Send a version to every tracker of the settings; returns where it lies, by tracker.

    Raises:
        NotRegistered, LakeDamaged: the version, or what was published of it, is not there.
        SettingsRejected: the package of a tracker is not installed.
        TrackerBusy: a tracker refuses or is out of reach; those before it were told.
    """
    told, places = account(lake, version), {}
    for tracker in trackers(lake.settings):
        try:
            places[tracker.name] = tracker.send(told)
        except PitwallError:
            raise
        except Exception as error:  # a tool of others may raise anything
            raise TrackerBusy(
                f"{tracker.name} was not told of version {told.model.version}: {_reason(error)}. Is the setting "
                f"{tracker.name.lower()} right, and is it in reach? The same call goes on from there"
            ) from None  # what the tool says may hold its URL with a password
    return places


def track_published(lake: Lake, version: int) -> tuple[str, ...]:
    """The same after publishing: what goes wrong becomes a note, since the version stands."""
    told = cache(partial(account, lake, version))  # files are read once, and only where somebody is to be told
    return _noted(lake, lambda tracker: tracker.send(told()), f"pitwall models track {version}")


def track_aliases(lake: Lake) -> tuple[str, ...]:
    """Tell where the aliases point after they moved; what goes wrong becomes a note."""
    return _noted(lake, lambda tracker: tracker.point(_aliases(lake)), "pitwall models track latest")


def trackers(settings: Settings) -> list[Tracker]:
    """Those that the settings name; their packages are not loaded yet."""
    found: list[Tracker] = []
    if settings.tensorboard is not None:
        from flows.tensorboard_tracker import TensorBoard

        found.append(TensorBoard(settings.tensorboard))
    if settings.mlflow:
        from flows.mlflow_tracker import MLflow

        found.append(MLflow(settings.mlflow))
    return found


def account(lake: Lake, version: int | str) -> Account:
    """What there is to tell of a version; raises as `registry.read_file`."""
    model = registry.get(lake, version)
    files = {name: registry.read_file(lake, model.version, name) for name in model.files}
    return Account(model, registry.read_manifest(lake, model.version), files, _aliases(lake))


def _aliases(lake: Lake) -> dict[str, str]:
    return {
        alias: model.files[MANIFEST].sha256
        for model in registry.versions(lake)
        for alias in model.aliases
        if alias != LATEST
    }


def _noted(lake: Lake, tell: Callable[[Tracker], object], again: str) -> tuple[str, ...]:
    notes = []
    for tracker in trackers(lake.settings):
        try:
            tell(tracker)
        except Exception as error:  # a tool of others may raise anything, and a published version stands
            notes.append(f"{tracker.name} was not told: {_reason(error)}. Then: {again}")
    return tuple(notes)


def _reason(error: Exception) -> str:
    """What a tool says, on one line and without passwords."""
    text = " ".join(redacted(str(error)).split()) or type(error).__name__
    return text if len(text) <= _REASON else f"{text[:_REASON]}..."
