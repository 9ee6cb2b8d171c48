-- One row per episode: one drive of one agent, across the rollouts of a run.
--
-- An episode goes on in the next rollout of its run where no row is known to be missing in between. Rows are known to
-- be missing where one was rejected or lost, where the engine's index skips, or where the agent is absent from a rollout.
-- Columns:
--   episode_id          run_id/agent_index/number; it moves when an earlier rollout arrives late
--   run_id              the engine session; a filter on it reads that run's partitions alone
--   agent_index         which agent
--   number              count within the run and agent, from 0
--   return              sum of its rewards (undiscounted); NULL where a named reward cannot score one of its rows
--   length              its rows
--   ended               terminated, truncated, cut (rows missing after it) or open (goes on after the newest rollout)
--   whole               its beginning is there and it ended terminated or truncated; only then is the return the drive's
--   policy_version      version that collected it, where all of it has one; NULL while unknown or mixed
--   policy_version_min  oldest known version that collected it
--   policy_version_max  newest known version that collected it
--   noise_scale         factor on the policy's standard deviation; NULL while unknown
--   rollouts            rollouts it spans
--   first_rollout_id    rollout of its first row
--   first_row_index     that row's position in the file
--   last_rollout_id     rollout of its last row
--   last_row_index      that row's position in the file
--   written_at          engine's local time at which the file of its first row was written
with ledger as (
    select
        rollout_id,
        run_id,
        position,
        policy_version,
        written_at,
        row_number() over in_run as ordinal,
        -- nothing is missing between this rollout and the one before, or before the run's first
        coalesce(rollout_index = coalesce(lag(rollout_index) over in_run, case when row_number() over in_run = 1 then -1 end) + 1, true)
            as follows,
        lead(rollout_id) over in_run is null as is_newest
    from rollouts
    window in_run as (partition by run_id order by position)
),
-- A piece is what an episode has in one rollout: it ends where the episode does, at a gap, or with the file.
steps as (
    select
        run_id, rollout_id, agent_index, step, row_index, reward, terminated, truncated, gap_before, gap_after,
        count(*) filter (where terminated or truncated or gap_after) over (
            partition by run_id, rollout_id, agent_index order by step rows between unbounded preceding and 1 preceding
        ) as piece
    from catalog.steps
),
pieces as (
    select
        run_id,
        rollout_id,
        agent_index,
        piece,
        case when count(reward) = count(*) then sum(reward) end as reward,
        count(*) as rows,
        min(step) as first_step,
        min(row_index) as first_row_index,
        max(row_index) as last_row_index,
        bool_or(terminated) as terminated,
        bool_or(truncated) as truncated,
        arg_min(gap_before, step) as gap_before,
        bool_or(gap_after) as gap_after
    from steps
    group by run_id, rollout_id, agent_index, piece
),
placed as (
    select
        pieces.*,
        ledger.policy_version,
        ledger.written_at,
        ledger.is_newest,
        ledger.ordinal,
        ledger.follows,
        noise.noise_scale,
        row_number() over in_order as place,
        lag(pieces.terminated or pieces.truncated) over in_order as after_end,
        -- NULL for the agent's first piece
        not pieces.gap_before
            and not lag(pieces.gap_after) over in_order
            and (
                lag(ledger.ordinal) over in_order = ledger.ordinal
                or (lag(ledger.ordinal) over in_order = ledger.ordinal - 1 and ledger.follows)
            ) as unbroken,
        lead(pieces.rollout_id) over in_order is null as is_last
    from pieces
    join ledger on ledger.rollout_id = pieces.rollout_id and ledger.run_id = pieces.run_id
    left join noise
        on noise.rollout_id = pieces.rollout_id
        and noise.agent_index = pieces.agent_index
        and pieces.first_step between noise.first_step and noise.last_step
    window in_order as (partition by pieces.run_id, pieces.agent_index order by ledger.position, pieces.piece)
),
numbered as (
    select
        *,
        coalesce(after_end and unbroken, ordinal = 1 and follows and not gap_before) as has_beginning,
        sum(coalesce(after_end or not unbroken, true)::integer) over (partition by run_id, agent_index order by place) - 1
            as number
    from placed
),
gathered as (
    select
        run_id,
        agent_index,
        number::integer as number,
        case when count(reward) = count(*) then sum(reward) end as return,
        sum(rows)::integer as length,
        case
            when bool_or(terminated) then 'terminated'
            when bool_or(truncated) then 'truncated'
            when arg_max(is_last and is_newest and not gap_after, place) then 'open'
            else 'cut'
        end as ended,
        arg_min(has_beginning, place) as has_beginning,
        case when count(policy_version) = count(*) and min(policy_version) = max(policy_version)
            then min(policy_version) end as policy_version,
        min(policy_version) as policy_version_min,
        max(policy_version) as policy_version_max,
        arg_min(noise_scale, place) as noise_scale,
        count(*)::integer as rollouts,
        arg_min(rollout_id, place) as first_rollout_id,
        arg_min(first_row_index, place) as first_row_index,
        arg_max(rollout_id, place) as last_rollout_id,
        arg_max(last_row_index, place) as last_row_index,
        first(written_at order by place) as written_at
    from numbered
    group by run_id, agent_index, number
)
select
    run_id || '/' || agent_index || '/' || number as episode_id,
    run_id,
    agent_index,
    number,
    return,
    length,
    ended,
    has_beginning and ended in ('terminated', 'truncated') as whole,
    policy_version,
    policy_version_min,
    policy_version_max,
    noise_scale,
    rollouts,
    first_rollout_id,
    first_row_index,
    last_rollout_id,
    last_row_index,
    written_at
from gathered
