"""The pages under docs/reference are what the code says."""

import pytest

from docs.make_reference import FOLDER, pages


@pytest.mark.parametrize("name", ["commands.md", "settings.md", "views.md", "files.md"])
def test_a_page_of_the_reference_is_what_the_code_says(name):
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "run: make docs"


def test_no_other_page_lies_there():
    assert {path.name for path in FOLDER.iterdir()} == set(pages())
