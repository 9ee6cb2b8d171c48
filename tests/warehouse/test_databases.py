import sqlalchemy as sa

from warehouse.lake import Lake
from warehouse.tables import metadata


def test_a_lake_starts_with_all_tables_on_both_databases(lake: Lake) -> None:
    assert set(metadata.tables) <= set(sa.inspect(lake.catalog.engine).get_table_names())
