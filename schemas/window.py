"""What to train on: a window over whole rollouts, asked for and then written down.

Arrives: a `Window` (a request). Leaves: a `WindowManifest`, which names partitions by hash and rows by range and so
selects the same rows whenever it is read.
"""

import datetime

from pydantic import BaseModel, ConfigDict, Field, field_validator

from schemas.reward import Reward, RewardName
from schemas.space import Space


class Window(BaseModel):
    """A request for whole rollouts. Conditions combine with "and"; then `newest`, then `best`, then the row bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    newest: int | None = Field(default=None, ge=1)
    """The newest N rollouts, by the engine's time of writing."""
    max_age: int | None = Field(default=None, ge=0)
    """Collected by a policy at most this many versions older than the latest one; unknown authors fall out."""
    best: int | None = Field(default=None, ge=1)
    """The best N by mean return of the episodes that ended in the rollout."""
    since: datetime.datetime | None = None
    """Written at or after this moment (the engine's local time; where a file does not say, UTC of ingest).
    A moment with a time zone is taken to this machine's local time."""
    until: datetime.datetime | None = None
    """Written before this moment."""
    run: str | None = None
    """Of this run."""
    rollouts: tuple[str, ...] | None = None
    """Of these ids, all of which must be there."""
    sql: str | None = None
    """A SELECT over the views whose first column is `rollout_id`."""
    max_rows: int | None = Field(default=None, ge=1)
    """Whole rollouts are taken, newest first, while they fit."""
    min_rows: int = Field(default=1, ge=1)
    """With fewer rows nothing is selected, and that is an error."""
    refuted: bool = False
    """Also rollouts whose claimed author does not match their values."""
    space: str | None = None
    """Space id to select; by default the space of the newest rollout that fits the conditions."""
    reward: RewardName | None = None
    """A named reward (pitwall rescore) in place of the recorded one; rollouts that it cannot score are left out."""

    @field_validator("since", "until")
    @classmethod
    def _local(cls, moment: datetime.datetime | None) -> datetime.datetime | None:
        """The engine writes local time without a zone; forms and scripts often send one."""
        return moment.astimezone().replace(tzinfo=None) if moment is not None and moment.tzinfo else moment


RECENT = Window(newest=20)
"""What is trained on where nobody asks for anything else."""


class WindowRollout(BaseModel):
    """The rows of one rollout: a range of a partition."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rollout_id: str
    run_id: str
    partition_sha256: str
    path: str
    first_row: int
    rows: int
    rows_sha256: str


class WindowManifest(BaseModel):
    """The rows themselves, named for good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_id: str
    """Hash over rows and their places, and over the reward where it is not the recorded one."""
    request: Window
    sql: str
    """The statement that selected, with the values it was bound to."""
    space: Space
    rollouts: tuple[WindowRollout, ...]
    rows: int
    rows_sha256: str
    """Hash over the rows of all rollouts in order."""
    reward: Reward | None = None
    """The reward of the rows; none: as recorded."""
    narrowed: tuple[str, ...] = ()
    """What the request left out that the caller may not expect, in words."""
