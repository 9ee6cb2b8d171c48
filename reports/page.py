"""The page itself."""

import jinja2

from reports.actions import actions
from reports.calibration import calibration
from reports.difference import difference
from reports.episodes import episodes
from reports.evaluation import evaluation
from reports.gathered import Gathered
from reports.health import health
from reports.learning import learning
from reports.lineage import lineage
from reports.part import Part
from reports.rewards import rewards
from reports.tiles import tiles
from reports.training_data import training_data
from reports.update import update
from reports.verdict import verdict

_PARTS = (
    evaluation,
    episodes,
    update,
    learning,
    training_data,
    health,
    actions,
    rewards,
    calibration,
    difference,
    lineage,
)
"""As a reader in a hurry wants them: first how it drives, then why."""


def page(gathered: Gathered) -> str:
    """HTML, whole and self-contained. Every text is escaped: names in a lake are those of strangers."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("reports", "template"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts: list[Part] = [part(gathered) for part in _PARTS]
    return environment.get_template("page.html.j2").render(
        manifest=gathered.manifest,
        aliases=gathered.aliases,
        verdict=verdict(gathered),
        tiles=tiles(gathered),
        parts=parts,
    )
