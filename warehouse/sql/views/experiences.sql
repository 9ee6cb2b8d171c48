-- One row per experience (step) of every live rollout, all spaces and reward terms side by side.
--
-- A feature that a rollout's space lacks is NULL there. No order is promised: sort by run_id, rollout_position, agent_index, step.
-- Columns:
--   rollout_id        rollout this row came in (sha256 of the file's bytes)
--   row_index         position in the file, from 0
--   agent_index       which agent of the rollout
--   step              position within the agent's rows of this file, lost rows counted
--   obs_*             observation before the action, one column per feature
--   action_*          action as applied (clamped)
--   reward            reward of this step; under --reward the named one, NULL where a row cannot be scored
--   terminated        the task ended the episode with this step
--   truncated         a time limit cut the episode with this step
--   log_prob          log density (nats) of the action under the behaviour policy, noise included
--   value             the behaviour critic's V(observation)
--   next_value        V of the observation after this step, where the producer gives it
--   engine_advantage  the engine's own advantage; NULL where the file's number was not finite
--   engine_return     the engine's own return; NULL where the file's number was not finite
--   gap_before        a row of this agent was lost right before this one
--   gap_after         a row of this agent was lost right after this one
--   term_*            reward terms, where the producer gives them
--   run_id            the engine session; a filter on it reads that run's partitions alone
--   rollout_position  order of the rollout within its run, from 0
--   rollout_index     the engine's own index of the rollout
--   policy_version    version that collected it, found from the values; NULL while unknown
--   noise_scale       factor on the policy's standard deviation; NULL while unknown
--   done              terminated or truncated
select
    steps.* exclude (run_id),
    steps.run_id,
    rollouts.position as rollout_position,
    rollouts.rollout_index,
    rollouts.policy_version,
    noise.noise_scale,
    steps.terminated or steps.truncated as done
from catalog.steps as steps
join rollouts on rollouts.rollout_id = steps.rollout_id
left join noise
    on noise.rollout_id = steps.rollout_id
    and noise.agent_index = steps.agent_index
    and steps.step between noise.first_step and noise.last_step
