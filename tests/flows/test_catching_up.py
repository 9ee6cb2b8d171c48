"""One call of what the drop-in and the watch do: what it tells people, and what servers that listen."""

from pathlib import Path

import pytest

from flows.catching_up import catch_up, report_if_asked
from flows.events import Event
from flows.reporter import Reporter
from schemas.settings import Settings
from schemas.training import TrainConfig
from tests.flows.sessions import collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import lineage
from warehouse.lake import Lake

pytestmark = leaves_files_open
CONFIG = TrainConfig(epochs=1, hidden=(8,))


class Heard(Reporter):
    def __init__(self) -> None:
        super().__init__()
        self.lines, self.events = list[str](), list[str]()

    def say(self, message: str) -> None:
        self.lines.append(message)

    def warn(self, message: str) -> None:
        self.lines.append(message)

    def event(self, event: Event | None) -> None:
        if event is not None:
            self.events.append(event.name.removeprefix("pitwall."))


@pytest.fixture
def exports(tmp_path: Path) -> Path:
    (tmp_path / "Models").mkdir()
    (tmp_path / "Models" / "driver.json").write_bytes(driver(1).raw)
    return tmp_path / "Exports"


@pytest.fixture
def lake(tmp_path: Path):
    opened = Lake.open(Settings.load(home=tmp_path / "home", engine_models_dir=tmp_path / "Models", settle_seconds=0))
    yield opened
    opened.catalog.engine.dispose()


def test_of_more_than_twenty_that_came_at_once_it_says_how_many_it_leaves(lake, exports):
    for index in range(23):
        collect(driver(1), exports, index, 8)
    heard = Heard()
    done = catch_up(lake, exports, CONFIG, heard)
    assert len(done.new) == 20 and lineage.waiting(lake) == 3
    [said] = [line for line in heard.lines if "not trained on" in line]
    assert said.startswith("3 more came in and are not trained on: only the newest 20 are")
    assert said.endswith("pitwall train --newest 23")

    collect(driver(1), exports, 23, 8)
    again = Heard()
    assert len(catch_up(lake, exports, CONFIG, again).new) == 1
    assert not [line for line in again.lines if "not trained on" in line]


def test_who_listens_hears_of_rollouts_and_versions_and_is_not_called_to_train_as_well(lake, exports):
    collect(driver(1), exports, 0, 32)
    heard = Heard()
    catch_up(lake, exports, CONFIG, heard)
    assert heard.events == ["rollouts.landed", "version.published", "version.published"]  # adopted, trained


def test_the_page_about_a_version_is_written_where_the_setting_wants_it(lake, exports):
    collect(driver(1), exports, 0, 32)
    heard = Heard()
    trained = catch_up(lake, exports, CONFIG, heard).trained
    assert trained is not None
    page = lake.paths.report(2)
    without = Lake(lake.settings.model_copy(update={"reports": False}), lake.paths, lake.catalog)
    report_if_asked(without, trained, heard)
    assert not page.exists()
    report_if_asked(lake, trained, heard)
    assert heard.lines[-1] == f"what is known of version 2: {page.absolute()}" and page.is_file()
