"""What the readers promise for any bytes at all; each function raises where one is broken.

They are what the fuzzer calls, and the property tests, and the replay of what the fuzzer has found.
"""

import io
import json

import numpy as np
import polars as pl

from ppo.policy import Policy
from racing.errors import DriverRejected
from racing.policy_document import PolicyDocument
from schemas.errors import PolicyRejected, RolloutRejected
from schemas.policy_file import read_policy, write_policy
from schemas.steps import all_good, step_columns
from warehouse.fingerprint import fingerprints
from warehouse.judge import judge
from warehouse.reader import content_id, read
from warehouse.unpacked import CannotUnpack, unpacked

MAX_MIB = 8
LONGEST_MESSAGE = 3000


def rollout(raw: bytes) -> str:
    """One verdict: "accepted", with every row either good or lost with its reason and text, or "rejected"."""
    try:
        content = unpacked(raw, MAX_MIB)
        reading = read(content, content_id(content))
    except (RolloutRejected, CannotUnpack) as error:
        return _rejected(error)
    found = judge([reading])
    if found.rejected:
        assert list(found.rejected) == [reading.content_id] and len(found.frame) == 0
        return "rejected"
    frame, lost = found.frame, reading.lost
    assert len(frame) + len(lost) == reading.rows_in_file
    assert sorted([*frame["row_index"], *(row.row_index for row in lost)]) == list(range(reading.rows_in_file))
    assert list(frame.schema) == list(step_columns(reading.space, found.terms))
    assert all_good(frame, reading.space, found.terms)
    text = _text(content)
    for row in lost:
        assert row.reason.startswith(f"experiences[{row.row_index}]") and len(row.reason) <= 1000
        assert "\0" not in row.reason, "PostgreSQL's text has no character 0"
        row.reason.encode()
        assert row.raw in text
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    assert pl.read_parquet(buffer.getvalue()).equals(frame)
    fingerprints(frame, [(0, len(frame))])
    json.dumps(reading.space.model_dump(mode="json"))
    return "accepted"


def policy(raw: bytes) -> str:
    """Two readers that share no code have the same verdict and the same numbers, and writing gives them back."""
    try:
        document = read_policy(raw)
    except PolicyRejected as error:
        verdict = _rejected(error)
    else:
        verdict = "accepted"
    try:
        driver = PolicyDocument.read(raw, "policy file")
    except DriverRejected as error:
        assert verdict == _rejected(error), error
        return verdict
    assert verdict == "accepted"
    again = read_policy(write_policy(document))
    for mine, its, back in zip(_arrays(document), _arrays(driver), _arrays(again), strict=True):
        assert mine.shape == its.shape and mine.tobytes() == its.tobytes() == back.tobytes()
        assert np.isfinite(mine).all()
    assert Policy.from_engine(document).fingerprint == Policy.from_engine(again).fingerprint
    return verdict


PROMISES = {"rollout": rollout, "policy": policy}


def _rejected(error: Exception) -> str:
    text = str(error)
    assert text and len(text) <= LONGEST_MESSAGE, len(text)
    text.encode()
    assert "\0" not in text, "PostgreSQL's text has no character 0"
    return "rejected"


def _text(content: bytes) -> bytes:
    """UTF-8, however the file is encoded."""
    for mark, encoding in ((b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig")):
        if content.startswith(mark):
            return content.decode(encoding).encode()
    return content


def _arrays(policy: object) -> list[np.ndarray]:
    layers = [*policy.policy_layers, policy.policy_head, *policy.value_layers, policy.value_head]
    return [*(array for layer in layers for array in (layer.weights, layer.biases)), policy.log_std]
