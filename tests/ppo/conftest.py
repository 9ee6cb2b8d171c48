"""The policy that drove the sample session, and what it collected there, noise solved."""

import pytest

from ppo.authorship import attribute
from ppo.batch import Batch
from ppo.policy import Policy
from schemas.policy_file import read_policy
from tests.ppo.tables import SPACE, policy_json, session, table, with_noise


@pytest.fixture(scope="session")
def author():
    return Policy.from_engine(read_policy(policy_json()))


@pytest.fixture(scope="session")
def batch(author):
    return _attributed(author, session())


@pytest.fixture(scope="session")
def brief(author):
    return _attributed(author, session(2))


def _attributed(author, documents):
    window = table(documents)
    return Batch.from_arrow(with_noise(window, attribute(window, SPACE, {1: author}).noise), SPACE)
