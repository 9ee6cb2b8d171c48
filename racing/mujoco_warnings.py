"""What MuJoCo warns of, in Python's log: each text once.

Left alone, MuJoCo prints a line for every environment that is made, and appends it to a file in the working folder.
Arrives: an environment's id. Leaves: records of the logger `racing.mujoco`.
"""

import logging

import gymnasium

_log = logging.getLogger("racing.mujoco")
_told: set[str] = set()


def listen(env_id: str) -> None:
    """Call it before an environment is made; for those without MuJoCo it does nothing."""
    spec = gymnasium.registry.get(env_id)
    if spec is None or ".mujoco." not in str(spec.entry_point):
        return
    try:
        import mujoco
    except ImportError:  # Gymnasium says so, in its own words, when the environment is made
        return
    mujoco.set_mju_user_warning(_tell)


def _tell(text: str) -> None:
    if text not in _told:
        _told.add(text)
        _log.warning("MuJoCo: %s", text.strip())
