"""What can go wrong while driving, as one tree; trying again gives the same answer.

RacingError
├── DriverRejected        a policy file is not what the engine loads whole
├── EnvironmentRejected   an environment is missing, or not one that can be driven
└── DriveRejected         a drive cannot be made, written or drawn as asked
"""


class RacingError(Exception):
    """Base of this room's errors; its text says where, what was there, what was wanted and what to do next."""


class DriverRejected(RacingError):
    """A policy file is not what the engine loads whole."""


class EnvironmentRejected(RacingError):
    """An environment is missing, or not one that can be driven."""


class DriveRejected(RacingError):
    """A drive cannot be made, written or drawn as asked."""
