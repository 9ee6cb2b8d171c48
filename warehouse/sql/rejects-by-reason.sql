-- Why were files and experiences rejected?
--
-- Reasons count together when they differ in numbers alone.
-- Parameters:
--   resolved: flag = false   count those too that a mended file brought in after all
-- Columns:
--   reason             the reason, with # for every number
--   files              files it concerns
--   whole_files        of these, rejected as a whole
--   rows               rejected experiences
--   latest             when the last one was rejected, UTC
--   example            one of the files
select
    regexp_replace(reason, '-?\d+(\.\d+)?', '#', 'g') as reason,
    count(distinct content_id) as files,
    count(*) filter (where row_index is null) as whole_files,
    count(row_index) as rows,
    max(rejected_at) as latest,
    max_by(file_name, reject_id) as example
from rejects
where $resolved or resolved_by is null
group by 1
order by files desc, rows desc, reason
