"""A policy that the engine drives with already, into the registry.

Arrives: the bytes of an engine policy file. Leaves: a version, and authors for the rollouts that it collected.
"""

from flows import events
from flows.attributing import attribute
from flows.publishing import publish
from flows.reporter import Reporter
from schemas.errors import PolicyRejected
from schemas.policy_file import read_policy
from schemas.space import ENGINE_ACTIONS, MAX_FEATURES, Space
from warehouse.lake import Lake


def import_policy(lake: Lake, raw: bytes, name: str, report: Reporter | None = None) -> int:
    """Register the policy in `raw`; the same weights twice are one version. Returns the version.

    Raises:
        PolicyRejected: the file is not what the engine loads.
        ParityBroken: its exports disagree.
    """
    from ppo.parity import golden_from_seed
    from ppo.policy import Policy

    report = report or Reporter()
    try:
        file = read_policy(raw)
    except PolicyRejected as error:
        raise PolicyRejected(f"{name}: {str(error).removeprefix('policy file: ')}") from error
    actions = list(ENGINE_ACTIONS) if file.policy_output_size == len(ENGINE_ACTIONS) else []
    names = actions or [f"{number:02d}" for number in range(file.policy_output_size)]
    try:
        space = Space.of(file.input_size, names)
    except ValueError as error:
        raise PolicyRejected(
            f"{name}: {file.input_size} observations and {file.policy_output_size} actions, wanted at most "
            f"{MAX_FEATURES} of each, since each becomes a column. Export a smaller policy"
        ) from error
    draft = {
        "start": "imported",
        "space": space,
        "notes": (f"imported from {name}; what it was trained on is not known",),
    }
    golden = golden_from_seed(file.input_size)
    published = report.stage("import", publish, lake, Policy.from_engine(file), draft, golden)
    if published.is_new:
        report.event(events.published(lake, published.version, None, {}))
    report.stage("attribute", attribute, lake, report)
    return published.version
