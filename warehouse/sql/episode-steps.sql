-- What happened in one episode, step by step?
--
-- One row per figure and stretch of steps. A short episode's stretches are single steps; a longer one's hold equally
-- many, and low and high say what the mean hides. Which episode: the columns of the same names of episode-list.
-- Parameters:
--   run: text                  its run
--   first_rollout_id: text     rollout of its first row
--   first_row_index: integer   that row's position in the file
--   last_rollout_id: text      rollout of its last row
--   last_row_index: integer    that row's position in the file
--   points: integer = 600      stretches at most
-- Columns:
--   step                       first step of the stretch, from 0
--   steps                      how many it holds
--   kind                       observation, action, reward term or figure (reward, value, log_prob)
--   name                       name of the observation, action, term or figure
--   mean                       mean over the stretch
--   low                        smallest
--   high                       largest
with bounds as (
    select
        (select position from rollouts where rollout_id = $first_rollout_id) as first_position,
        (select position from rollouts where rollout_id = $last_rollout_id) as last_position,
        (
            select any_value(agent_index)
            from experiences
            where run_id = $run and rollout_id = $first_rollout_id and row_index = $first_row_index
        ) as agent_index
),
rows as (
    select
        experiences.*,
        row_number() over (order by experiences.rollout_position, experiences.step) - 1 as place,
        count(*) over () as length
    from experiences
    join bounds on bounds.agent_index = experiences.agent_index
    where experiences.run_id = $run
        and experiences.rollout_id in (
            select rollouts.rollout_id
            from rollouts, bounds
            where rollouts.run_id = $run and rollouts.position between bounds.first_position and bounds.last_position
        )
        and (experiences.rollout_position > bounds.first_position or experiences.row_index >= $first_row_index)
        and (experiences.rollout_position < bounds.last_position or experiences.row_index <= $last_row_index)
),
stretches as (
    select
        min(place)::bigint as first_step,
        count(*)::bigint as steps_held,
        {
            'mean': avg(columns('^(obs_|action_|term_)|^(reward|value|log_prob)$')),
            'low': min(columns('^(obs_|action_|term_)|^(reward|value|log_prob)$')),
            'high': max(columns('^(obs_|action_|term_)|^(reward|value|log_prob)$'))
        } as '\0'
    from rows
    group by place // ceil(length / $points)::bigint
)
select
    first_step as step,
    steps_held as steps,
    case
        when starts_with(name, 'obs_') then 'observation'
        when starts_with(name, 'action_') then 'action'
        when starts_with(name, 'term_') then 'reward term'
        else 'figure'
    end as kind,
    regexp_replace(name, '^(obs|action|term)_', '') as name,
    figure.mean as mean,
    figure.low as low,
    figure.high as high
from (unpivot stretches on columns('^(obs_|action_|term_)|^(reward|value|log_prob)$') into name name value figure)
where figure.mean is not null
order by kind, name, step
