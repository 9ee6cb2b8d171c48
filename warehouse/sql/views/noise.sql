-- Exploration noise as attribution found it: one row per agent and stretch of constant noise.
--
-- Columns:
--   rollout_id   rollout
--   agent_index  which agent
--   first_step   first step of the stretch
--   last_step    last step of the stretch; the largest integer for an agent's last stretch
--   noise_scale  factor on the policy's standard deviation
with stretches as (
    select rollout_id, unnest(noise::double[][]) as stretch from catalog.attributions
)
select
    rollout_id,
    stretch[1]::integer as agent_index,
    stretch[2]::integer as first_step,
    coalesce(lead(stretch[2]::integer) over (partition by rollout_id, stretch[1] order by stretch[2]) - 1, 2147483647)
        as last_step,
    stretch[3] as noise_scale
from stretches
