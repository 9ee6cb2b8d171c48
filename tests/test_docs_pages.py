"""The pages hold together: order, links, pictures, settings, both languages of the page for Unreal."""

import re
import tomllib
from pathlib import Path

import pytest

from schemas.settings import Settings
from tests.pages import PAGES, ROOT, read, shown

EVERY = (*PAGES, *(f"docs/reference/{path.name}" for path in sorted((ROOT / "docs" / "reference").glob("*.md"))))
ENGLISH, GERMAN = read("docs/unreal.md"), read("docs/unreal.de.md")
_LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def links(page: str) -> list[str]:
    """Targets of a page's links and pictures that lie in the checkout."""
    return [target for target in _LINK.findall(_FENCED.sub("", read(page))) if not re.match(r"\w+:", target)]


def anchors(page: str) -> set[str]:
    """The names under which headings can be reached, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", EVERY)
def test_every_link_picture_and_anchor_is_there(page: str) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        there = ((ROOT / page).parent / path).resolve() if path else ROOT / page
        assert there.exists(), f"{page}: {target}"
        if anchor:
            assert anchor in anchors(there.relative_to(ROOT).as_posix()), f"{page}: {target}"


def test_every_page_is_in_the_reading_order() -> None:
    listed = {f"docs/{target.partition('#')[0]}" for target in links("docs/README.md")}
    assert set(EVERY) - {"README.md", "docs/README.md"} <= listed
    assert "docs/README.md" in links("README.md")


def test_pictures_are_shown_are_small_and_say_what_they_show() -> None:
    found = [
        (words, Path(target).name)
        for page in PAGES
        for words, target in re.findall(r"!\[([^\]]*)\]\((?:docs/)?(images/\S+)\)", read(page))
    ]
    assert all(words for words, _ in found)
    pictures = {path.name: path for path in (ROOT / "docs" / "images").iterdir()}
    assert set(pictures) == {name for _, name in found}
    assert all(path.stat().st_size < 250_000 for path in pictures.values())


@pytest.mark.parametrize("page", EVERY)
def test_tables_are_not_broken(page: str) -> None:
    for table in re.findall(r"(?:^\|.*\n)+", _FENCED.sub("", read(page)), re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, f"{page}:\n{table}"
        assert re.match(r"\|(?: ?:?-+:? ?\|)+$", table.splitlines()[1]), f"{page}: a row without a head\n{table}"


def test_what_the_readme_names_is_there() -> None:
    rooms = set(re.findall(r"^(\w+)/ +\S", read("README.md"), re.MULTILINE))
    assert all((ROOT / room).is_dir() for room in rooms)
    assert {path.name for path in ROOT.iterdir() if (path / "__init__.py").exists()} <= rooms


@pytest.mark.parametrize("page", PAGES)
def test_its_settings_are_settings(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for block in re.findall(r"```toml\n(.*?)```", read(page), re.DOTALL):
        (tmp_path / "pitwall.toml").write_text(block, encoding="utf-8")
        loaded = Settings.load()
        for name, value in tomllib.loads(block).items():
            assert str(getattr(loaded, name)).replace("\\", "/") == str(value).replace("\\", "/")
    for name in re.findall(r"PITWALL_([A-Z_]+)(?==)", read(page)):
        assert name.lower() in Settings.model_fields or name in ("KILLS", "EXAMPLES", "HOME"), name


def test_every_setting_of_upkeep_is_told() -> None:
    named = set(re.findall(r"`((?:keep|grace|compact|release)_\w+)", read("docs/upkeep.md")))
    assert named == {
        name for name in Settings.model_fields if name.startswith(("keep_", "grace", "compact", "release"))
    }


def test_both_languages_have_the_same_commands_figures_and_chapters() -> None:
    assert _FENCED.findall(GERMAN) == _FENCED.findall(ENGLISH)
    assert shown(GERMAN) == shown(ENGLISH)
    for mark in (r"^#+ ", r"^\| ", r"^\*\*\w"):
        assert len(re.findall(mark, GERMAN, re.MULTILINE)) == len(re.findall(mark, ENGLISH, re.MULTILINE))
    seconds = r"\d+(?:[.,]\d+)? s\b"
    assert [figure.replace(",", ".") for figure in re.findall(seconds, GERMAN)] == re.findall(seconds, ENGLISH)


def test_what_the_troubleshooting_quotes_is_what_is_said() -> None:
    rooms = ("pitwall", "flows", "warehouse", "integrations")
    sources = [path for room in rooms for path in (ROOT / room).rglob("*.py")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    quoted = re.findall(r"^\| `([^`\\]+)` \|", ENGLISH, re.MULTILINE)
    assert len(quoted) == 12
    for message in quoted:
        for part in re.split(r"rollout_\.\.\.:?|\.\.\.", message):
            assert part.strip(" ,") in code, part
