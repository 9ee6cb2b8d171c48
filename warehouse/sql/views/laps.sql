-- One row per lap of a driving loop.
--
-- Columns:
--   loop_id     the loop
--   lap         its number, from 1
--   rollout_id  the rollout that it drove
--   head        version that it trained further
--   version     version that it made; NULL until then
--   promoted    whether that became champion; NULL where it was not judged
--   goes_on     version that the next lap trains further; NULL until this one is done
select loop_id, lap, rollout_id, head, version, promoted, goes_on
from catalog.laps
