import multiprocessing
import os
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from schemas.settings import Settings
from tests.warehouse.drafts import draft, files
from warehouse.lake import Lake
from warehouse.registry import get, publish, read_file, versions
from warehouse.tables import alias_moves

PROCESSES, EACH = 4, 3
_spawn = multiprocessing.get_context("spawn")


def test_processes_that_publish_at_once_get_dense_versions(lake: Lake) -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=_spawn) as pool:
        done = list(pool.map(_publish_some, *zip(*[_address(lake)] * PROCESSES, strict=True), range(PROCESSES)))
    total = PROCESSES * EACH
    assert sorted(version for numbers in done for version in numbers) == list(range(1, total + 1))
    assert [model.version for model in versions(lake)] == list(range(1, total + 1))
    assert Counter(model.fingerprint for model in versions(lake)).most_common(1)[0][1] == 1
    for version in range(1, total + 1):
        assert read_file(lake, version, "policy.engine.json") == b'{"version": %d}' % version
    assert get(lake, "latest").version == total
    assert get(lake, "champion").version == 1
    with lake.catalog.read() as connection:
        moves = connection.execute(
            sa.select(alias_moves.c.from_version, alias_moves.c.to_version)
            .where(alias_moves.c.alias == "latest")
            .order_by(alias_moves.c.move_id)
        ).all()
    assert [tuple(move) for move in moves] == [(version - 1 or None, version) for version in range(1, total + 1)]


@pytest.mark.parametrize("moment", ["in build", "before commit"])
def test_a_process_that_dies_while_it_publishes_leaves_the_old_state(lake: Lake, moment: str) -> None:
    publish(lake, draft("a"), files)
    dying = _spawn.Process(target=_die, args=(*_address(lake), moment))
    dying.start()
    dying.join(60)
    assert dying.exitcode == 9
    assert lake.paths.model(2).exists() == (moment == "before commit")
    assert [model.version for model in versions(lake)] == [1]
    assert get(lake, "latest").version == 1
    assert publish(lake, draft("c"), files).version == 2
    assert get(lake, 2).fingerprint == draft("c").fingerprint
    assert read_file(lake, 2, "policy.engine.json") == b'{"version": 2}'


def test_a_folder_that_no_version_owns_is_kept_aside(lake: Lake) -> None:
    orphan = lake.paths.model(1)
    orphan.mkdir(parents=True)
    (orphan / "policy.engine.json").write_bytes(b"left over")
    assert publish(lake, draft(), files).version == 1
    assert read_file(lake, 1, "policy.engine.json") == b'{"version": 1}'
    (aside,) = lake.paths.scratch.iterdir()
    assert aside.name.startswith("orphan-v00001-")
    assert (aside / "policy.engine.json").read_bytes() == b"left over"


def _address(lake: Lake) -> tuple[str, str]:
    return str(lake.settings.home), lake.settings.catalog


def _publish_some(home: str, catalog: str, worker: int) -> list[int]:
    lake = Lake.open(Settings.load(home=Path(home), catalog=catalog))
    try:
        return [publish(lake, draft(f"{worker} {at}"), files).version for at in range(EACH)]
    finally:
        lake.catalog.engine.dispose()


def _die(home: str, catalog: str, moment: str) -> None:
    lake = Lake.open(Settings.load(home=Path(home), catalog=catalog))
    if moment == "in build":
        publish(lake, draft("b"), lambda _: os._exit(9))

    @sa.event.listens_for(lake.catalog.engine, "before_cursor_execute")
    def sqlite_commits(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement == "COMMIT":
            os._exit(9)

    @sa.event.listens_for(lake.catalog.engine, "commit")
    def postgresql_commits(connection: sa.Connection) -> None:
        if connection.dialect.name == "postgresql":
            os._exit(9)

    publish(lake, draft("b"), files)
