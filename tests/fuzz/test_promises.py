"""The promises of the readers, over documents with something wrong in them; the fuzzer runs the same for hours."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.mutations import mutated
from tests.fuzz.promises import PROMISES
from tests.fuzz.seeds import SEEDS, found

_KNOWN = {target: make() for target, make in SEEDS.items()}


@pytest.mark.parametrize("target", PROMISES)
def test_the_seeds_are_of_both_kinds_and_keep_the_promises(target):
    verdicts = [PROMISES[target](raw) for raw in _KNOWN[target]]
    assert "accepted" in verdicts and (target == "policy" or "rejected" in verdicts)


@pytest.mark.parametrize(
    ("target", "path"),
    [(target, path) for target in PROMISES for path in found(target)],
    ids=lambda value: getattr(value, "name", value),
)
def test_what_was_found_once_stays_mended(target, path):
    assert PROMISES[target](path.read_bytes()) in ("accepted", "rejected")


@settings(max_examples=100)
@given(st.sampled_from(_KNOWN["rollout"]), st.integers(0, 2**32))
def test_any_rollout_document_gets_one_verdict(raw, seed):
    PROMISES["rollout"](mutated(raw, random.Random(seed)))


@settings(max_examples=400)
@given(st.sampled_from(_KNOWN["policy"]), st.integers(0, 2**32))
def test_any_policy_document_gets_the_same_verdict_from_both_readers(raw, seed):
    PROMISES["policy"](mutated(raw, random.Random(seed)))


@pytest.mark.parametrize("target", PROMISES)
@given(raw=st.binary(max_size=200))
def test_any_bytes_are_rejected(target, raw):
    assert PROMISES[target](raw) == "rejected"
