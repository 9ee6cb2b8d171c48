"""One call of what the drop-in and the watch do: what it tells people, and what servers that listen."""

import json
from pathlib import Path

import pytest

from flows.catching_up import catch_up, refuted_lines, report_if_asked
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


def claim(rollout: Path, version: int) -> Path:
    document = json.loads(rollout.read_bytes())
    rollout.write_text(json.dumps({**document, "policy_version": version}))
    return rollout


def test_a_claim_of_a_version_that_the_lake_lacks_hides_nobody_and_is_said_once(lake, exports):
    for index in range(2):
        claim(collect(driver(1), exports, index, 32), 17)
    heard = Heard()
    done = catch_up(lake, exports, CONFIG, heard)
    assert done.adopted == [1] and done.trained is not None and done.trained.parent == 1
    assert [line for line in heard.lines if "17" in line] == [
        "2 rollouts with policy_version 17, which this lake does not have: taken for the engine's own count, and who "
        "drove is found from the values"
    ]


def test_where_nobody_drove_it_says_how_many_policies_were_tried(lake, exports):
    collect(driver(2), exports, 0, 32)
    heard = Heard()
    assert catch_up(lake, exports, CONFIG, heard).adopted == []
    folder = lake.settings.engine_models_dir
    assert (
        f"who drove 1 of the new rollouts is not known: {folder} was searched, and none of the 1 policies there "
        "computes their values"
    ) in heard.lines


def test_a_refuted_claim_is_told_with_what_to_do_until_it_is_mended_or_ignored(lake, exports):
    collect(driver(1), exports, 0, 32)
    catch_up(lake, exports, CONFIG, Heard())
    wrong = [claim(collect(driver(1), exports, index, 32), 2) for index in (1, 2)]
    done = catch_up(lake, exports, CONFIG, Heard())
    assert done.trained is None and done.refuted.keys() == set(done.came.rollouts)
    [line] = refuted_lines(done.refuted)
    assert line.startswith("2 rollouts are NOT trained on: each claims version 2, but its values are version 1's.")
    assert 'claims = "ignore"' in line

    claim(wrong[0], 1)
    mended = catch_up(lake, exports, CONFIG, Heard())
    assert mended.trained is not None and len(mended.new) == 1 and len(mended.refuted) == 1

    ignoring = Lake(lake.settings.model_copy(update={"claims": "ignore"}), lake.paths, lake.catalog)
    collect(driver(1), exports, 3, 32)
    last = catch_up(ignoring, exports, CONFIG, Heard())
    assert last.trained is not None and last.trained.parent == 1 and not last.refuted
    assert len(last.new) == 3  # the new one, and both that were refuted


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
