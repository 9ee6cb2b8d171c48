"""The engine's side of the contract, as it came: an oracle that shares no code with ours."""

import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("contract_engine", Path(__file__).parents[1] / "data" / "engine.py")
engine = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(engine)

leaves_files_open = pytest.mark.filterwarnings("ignore:Exception ignored in.*FileIO")
"""The oracle reads with open(path).read(); it is kept word for word."""
