"""Cars that drive: plays the engine's part where there is no engine. Imports none of the other rooms, and no torch.

Arrives: a policy as the engine's JSON; seeds of tracks; commands. Leaves: observations, rewards and infos as a
Gymnasium environment (`Pitwall/Racing-v0`), rollout files as the engine writes them, drives that judge a policy.
"""

import gymnasium

ENVIRONMENT = "Pitwall/Racing-v0"

gymnasium.register(
    id=ENVIRONMENT,
    entry_point="racing.env:RacingEnv",
    vector_entry_point="racing.vector_env:RacingVectorEnv",
)
