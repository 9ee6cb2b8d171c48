-- What did the agent see and do in one episode, every step of it?
--
-- Parameters:
--   run: text                  its run
--   agent: integer             its agent
--   first_rollout_id: text     rollout of its first row
--   first_row_index: integer   that row's position in the file
--   last_rollout_id: text      rollout of its last row
--   last_row_index: integer    that row's position in the file
-- Columns:
--   obs_*                      observations before each step
--   action_*                   actions as applied
with bounds as (
    select
        min(position) filter (where rollout_id = $first_rollout_id) as first_position,
        min(position) filter (where rollout_id = $last_rollout_id) as last_position
    from rollouts
    where run_id = $run
)
select columns('^(obs_|action_)')
from experiences, bounds
where experiences.run_id = $run
    and experiences.agent_index = $agent
    and experiences.rollout_position between bounds.first_position and bounds.last_position
    and (experiences.rollout_position > bounds.first_position or experiences.row_index >= $first_row_index)
    and (experiences.rollout_position < bounds.last_position or experiences.row_index <= $last_row_index)
order by experiences.rollout_position, experiences.step
