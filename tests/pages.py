"""The pages of docs/ as a reader follows them: files written, commands run, in order, in a fresh folder a page.

What a page says by its fences:

- ``yaml`` or ``python`` whose first line is a comment with a file's name alone (``# ring.yaml``): that file.
- ``sh``: commands, a line each (or more, with ``\\`` at the ends), all of a page in one shell: what is exported stays,
  and what ends with ``&`` goes on beside the next ones. Each exits with 0, or with what its comment says
  (``# exits with 73``).
- ``text`` right after commands: lines that they say, among others, in any order (``...`` for those left out). ``…`` is
  any text; in a line with an interval's bar the numbers, and the bar, are examples. Space does not matter.
- ``sh`` right after ``<!-- not run: WHY -->``: commands that need what no test has.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psutil

ROOT = Path(__file__).parents[1]
MARK = r"<!-- not run: (?P<why>(?:(?!-->).)+?) -->\n+"
FENCE = re.compile(rf"^(?:{MARK})?```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
FILE = re.compile(r"# (?P<name>[\w./-]+\.(?:yaml|py))\n")
EXIT = re.compile(r"#.*\bexits with (\d+)")
PROGRAMS = re.compile(r"^\s*(?:\$ )?(?:\S*/)?(?:sweeps|make|pip|python|export|kill|optuna-dashboard)(?: |$)", re.M)
LIMIT = 3600  # seconds; a page that takes them hangs


class Block(NamedTuple):
    """A fence: its kind and text, why it is not run (if so), its line, whether nothing parts it from the one before."""

    kind: str
    text: str
    why: str | None
    line: int
    follows: bool

    @property
    def commands(self) -> list[str]:
        """Of ``sh``: each with its comment, without lines that only comment."""
        whole = re.findall(r"(?:.*\\\n)*.+\n?", self.text)
        return [command.strip() for command in whole if not command.lstrip().startswith("#")]

    @property
    def file(self) -> str | None:
        """The file that it is."""
        found = FILE.match(self.text) if self.kind in ("yaml", "python") else None
        return found and found["name"]


class Command(NamedTuple):
    """What a page has run: the command, the exit code it states, what the page shows of what its block says."""

    text: str
    line: int
    code: int
    shown: str | None


class Done(NamedTuple):
    """What came of a command: its exit code (None: the page did not come to it), what its block has said so far."""

    code: int | None
    said: str


def blocks(text: str) -> list[Block]:
    """All fences of a page."""
    made, end = [], 0
    for found in FENCE.finditer(text):
        line, follows = text.count("\n", 0, found.start("text")), not text[end : found.start()].strip()
        made.append(Block(found["kind"], found["text"], found["why"], line, follows))
        end = found.end()
    return made


def steps(text: str) -> Iterator[Block | Command]:
    """What a reader does, in order: a block with a file, or a command."""
    page = blocks(text)
    for block, after in zip(page, [*page[1:], None], strict=True):
        if block.file:
            yield block
        elif block.kind == "sh" and block.why is None:
            shown = after.text if after and after.kind == "text" and after.follows else None
            *first, last = block.commands
            for command in (*first, last):
                stated = EXIT.search(command)
                yield Command(command, block.line, int(stated[1]) if stated else 0, shown if command is last else None)


def follow(text: str, folder: Path) -> list[tuple[Command, Done]]:
    """Does in ``folder``/here, in one shell, what the page says, up to the first command that ends otherwise."""
    here, log = folder / "here", folder / "log"
    for place in (here / ".venv" / "bin", log):
        place.mkdir(parents=True)
    for name, arguments in {"sweeps": " -m sweeps", "python": ""}.items():
        program = here / ".venv" / "bin" / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable}{arguments} "$@"\n')
        program.chmod(0o755)
    commands, script = [], ["set -m", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]  # -m: a job may be sent Ctrl-C
    for step in steps(text):
        if isinstance(step, Block):
            (log / f"{step.line}.file").write_text(step.text, encoding="utf-8")
            script += [f"mkdir -p $(dirname {here}/{step.file}); cp {log}/{step.line}.file {here}/{step.file}"]
        else:
            place = f"{log}/{len(commands)}"
            script += ["{", step.text, f"}} >{place}.said 2>&1", f"code=$?; echo $code >{place}.code"]
            script += [f"[ $code = {step.code} ] || exit 1"]
            commands.append(step)
    _run("\n".join(script), here)
    said = [_said(log, number) for number in range(len(commands))]
    firsts = [[other.line for other in commands].index(command.line) for command in commands]
    return [
        (command, Done(_code(log, number), "".join(said[first : number + 1])))
        for number, (command, first) in enumerate(zip(commands, firsts, strict=True))
    ]


def missing(shown: str, said: str) -> list[str]:
    """The lines that a page shows and that were not said.

    >>> missing("gda …% of …\\n...\\nbest", "go\\n  gda  25% of 3\\nbest"), missing("gda …% of 4", "gda  25% of 3")
    ([], ['gda …% of 4'])
    >>> missing("1 gda  8/8 100% ┣━●┫ 0.02", "2   gda  0/8  0% ●━┫┈ < 0.001"), missing("1 gda ┣━●┫ 8", "1 sga ┣━●┫ 8")
    ([], ['1 gda ┣━●┫ 8'])
    """
    lines = [" ".join(line.split()) for line in said.splitlines()]
    wanted = [line for line in map(str.strip, shown.splitlines()) if line.strip(".─")]
    return [line for line in wanted if not any(re.fullmatch(_pattern(line), has) for has in lines)]


def _pattern(line: str) -> str:
    is_row = re.search("[┈━●]", line)
    words = [word for word in line.split() if not (is_row and word == "<")]
    return " ".join(
        r"(?:< )?\S+" if is_row and re.search(r"[\d┈━●]|^-$", word) else re.escape(word).replace("…", ".*?")
        for word in words
    )


def _run(script: str, here: Path) -> None:
    path = f"{here / '.venv' / 'bin'}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AWS_"))}
    environment = {**kept, "PATH": path, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "COLUMNS": "100"}
    with subprocess.Popen(["bash", "-c", script], cwd=here, env=environment, stdin=subprocess.DEVNULL) as shell:
        try:
            shell.wait(LIMIT)
        finally:
            for process in (*psutil.Process(shell.pid).children(recursive=True),) if shell.poll() is None else ():
                process.kill()
            shell.kill()


def _code(log: Path, number: int) -> int | None:
    code = log / f"{number}.code"
    return int(code.read_text()) if code.exists() else None


def _said(log: Path, number: int) -> str:
    said = log / f"{number}.said"
    return said.read_text(encoding="utf-8", errors="replace") if said.exists() else ""
