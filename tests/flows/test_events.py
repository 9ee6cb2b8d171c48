"""What is told of an ingest, a training and the moves of an alias."""

import pytest

from flows.events import Event, decided, moved
from flows.importing import import_policy
from flows.landing import bring_in
from flows.reporter import Reporter
from flows.training import train
from schemas.training import TrainConfig
from schemas.window import Window
from tests.flows.sessions import collect, driver
from tests.ppo.contract import leaves_files_open
from warehouse import aliases
from warehouse.bootstrap import Interval
from warehouse.comparison import Comparison
from warehouse.lake import Lake
from warehouse.promotion import Decision

pytestmark = leaves_files_open
WHO = driver(1)


class Heard(Reporter):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def event(self, event: Event | None) -> None:
        if event is not None:
            self.events.append(event)

    def take(self, name: str) -> list[dict[str, object]]:
        taken = [event.payload for event in self.events if event.name.endswith(name)]
        self.events = [event for event in self.events if not event.name.endswith(name)]
        return taken


@pytest.fixture
def fed(lake, tmp_path):
    """A lake whose trainings want two new rollouts, an ear, and a way to drive some more."""
    wanting = Lake(lake.settings.model_copy(update={"new_rollouts": 2}), lake.paths, lake.catalog)
    heard, driven = Heard(), iter(range(99))

    def drive(count: int) -> None:
        for _ in range(count):
            collect(WHO, tmp_path / "in" / "track", next(driven), 12)
        bring_in(wanting, [tmp_path / "in"], heard)

    import_policy(wanting, WHO.raw, "one.json", heard)
    return wanting, heard, drive


def test_rollouts_of_several_ingests_add_up_and_every_second_one_is_told_once(fed):
    _, heard, drive = fed
    told = []
    for count in (1, 1, 0, 1, 3):
        drive(count)
        told.append(heard.take("dataset.ready"))
    assert told == [[], [{"new_rollouts": 2, "wanted": 2}], [], [], [{"new_rollouts": 6, "wanted": 2}]]
    landed = heard.take("rollouts.landed")
    assert [(event["rollouts"], event["experiences"], event["untrained"]) for event in landed] == [
        (1, 12, 1), (1, 12, 2), (1, 12, 3), (3, 36, 6),
    ]  # fmt: skip


def test_what_a_version_was_trained_on_does_not_count_again(fed):
    lake, heard, drive = fed
    drive(3)
    train(lake, Window(), TrainConfig(epochs=1, device="cpu"), heard)
    assert heard.take("dataset.ready") == [{"new_rollouts": 3, "wanted": 2}]
    drive(1)
    assert heard.take("dataset.ready") == []
    drive(1)
    assert heard.take("dataset.ready") == [{"new_rollouts": 2, "wanted": 2}]


def test_a_version_is_told_with_its_parent_and_figures_and_a_known_policy_is_no_new_version(fed):
    lake, heard, drive = fed
    drive(1)
    done = train(lake, Window(), TrainConfig(epochs=1, device="cpu"), heard)
    import_policy(lake, WHO.raw, "one-again.json", heard)
    [trained] = [event for event in heard.events if event.payload.get("parent") == 1]
    assert trained.resource == {
        "prefect.resource.id": "pitwall.model/home/v00002",
        "prefect.resource.name": "version 2",
    }
    imported, told = heard.take("version.published")
    assert imported == {"version": 1, "parent": None}
    assert (told["version"], told["rows_trained"], told["kl"]) == (2, 11 - 1, done.metrics["kl"])


def test_moves_of_people_are_told_with_both_versions_and_no_move_is_nothing(fed):
    lake, _, drive = fed
    drive(1)
    train(lake, Window(), TrainConfig(epochs=1, device="cpu"), Reporter())
    there = moved(lake, aliases.promote(lake, "champion", 2, "faster"))
    assert moved(lake, aliases.promote(lake, "champion", 2)) is None
    back = moved(lake, aliases.rollback(lake, "champion"), back=True)
    assert there is not None and back is not None
    assert (there.name, back.name) == ("pitwall.version.promoted", "pitwall.version.rolled-back")
    assert there.payload == {"alias": "champion", "from_version": 1, "to_version": 2, "reason": "faster"}
    assert (back.payload["from_version"], back.payload["to_version"]) == (2, 1)
    assert back.resource["prefect.resource.id"] == "pitwall.model/home/v00001"


@pytest.mark.parametrize(
    ("promoted", "rolled_back", "told"),
    [(True, False, ("promoted", 7, 8)), (False, True, ("rolled-back", 8, 7)), (False, False, None)],
)
def test_a_judgement_is_told_where_it_moves_the_champion(lake, promoted, rolled_back, told):
    comparison = Comparison(
        challenger=8, champion=7, score="return", pairs=None, counts=(20, 20), means=(1.0, 2.0),
        difference=Interval(-1.0, -2.0, 0.0), probability_worse=0.9,
    )  # fmt: skip
    champion = 8 if promoted else 7
    decision = Decision(
        promoted=promoted, rolled_back=rolled_back, reason="", champion=champion, drive=champion, comparison=comparison
    )
    event = decided(lake, decision)
    found = event and (event.name.rpartition(".")[2], event.payload["from_version"], event.payload["to_version"])
    assert found == told


def test_an_inner_reporter_s_events_are_heard_outside():
    heard = Heard()
    Reporter(heard).event(Event(name="pitwall.version.published", resource={}, payload={"version": 3}))
    assert heard.take("version.published") == [{"version": 3}]
