r"""What a page of the documentation shows: commands and SQL, in the order in which they stand.

Arrives: Markdown, or the examples of a help page. Leaves: `Shown`, told apart by rules:

- Lines after `$` in a `console` block are a session; what stands below them is what they say.
- An indented line, or one in a `powershell` block, that begins with a program of ours is a command; what follows `#` is
  a remark, and `.venv/bin/` or `.venv\Scripts\` in front is where the program lies.
- Inline code that begins with a program is a command when more than its name is there: `pitwall ingest` is a name,
  `pitwall verify --deep` a command.
- A word in capitals, `<...>`, `[...]` or `...` is a place for what a person fills in: such a command is a form.
- A `sql` block is statements; so is inline code that begins with `select`, `with` or `from` and leaves nothing out.
"""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import typer

from pitwall import cli
from pitwall.page import Page

ROOT = Path(__file__).parents[1]
PROGRAMS = ("pitwall", "prefect", "python", "make", "pip", "pytest", "tensorboard", "mlflow")
PAGES = ("README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))))
_PROGRAM = rf"(?:[A-Z_]+=\S+ )*(?:\.venv[/\\]\w+[/\\])?(?:{'|'.join(PROGRAMS)})(?= |$)"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_FORM = re.compile(r"(?<![\w./:=-])[A-Z]{1,}(?![\w.-])|<[^>]*>|\[[^\]]*\]|\.\.\.")


@dataclass(frozen=True)
class Shown:
    """One command or statement."""

    text: str
    session: bool = False
    """Whether it stands after `$`."""
    said: tuple[str, ...] = field(default=(), compare=False)
    """Lines that it is shown to print."""
    sql: bool = False

    @property
    def command(self) -> str:
        """As it is typed where the program is on the path."""
        return re.sub(r"^((?:[A-Z_]+=\S+ )*)\.venv[/\\]\w+[/\\]", r"\1", self.text)

    @property
    def words(self) -> list[str]:
        return shlex.split(self.command)

    @property
    def form(self) -> bool:
        """Whether a person fills something in."""
        outside_quotes = re.sub(r"\"[^\"]*\"|'[^']*'", "", self.command)
        return not self.session and bool(_FORM.search(outside_quotes))

    @property
    def filled(self) -> list[str]:
        """The words of a form, with something in each place that is no `...`."""
        return shlex.split(re.sub(r"<[^>]*>", "X", re.sub(r"\[[^\]]*\]|(?<!\S)\.\.\.(?!\S)", "", self.command)))


def read(page: str) -> str:
    """The text of a page, by its path in the checkout."""
    return (ROOT / page).read_text(encoding="utf-8")


def shown(text: str) -> list[Shown]:
    """Everything that a page shows, in order."""
    found: list[Shown] = []
    end = 0
    for block in _BLOCK.finditer(text):
        found += _prose(text[end : block.start()])
        found += _block(*block.groups())
        end = block.end()
    return [*found, *_prose(text[end:])]


def names(text: str) -> set[str]:
    """Commands that are named only: `ingest`, `models promote`."""
    inline = (" ".join(found[1].split()) for found in _INLINE.finditer(_BLOCK.sub("", text)))
    return {code.removeprefix("pitwall ") for code in inline if code.startswith("pitwall ") and _is_name(code)}


def help_pages() -> dict[str, Page]:
    """Words of each command, and its docstring taken apart."""
    found = {}
    for name, command in typer.main.get_command(cli.app).commands.items():
        below = getattr(command, "commands", None)
        found |= {f"{name} {one}": each.help for one, each in below.items()} if below else {name: command.help}
    return {words: Page(text or "") for words, text in found.items()}


HELP = help_pages()


def _block(kind: str, body: str) -> Iterator[Shown]:
    if kind == "console":
        for step in re.split(r"^\$ ", body, flags=re.MULTILINE)[1:]:
            command, *said = step.rstrip("\n").split("\n")
            yield Shown(command, session=True, said=tuple(said))
    elif kind == "sql":
        yield from (Shown(one.strip(), sql=True) for one in body.split(";") if one.strip())
    elif kind == "powershell":
        for line in body.splitlines():
            yield from (Shown(one) for one in line.split("; ") if re.match(_PROGRAM, one))


def _prose(text: str) -> Iterator[Shown]:
    for paragraph in re.split(r"\n(?= {4})|(?<=\n)(?=\S)|\n\n", text):
        if indented := re.match(rf" {{4}}({_PROGRAM}.*?)(?:\s{{2,}}#.*)?$", paragraph.rstrip("\n")):
            yield Shown(indented[1])
            continue
    # Inline code may go over the end of a line.
    for found in _INLINE.finditer(re.sub(r"^ {4}.*$", "", text, flags=re.MULTILINE)):
        code = " ".join(found[1].replace("\\|", "|").split())
        if re.match(r"(?i)(select|with|from) \S", code) and "..." not in code:
            yield Shown(code, sql=True)
        elif re.match(_PROGRAM, code) and not _is_name(code):
            yield Shown(code)


def _is_name(code: str) -> bool:
    """`pitwall`, `pitwall ingest`, `pitwall models promote`: nothing but small words."""
    return bool(re.fullmatch(r"(pitwall|prefect|python|pip|tensorboard|mlflow)( models)?( [a-z]+)?", code))
