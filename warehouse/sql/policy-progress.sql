-- How do return and length of whole episodes go from policy version to policy version?
--
-- The intervals are the normal approximation, mean +- 1.96 standard errors; NULL below two episodes.
-- Episodes of several versions are left out; those of unknown authors are the row without a version.
-- Parameters:
--   run: text = null   of this run alone
-- Columns:
--   policy_version     version that collected
--   episodes           whole episodes
--   return_mean        mean of their returns
--   return_low         lower end of the mean's 95 % interval
--   return_high        upper end of the mean's 95 % interval
--   return_median      median of their returns
--   length_mean        mean of their lengths (rows)
--   length_low         lower end of the mean's 95 % interval
--   length_high        upper end of the mean's 95 % interval
--   terminated_share   share of them that ended terminated
--   noise_mean         mean noise scale
select
    policy_version,
    count(*) as episodes,
    avg(return) as return_mean,
    avg(return) - 1.96 * stddev_samp(return) / sqrt(count(*)) as return_low,
    avg(return) + 1.96 * stddev_samp(return) / sqrt(count(*)) as return_high,
    median(return) as return_median,
    avg(length) as length_mean,
    avg(length) - 1.96 * stddev_samp(length) / sqrt(count(*)) as length_low,
    avg(length) + 1.96 * stddev_samp(length) / sqrt(count(*)) as length_high,
    avg((ended = 'terminated')::integer) as terminated_share,
    avg(noise_scale) as noise_mean
from episodes
where whole
    and return is not null
    and ($run is null or run_id = $run)
    and (policy_version is not null or policy_version_min is null)
group by policy_version
order by policy_version nulls last
