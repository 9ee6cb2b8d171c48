"""A window as one Parquet file for any tool.

Arrives: a window's manifest. Leaves: the bytes of a file whose metadata says what each column means, and which window,
reward and rows these are.
"""

import io
import json
from fnmatch import fnmatch

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.window import WindowManifest
from warehouse.lake import Lake
from warehouse.views import views
from warehouse.window_rows import rows_inside

KEY = "pitwall"
"""Key of the file's metadata that holds JSON."""
_OURS = {
    "claimed_version": "version that the file itself names as its author",
    "verdict": "what came of looking for the author: author, unknown, claim_refuted, ...",
}
_ORDER = "run_id, agent_index, rollout_position, step"


def window_parquet(lake: Lake, manifest: WindowManifest) -> bytes:
    """All rows of the window, in the order of training; raises what `window_rows` raises."""
    table = rows_inside(lake, manifest)
    about = {
        "window_id": manifest.window_id,
        "rows_sha256": manifest.rows_sha256,
        "request": manifest.request.model_dump(mode="json", exclude_defaults=True),
        "reward": None if manifest.reward is None else manifest.reward.model_dump(mode="json"),
        "sorted_by": _ORDER,
        "columns": {name: _meaning(name) for name in table.column_names},
    }
    described = [
        field.with_metadata({"description": about["columns"][field.name]})  # type: ignore[index]
        for field in table.schema
    ]
    table = table.cast(pa.schema(described, {KEY: json.dumps(about)}))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _meaning(column: str) -> str:
    """From the header of the view `experiences`."""
    known = views()["experiences"].columns | _OURS
    return known.get(column) or next(text for name, text in known.items() if "*" in name and fnmatch(column, name))
