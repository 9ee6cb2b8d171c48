"""A window's rows as a file for other tools, as the command line and Python ask for it.

Arrives: a manifest, a format, a place. Leaves: the file or folder, and what was written in words.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    from schemas.window import WindowManifest
    from warehouse.lake import Lake
    from warehouse.minari_export import MinariWritten

Format = Literal["parquet", "minari"]
End = Literal["nan", "last"]


def check(export: Format | None, to: Path | None) -> None:
    """Raise SettingsRejected where only one of the two is given."""
    from schemas.errors import SettingsRejected

    if (export is None) != (to is None):
        given, other = ("--to", "--export parquet or minari") if export is None else ("--export", "--to PATH")
        raise SettingsRejected(f"{given} is given without {other}")


def write(
    lake: "Lake", manifest: "WindowManifest", form: Format, to: Path, *, end: End = "nan", force: bool = False
) -> str:
    """Write the rows; raises what the writers raise, and SettingsRejected for a format or an end that is none."""
    from schemas.errors import SettingsRejected

    for name, value, known in (("format", form, get_args(Format)), ("end", end, get_args(End))):
        if value not in known:
            raise SettingsRejected(f"{name} is {value!r}; there are {', '.join(known)}")
    if form == "minari":
        from warehouse.minari_export import write_minari

        return _told(write_minari(lake, manifest, to, end=end))
    from warehouse.outside_file import put_all_outside
    from warehouse.window_parquet import window_parquet

    put_all_outside({to: window_parquet(lake, manifest)}, force=force)
    return f"{manifest.rows:,} rows in {to}"


def _told(written: "MinariWritten") -> str:
    left = [f"{written.cut_rows:,} rows of {written.cut:,} cut episodes"] if written.cut else []
    left += [f"{written.unscored:,} episodes without a reward"] if written.unscored else []
    return (
        f"{written.episodes:,} whole episodes with {written.steps:,} steps in {written.folder}"
        + (f"; left out: {', '.join(left)}" if left else "")
        + f'\nminari.load_dataset("{written.dataset_id}") with MINARI_DATASETS_PATH={written.root}'
    )
