-- Which version came from which, and how was each judged last?
--
-- As the question versions, but it names no view over partitions, so it answers where these are gone too.
-- Columns:
--   version          model version
--   parent           version it went on from
--   start            warm, clone, imported or fresh
--   champion         now; was, if it no longer is; NULL if it never was
--   finished_share   share of drives that finished a lap, of its newest evaluation
--   return_mean      mean return of it
with evaluated as (
    select version, finished_share, return_mean
    from evaluations
    qualify row_number() over (partition by version order by evaluation_id desc) = 1
),
champions as (
    select distinct to_version as version from promotions where alias = 'champion'
)
select
    models.version,
    models.parent,
    models.start,
    case
        when list_contains(string_split(models.aliases, ', '), 'champion') then 'now'
        when champions.version is not null then 'was'
    end as champion,
    evaluated.finished_share,
    evaluated.return_mean
from models
left join evaluated on evaluated.version = models.version
left join champions on champions.version = models.version
order by models.version
