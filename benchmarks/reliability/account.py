"""What must hold of a lake at any moment, and what once it is at rest; shares no code with the warehouse.

Arrives: a home, the URL of its catalog, what the engine gave. Leaves: sentences about what is wrong.
"""

import datetime
import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import sqlalchemy as sa

from benchmarks.reliability.bank import Input

GRACE = datetime.timedelta(days=7)
_WAITING = (
    ("partitions", "partition_id", "retired_at"),
    ("garbage", "path", "first_seen_at"),
    ("windows", "window_id", "created_at"),
    ("windows", "window_id", "used_at"),
)
"""Table, key and time of what the grace counts from."""
_REJECTED = "select content_id, row_index, file_path, resolved_by from rejects"


class Account:
    """Looks at one lake from outside: SQL as it stands in the catalog, files as they lie on the disk."""

    def __init__(self, home: Path, url: str, exports: Path, engine_folder: Path) -> None:
        self.home, self.exports, self.engine_folder = home, exports, engine_folder
        self.sqlite = home / "catalog.sqlite" if url.startswith("sqlite") else None
        self.engine = sa.create_engine(url, poolclass=sa.pool.NullPool)

    def at_any_moment(self, given: Mapping[str, Input]) -> list[str]:
        """Of the catalog, the files that it names, and inputs that were moved away; `given` by path as posix."""
        lying = {path.as_posix() for path in self.exports.rglob("rollout_*")}
        with self._catalog() as ask:
            if ask is None:
                return []
            wrong = [*self._partitions(ask), *self._windows(ask), *self._versions(ask), *self._aliases(ask)]
            in_lake = {row.rollout_id for row in ask("select rollout_id from rollouts")}
            turned_away = {row.content_id for row in ask(_REJECTED)}
        for path, one in given.items():
            if path not in lying and _identity(one) not in in_lake | turned_away:
                wrong.append(f"{path} was moved away, and is neither in the lake nor among the rejects")
        return [*wrong, *self._engine()]

    def at_rest(self, given: Mapping[str, Input]) -> list[str]:
        """Every row of every input is in the lake exactly once, as it was, or among the rejects exactly once."""
        with self._catalog() as ask:
            if ask is None:
                return ["there is no catalog"]
            wrong = [*self._partitions(ask), *self._windows(ask), *self._versions(ask), *self._aliases(ask)]
            rollouts = {row.rollout_id: row for row in ask(
                "select rollout_id, path, first_row, r.rows from rollouts r join partitions using (partition_id)"
            )}  # fmt: skip
            rejected = Counter((row.content_id, row.row_index) for row in ask(_REJECTED))
        by_content = defaultdict(list)
        for path, one in given.items():
            by_content[_identity(one)].append((path, one))
        wrong += [f"rollout {name} in the lake was never given" for name in rollouts.keys() - by_content.keys()]
        for content, files in by_content.items():
            path, one = files[0]
            if one.document is None:
                if content in rollouts or rejected[content, -1] != len(files):
                    wrong.append(f"{path} is torn and is {rejected[content, -1]} times among the rejects")
                continue
            if content not in rollouts:
                wrong.append(f"{path} is not in the lake")
                continue
            if rejected[content, -1]:
                wrong.append(f"{path} is in the lake and among the rejects")
            if {row for (name, row) in rejected if name == content} != one.rejected:
                wrong.append(f"{path}: other rows are among the rejects than {sorted(one.rejected)}")
            wrong += [f"{path}: {said}" for said in self._rows(rollouts[content], one)]
        return [*wrong, *self._engine()]

    def rows(self, tables: Iterable[str]) -> int:
        """Rows of these tables."""
        with self._catalog() as ask:
            return 0 if ask is None else sum(ask(f"select count(*) from {name}")[0][0] for name in tables)

    def collected(self) -> int:
        """Partitions whose file was deleted, because others hold their rows."""
        with self._catalog() as ask:
            return ask("select count(*) from partitions where removed_at is not null")[0][0] if ask else 0

    def let_days_pass(self, days: float) -> None:
        """Make what waits for the end of its grace so much older, in the catalog and on the disk."""
        back = datetime.timedelta(days=days)
        with self.engine.begin() as connection:
            for table, key, column in _WAITING:
                query = f"select {key}, {column} from {table} where {column} is not null"
                for identity, at in connection.exec_driver_sql(query).all():
                    earlier = sa.text(f"update {table} set {column} = :at where {key} = :identity")
                    at = _time(at) - back
                    value = f"{at:%Y-%m-%d %H:%M:%S.%f}" if self.sqlite else at
                    connection.execute(earlier, {"at": value, "identity": identity})
        for path in self.home.rglob("*"):
            if not path.name.startswith("catalog.sqlite"):
                at = path.stat().st_mtime - days * 86400
                os.utime(path, (at, at))

    def _rows(self, rollout: Any, one: Input) -> Iterator[str]:  # noqa: ANN401 - a row of the catalog
        assert one.document is not None
        table = pq.read_table(self.home / rollout.path).slice(rollout.first_row, rollout.rows).sort_by("row_index")
        wanted = [(at, row) for at, row in enumerate(one.document["experiences"]) if at not in one.rejected]
        if table["row_index"].to_pylist() != [at for at, _ in wanted]:
            yield "its rows are not all there, or not once"
            return
        for name in ("reward", "value", "log_prob"):
            if not np.array_equal(table[name].to_numpy(), np.array([row[name] for _, row in wanted], np.float32)):
                yield f"its {name} is not what the file says"
        states = np.array([row["state"] for _, row in wanted], np.float32)
        found = np.stack([table[name].to_numpy() for name in table.column_names if name.startswith("obs_")])
        if sorted(map(bytes, found)) != sorted(map(bytes, np.ascontiguousarray(states.T))):
            yield "its observations are not what the file says"

    def _partitions(self, ask: Any) -> Iterator[str]:  # noqa: ANN401 - asks the catalog
        members = defaultdict(list)
        for row in ask("select partition_id, first_row, rows from rollouts order by first_row"):
            members[row.partition_id].append((row.first_row, row.rows))
        for row in ask("select partition_id, path, bytes, rows from partitions where retired_at is null"):
            yield from _torn(self.home / row.path, row.bytes, row.partition_id)
            ends = [0]
            for first, rows in members.pop(row.partition_id, []):
                if first != ends[-1]:
                    yield f"{row.path}: rows of rollouts overlap or leave a hole at row {first}"
                ends.append(first + rows)
            if ends[-1] != row.rows:
                yield f"{row.path}: the ledger knows {ends[-1]} rows of {row.rows}"
        yield from (f"rollouts lie in partition {name}, which is not there" for name in members)

    def _windows(self, ask: Any) -> Iterator[str]:  # noqa: ANN401
        """Those of a version, or selected within the grace; the partitions of others may have been deleted."""
        found: Counter[str] = Counter()
        used = {row.window_id for row in ask("select window_id from models where window_id is not null")}
        for row in ask("select window_id, coalesce(used_at, created_at) as at from windows"):
            if _time(row.at) > datetime.datetime.now(datetime.UTC).replace(tzinfo=None) - GRACE:
                used.add(row.window_id)
        query = "select w.window_id, w.rows, p.path from window_rollouts w join partitions p using (partition_id)"
        for row in ask(query):
            found[row.window_id] += row.rows
            if row.window_id in used and not (self.home / row.path).is_file():
                yield f"window {row.window_id}: {row.path} is gone"
        for row in ask("select window_id, rows from windows"):
            if found[row.window_id] != row.rows:
                yield f"window {row.window_id} has {found[row.window_id]} rows of {row.rows}"

    def _versions(self, ask: Any) -> Iterator[str]:  # noqa: ANN401
        files = defaultdict[int, dict[str, tuple[int, str]]](dict)
        for row in ask("select version, name, sha256, bytes from model_files"):
            files[row.version][row.name] = (row.bytes, row.sha256)
        versions = list(ask("select version, folder, manifest_sha256 from models order by version"))
        if [row.version for row in versions] != list(range(1, len(versions) + 1)):
            yield f"versions are {[row.version for row in versions]}, wanted 1 to {len(versions)}"
        for row in versions:
            folder = self.home / row.folder
            for name, (size, sha256) in files[row.version].items():
                yield from _torn(folder / name, size, sha256)
            lying = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
            if lying != files[row.version].keys():
                yield f"{row.folder} holds {sorted(lying)}, wanted {sorted(files[row.version])}"
            elif files[row.version]["manifest.json"][1] != row.manifest_sha256:
                yield f"{row.folder}: the manifest is not the one of the version"
            elif json.loads((folder / "manifest.json").read_bytes())["version"] != row.version:
                yield f"{row.folder}: the manifest is of another version"

    def _aliases(self, ask: Any) -> Iterator[str]:  # noqa: ANN401
        versions = {row.version for row in ask("select version from models")}
        points = {row.alias: row.version for row in ask("select alias, version from aliases")}
        moved = {row.alias: row.to_version for row in ask("select alias, to_version from alias_moves order by move_id")}
        yield from (f"alias {name} points at {at}: nowhere" for name, at in points.items() if at not in versions)
        if points != moved:
            yield f"aliases point at {points}, their last moves at {moved}"
        if versions and (points.get("latest") != max(versions) or "champion" not in points):
            yield f"newest version is {max(versions)}, aliases point at {points}"

    def _engine(self) -> Iterator[str]:
        """The engine never finds a pointer to nothing, or to a policy that it cannot load."""
        pointer = self.engine_folder / "best_model_path.txt"
        if pointer.is_file():
            named = Path(pointer.read_text())
            try:
                json.loads(named.read_bytes())["policy_head"]
            except (OSError, ValueError, KeyError) as error:
                yield f"best_model_path.txt names {named}, which cannot be loaded: {error}"

    @contextmanager
    def _catalog(self) -> "Iterator[Any]":
        """Asks within one view of the catalog; None while there are no tables."""
        if self.sqlite is not None and not self.sqlite.is_file():
            yield None
            return
        with self.engine.connect() as connection:
            if self.sqlite is not None:
                connection.exec_driver_sql("BEGIN")
            else:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            if sa.inspect(connection).has_table("alembic_version"):
                yield lambda statement: connection.exec_driver_sql(statement).all()
            else:
                yield None


def _time(stored: "datetime.datetime | str") -> datetime.datetime:
    """A time of either database."""
    return datetime.datetime.fromisoformat(stored) if isinstance(stored, str) else stored


def _identity(one: Input) -> str:
    """Content of a file: its unpacked bytes; a torn packed file is what it is."""
    return hashlib.sha256(one.unpacked).hexdigest()


def _torn(path: Path, size: int, sha256: str) -> Iterable[str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        return [f"{path}: {error.strerror}"]
    if len(content) != size or hashlib.sha256(content).hexdigest() != sha256:
        return [f"{path}: torn, {len(content)} bytes of {size}"]
    return []
