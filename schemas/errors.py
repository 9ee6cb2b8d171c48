"""What can go wrong, as one tree. Retries read only `Terminal` and `Transient`.

PitwallError
├── Terminal               trying again gives the same answer
│   ├── RolloutRejected    a rollout file cannot go into the lake
│   ├── PolicyRejected     a policy file is not what the engine loads
│   ├── SettingsRejected   a setting or an argument is unusable
│   ├── QueryRejected      the user's SQL or question is refused or wrong
│   ├── RewardRejected     a named reward gives no number for a row, or may not be redefined
│   ├── WindowEmpty        a window selects nothing, or less than asked for
│   ├── NotRegistered      no such version, alias, window, question or lake
│   ├── LakeDamaged        a stored file is not what the catalog says
│   ├── EvaluationRejected drives cannot be stored as an evaluation, or two evaluations cannot be compared
│   ├── TrainingStopped    a number of the update is not finite, or a gate closed
│   └── ParityBroken       exports of one policy disagree; nothing is published
└── Transient              the same call may succeed later
    ├── CatalogBusy        the catalog is locked or out of reach
    ├── WorkersLost        a process of a training by several was killed, or could not begin
    ├── TrackerBusy        TensorBoard's folder or MLflow cannot be told of a version
    └── StorageBusy        a file is held by another program (Windows) or the disk is full
"""


class PitwallError(Exception):
    """Base of all our errors; its text says where, what was there, what was wanted and what to do next."""


class Terminal(PitwallError):
    """Trying again gives the same answer."""


class Transient(PitwallError):
    """The same call may succeed later."""


class RolloutRejected(Terminal):
    """A rollout file cannot go into the lake as a whole."""


class PolicyRejected(Terminal):
    """A policy file is not what the engine loads."""


class SettingsRejected(Terminal):
    """A setting or an argument is unusable."""


class QueryRejected(Terminal):
    """The user's SQL or question is refused or wrong."""


class RewardRejected(Terminal):
    """A named reward gives no number for a row, or may not be redefined."""


class WindowEmpty(Terminal):
    """A window selects nothing, or less than asked for."""


class NotRegistered(Terminal):
    """No such version, alias, window, question or lake."""


class LakeDamaged(Terminal):
    """A stored file is not what the catalog says."""


class EvaluationRejected(Terminal):
    """Drives cannot be stored as an evaluation, or two evaluations cannot be compared."""


class TrainingStopped(Terminal):
    """A number of the update is not finite, or a gate closed."""


class ParityBroken(Terminal):
    """Exports of one policy disagree; nothing is published."""


class CatalogBusy(Transient):
    """The catalog is locked or out of reach."""


class StorageBusy(Transient):
    """A file is held by another program, or the disk is full."""


class WorkersLost(Transient):
    """A process of a training by several was killed, or could not begin; nothing is published."""


class TrackerBusy(Transient):
    """TensorBoard's folder or MLflow cannot be told of a version; the version stands."""
