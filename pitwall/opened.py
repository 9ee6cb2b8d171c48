"""A lake and its registry in Python: what the commands do, for notebooks and scripts.

Arrives: an opened lake. Leaves: polars frames, windows, trainings and versions, each typed. Nothing is computed here:
every method is one call of what the command of the same name calls.
"""

import datetime
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self, Unpack

from pitwall.opened_models import Models
from pitwall.opened_training import Training
from pitwall.opened_window import SelectedWindow
from pitwall.window_request import Conditions, requested
from warehouse.lake import Lake

if TYPE_CHECKING:
    import polars as pl

    from schemas.training import TrainConfig


class Pitwall:
    """One lake with its registry; made by `pitwall.open()`, closed by `close()`, a `with` block, or by letting go."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._close = weakref.finalize(self, lake.catalog.engine.dispose)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the catalog; then it answers no more. Calling it again changes nothing."""
        self._close()

    @property
    def lake(self) -> Lake:
        """What the functions of `warehouse` and `flows` take; raises PitwallError once it is closed."""
        if not self._close.alive:
            from schemas.errors import PitwallError

            raise PitwallError(
                f"the lake in {self.home} is closed here. Open it again: pitwall.open({str(self.home)!r})"
            )
        return self._lake

    @property
    def home(self) -> Path:
        """Folder of lake and models."""
        return self._lake.paths.home

    @property
    def models(self) -> Models:
        """The versions, as `pitwall models`."""
        return Models(self.lake)

    def sql(self, statement: str, /, *, reward: str | None = None, **parameters: object) -> "pl.DataFrame":
        """Ask the lake in SQL, read-only, as `pitwall sql`; `$name` in the statement is bound to the parameter.

        Args:
            statement: One SELECT (or EXPLAIN of one) in DuckDB's SQL; its views: `pitwall sql --help`.
            reward: Rewards and returns are those of this named reward.
            parameters: Values for `$name`.

        Raises:
            QueryRejected: the statement does more than read, or DuckDB refuses it.
            NotRegistered: no reward has this name.
            LakeDamaged: a partition that the catalog lists cannot be read.
        """
        import polars as pl

        from warehouse.query import run
        from warehouse.rewards import get

        scored = None if reward is None else get(self.lake, reward)
        return pl.DataFrame(run(self.lake, statement, parameters or None, scored))

    def window(
        self,
        *,
        newest: int | None = None,
        max_age: int | None = None,
        best: int | None = None,
        since: datetime.datetime | None = None,
        until: datetime.datetime | None = None,
        run: str | None = None,
        sql: str | None = None,
        max_rows: int | None = None,
        min_rows: int = 1,
        reward: str | None = None,
    ) -> SelectedWindow:
        """Select whole rollouts and write the choice down, as `pitwall window`; without a condition the newest 20.

        Args:
            newest: The newest so many rollouts.
            max_age: At most so many policy versions old.
            best: The best so many by mean episode return.
            since: Written at or after.
            until: Written before.
            run: Of this run (engine session).
            sql: SELECT that returns rollout ids.
            max_rows: Whole rollouts while they fit.
            min_rows: Fewer rows are an error.
            reward: A named reward in place of the recorded one.

        Raises:
            WindowEmpty: nothing fits, or fewer rows than `min_rows`.
            SettingsRejected, QueryRejected, NotRegistered, RewardRejected: a condition is unusable.
        """
        from warehouse.windows import select

        request = requested(
            newest=newest,
            max_age=max_age,
            best=best,
            since=since,
            until=until,
            run=run,
            sql=sql,
            max_rows=max_rows,
            min_rows=min_rows,
            reward=reward,
        )
        return SelectedWindow(self.lake, select(self.lake, request))

    def train(
        self,
        window: SelectedWindow | None = None,
        *,
        config: "str | TrainConfig" = "engine",
        set: Mapping[str, object] | None = None,
        seed: int | None = None,
        device: str | None = None,
        parent: int | str | None = None,
        at_least_new: int = 0,
        progress: bool = False,
        **conditions: Unpack[Conditions],
    ) -> Training:
        """Train the next version and publish it, as `pitwall train`.

        Args:
            window: What `window()` selected; or give its conditions here (`newest=10`).
            config: A known configuration by name, or one of your own.
            set: Fields of it to change.
            seed: Order of minibatches; the configuration's own where it is not given.
            device: auto, cpu, cuda or mps; likewise.
            parent: Start from this version (else the policy that collected).
            at_least_new: Do nothing unless so many rollouts are new to training.
            progress: Show bars and lines as the command does.
            conditions: Those of `window()`.

        Raises:
            SettingsRejected: a field is unusable, or both a window and conditions are given.
            WindowEmpty: the window selects nothing that can be trained on.
            TrainingStopped, ParityBroken: nothing is published.
        """
        from flows.training import train
        from pitwall.terminal import Terminal
        from pitwall.training_config import changed_fields, known
        from schemas.errors import SettingsRejected

        if window is not None and conditions:
            raise SettingsRejected(
                f"both a window and conditions ({', '.join(conditions)}) are given, wanted one of them: "
                "train(window), or train(newest=10)"
            )
        request = requested(**conditions) if window is None else window.again()
        begin = known(config, "config") if isinstance(config, str) else config
        fields = dict(set or {}) | {
            name: value for name, value in (("seed", seed), ("device", device)) if value is not None
        }
        chosen = changed_fields(begin, fields)
        with Terminal(quiet=not progress) as terminal:
            report = train(self.lake, request, chosen, terminal, parent=parent, at_least_new=at_least_new)
        return Training(**vars(report))

    def __repr__(self) -> str:
        state = f"versions={len(self.models)}" if self._close.alive else "closed"
        return f"Pitwall(home={str(self.home)!r}, {state})"
