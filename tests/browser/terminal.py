"""A command in a terminal of its own, and a moment of what it showed there as a picture."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import termios
from collections.abc import Sequence

from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text

WIDTH, HEIGHT = 112, 40
AGAIN = re.compile(r"\r\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")  # what rich writes before it draws over what it drew
SHARE = re.compile(r"^\S*\d+/\d+ trials.*?(\d+)%")
FORMAT = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fetches nothing


def said(command: Sequence[str]) -> str:
    """Runs a command in a terminal to its end; everything that it wrote, with the terminal's control sequences.

    Raises:
        SystemExit: it failed.
    """
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (HEIGHT, WIDTH))
    colours = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONUTF8": "1"}
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env={**os.environ, **colours}, start_new_session=True
    )
    os.close(theirs)
    read = bytearray()
    try:
        while chunk := os.read(ours, 1 << 16):
            read += chunk
    except OSError:  # how Linux says that nobody holds the other end any more
        pass
    os.close(ours)
    text = read.decode("utf-8", "replace")
    if process.wait():
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{text[-2000:]}")
    return text


def moment(text: str, share: int) -> str:
    """The last drawing of the live table of at most ``share`` percent of the work."""
    drawings = [drawing.replace("\r", "") for drawing in AGAIN.split(text)]
    told = [(found, drawing) for drawing in drawings if (found := SHARE.search(Text.from_ansi(drawing).plain))]
    return max((int(found[1]), at, drawing) for at, (found, drawing) in enumerate(told) if int(found[1]) <= share)[2]


def picture(drawing: str, title: str) -> str:
    """A drawing as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(drawing.rstrip("\n")), "", sep="\n", no_wrap=True, crop=True)
    return console.export_svg(title=title, code_format=FORMAT, unique_id="live")
