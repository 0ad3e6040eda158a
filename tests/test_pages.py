"""Docs followed: every command is run and says what the page says, every link leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pages
import psutil
import pytest
from sweeping import wait_for
from typer.main import get_command

from cluster.cli import app as cluster_app
from sweeps.cli import app
from sweeps.spec.schema import CHANGES, schema

ROOT = Path(__file__).parents[1]


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


PAGES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")))
FOLLOWED = [page for page in PAGES if any(block.kind == "sh" for block in pages.blocks(text_of(page)))]
FOLLOWED.remove("docs/adding.md")  # tests/test_adding.py does, in a copy of the tree
LEFT_OUT = [(page, block.why) for page in FOLLOWED for block in pages.blocks(text_of(page)) if block.why]
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
CLUSTER_COMMANDS = get_command(cluster_app).commands  # type: ignore[attr-defined]
ELSEWHERE = "docs/cluster.md"  # most of it needs other machines


def code_of(page: str) -> list[str]:
    """Every code span, and every line of a fence."""
    text = text_of(page)
    fences = [line for block in pages.blocks(text) for line in block.text.splitlines()]
    return fences + re.findall(r"`([^`\n]+)`", pages.FENCE.sub("", text))


def parts() -> list[dict[str, Any]]:
    """The parts of the spec's schema that have keys."""
    found = [part for name, part in schema()["$defs"].items() if not name.startswith(CHANGES)]
    found = [kind for part in found for kind in (part, *part.get("anyOf", ()))]
    return [part for part in found if "properties" in part]


def is_option(said: dict[str, Any]) -> bool:
    """Whether a key of the schema is an option of something registered, or a hyperparameter."""
    return said.get("description", "").startswith("an option of ") or said == {"$ref": "#/$defs/Entry"}


def anchors(text: str) -> set[str]:
    """What a heading is called in a link."""
    headings = re.findall(r"^#+ (.*)$", pages.FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.slow
@pytest.mark.parametrize("page", FOLLOWED)
def test_the_commands_of_a_page_do_what_it_says(page: str, tmp_path: Path) -> None:
    for command, done in pages.follow(text_of(page), tmp_path):
        where = f"{page}:{command.line}: {command.text}"
        assert done.code is not None, f"{where}: not come to"
        assert done.code == command.code, f"{where}: exit code {done.code}\n{done.said}"
        assert not pages.missing(command.shown or "", done.said), f"{where}: says\n{done.said}"


def test_a_page_is_followed_to_where_it_is_wrong(tmp_path: Path) -> None:
    done = pages.follow(text_of("tests/pages.md"), tmp_path)
    assert [each.code for _, each in done] == [0, 0, 3, 0, 0, 0, 1, None]
    assert [each.code == command.code for command, each in done] == [True] * 6 + [False] * 2
    lies = [pages.missing(command.shown or "", each.said) for command, each in done]
    assert lies == [[], [], [], [], [], ["nobody"], [], []]
    sleeper = Path(tmp_path / "here" / "sleeper").read_text()
    assert wait_for(lambda: not psutil.pid_exists(int(sleeper)), 30), "what a page leaves behind is ended"


@pytest.mark.parametrize(("page", "why"), LEFT_OUT)
def test_what_no_test_can_run_says_why(page: str, why: str) -> None:
    left_out = [one for one, _ in LEFT_OUT if (one == ELSEWHERE) == (page == ELSEWHERE)]
    assert len(left_out) <= (12 if page == ELSEWHERE else 8), "pages are to be followed, not to be believed"
    pytest.skip(f"{page}: {why}")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_stands_where_it_is_run(page: str) -> None:
    """In a fence of its own kind, at the margin, and not in a fence of another."""
    text = text_of(page)
    found = pages.blocks(text)
    assert text.count("```") == 2 * len(found), "a fence that is indented, or not closed"
    for block in found:
        assert block.kind in ("sh", "text", "yaml", "python", "diff"), f"{page}:{block.line}: a fence of what?"
        assert block.kind in ("sh", "python") or not pages.PROGRAMS.search(block.text), f"{page}:{block.line}"


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_that_a_page_names_exist(page: str) -> None:
    for line in code_of(page):
        for program, name, rest in re.findall(r"\b(sweeps|-m cluster) ([a-z][a-z-]*)\b([^|;&#]*)", line):
            commands = COMMANDS if program == "sweeps" else CLUSTER_COMMANDS
            assert name in commands, f"{program} {name}"
            options = {option for each in commands[name].params for option in (*each.opts, *each.secondary_opts)}
            assert set(re.findall(r"(?<!\S)--[a-z-]+", rest)) <= options | {"--help"}, line
    alone = {option for line in code_of(page) for option in re.findall(r"^--[a-z-]+", line)}
    commands = COMMANDS if page != ELSEWHERE else COMMANDS | CLUSTER_COMMANDS
    known = {option for command in commands.values() for each in command.params for option in each.opts}
    assert alone <= known | {"--help"}


def test_every_command_is_on_some_page() -> None:
    told = {name for page in PAGES for line in code_of(page) for name in re.findall(r"\bsweeps ([a-z]+)\b", line)}
    assert told >= set(COMMANDS)
    told = {
        name
        for line in code_of(ELSEWHERE)
        for name in re.findall(r"(?:-m cluster |make (?:cluster-)?|^)([a-z-]+)", line)
    }
    assert told >= set(CLUSTER_COMMANDS)


def test_every_key_of_a_spec_is_on_its_page() -> None:
    keys = {key for part in parts() for key, said in part["properties"].items() if not is_option(said)}
    assert len(keys) > 50
    words = {word for line in code_of("docs/spec.md") for word in re.findall(r"\w+", line)}
    assert not keys - words


def test_the_readme_shows_one_run_of_the_quick_start() -> None:
    """Its table, the picture of the report and what the spec says of itself; `make screenshots` makes the first two."""
    from PIL import Image

    table = next(block.text for block in pages.blocks(text_of("README.md")) if block.kind == "text")
    answer = " ".join(table.partition("\n\n")[0].split())
    with Image.open(ROOT / "docs/report.png") as picture:
        assert picture.info["Description"] == answer
    said = text_of("sweeps/specs/digits.yaml").partition("Showed:")[2].partition("name:")[0]
    for arm, successes in re.findall(r"^ \d +(\w+) +(\d+)/32 ", table, re.M):
        assert successes == "32" or re.search(rf"\b{arm} on {successes}\b", said), arm


LINKED = [*PAGES, "docs/gallery/README.md", "CONTRIBUTING.md", "CHANGELOG.md"]


@pytest.mark.parametrize("page", LINKED)
def test_links_lead_somewhere(page: str) -> None:
    for target, _, anchor in re.findall(r"\]\((?![a-z]+:)([^)#\s]*)(#([^)\s]*))?\)", text_of(page)):
        path = (ROOT / page).parent / target if target else ROOT / page
        assert path.exists(), f"{page}: {target}"
        assert not anchor or anchor in anchors(path.read_text(encoding="utf-8")), f"{page}: {target}#{anchor}"
