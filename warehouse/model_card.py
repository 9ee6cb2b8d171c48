"""The model card: a manifest told to a person, in Markdown.

Arrives: a `ModelManifest`. Leaves: the text of `CARD.md`.
"""

from collections.abc import Iterable

from schemas.manifest import ModelManifest
from schemas.space import Feature

_STARTS = {
    "warm": "It goes on from the weights of its parent.",
    "clone": "It starts by a clone of the recorded actions, because no author of them is registered.",
    "imported": "It came from outside as a policy file; how it was trained is not known here.",
    "fresh": "Its weights are random: nobody has trained it yet.",
}


def model_card(manifest: ModelManifest) -> str:
    """The card of a version."""
    number = manifest.version
    parts = [
        f"# Policy, version {number}",
        f"A driver trained with PPO: {len(manifest.space.observations)} observations in, "
        f"{len(manifest.space.actions)} actions out. Made {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC.",
        "## Where it comes from",
        _origin(manifest),
        "## How it was trained",
        _table(("setting", "value"), sorted(manifest.config.items())) or "Nothing is known.",
        "## Figures",
        _figures(manifest),
        "## What goes in and out",
        "Observations, in order: " + ", ".join(_feature(feature) for feature in manifest.space.observations) + ".",
        "Actions, in order: " + ", ".join(_feature(feature) for feature in manifest.space.actions) + ".",
        "## How to load it",
        f"`pitwall models export {number} --format engine --to <Project>/Saved/Training/Models`, then load it by name "
        "in the engine. With `engine_models_dir` set, each new version is put there by itself.\n\n"
        f"Elsewhere: `pitwall models export {number} --format onnx --to policy.onnx`; "
        "`manifest.json` holds golden inputs and outputs to check a loader against.",
        "## Limits",
        _limits(manifest),
        "## Files",
        _table(
            ("file", "bytes", "sha256"), [(name, entry.bytes, entry.sha256) for name, entry in manifest.files.items()]
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _origin(manifest: ModelManifest) -> str:
    lines = [_STARTS[manifest.start]]
    if manifest.parent is not None:
        lines.append(f"Parent: version {manifest.parent}.")
    if window := manifest.window:
        lines.append(f"Window `{window.id}`: {window.rows} experiences, hash over the rows `{window.rows_sha256}`.")
        if reward := window.reward:
            lines.append(f"Trained on the reward `{reward.name}`, not on the recorded one: `{reward.formula}`.")
        if window.sql:
            fence = "`" * (3 if "```" not in window.sql else 8)
            lines.append(f"{fence}sql\n{window.sql.strip()}\n{fence}")
    lines.append(f"Fingerprint of the weights: `{manifest.fingerprint}`.")
    return "\n\n".join(lines)


def _figures(manifest: ModelManifest) -> str:
    figures = _table(("figure", "value"), [(name, f"{value:.6g}") for name, value in sorted(manifest.metrics.items())])
    curves = _table(
        ("per epoch", "values"),
        [(name, ", ".join(f"{value:.4g}" for value in curve)) for name, curve in sorted(manifest.curves.items())],
    )
    return "\n\n".join(part for part in (figures, curves) if part) or "None."


def _limits(manifest: ModelManifest) -> str:
    lines = [
        *manifest.notes,
        "The network sees observations as the engine gives them: same names, same order, same units.",
        "The figures describe the update, not laps: how well it drives shows in the next rollouts.",
    ]
    return "\n".join(f"- {line}" for line in lines)


def _feature(feature: Feature) -> str:
    bounds = "" if feature.low is None or feature.high is None else f" [{feature.low:g}, {feature.high:g}]"
    return f"`{feature.name}`{bounds}"


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    body = ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *body]) if body else ""
