"""Data out of a Python pickle without unpickling it: opcodes are read one by one, and nothing that they name is called.

A pickle is a program, and running one from a stranger runs the stranger's code. Here a call is only written down, as
what is called with what; the reader of the result decides what it means.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from minmax.data.files import BadFile


class Called(NamedTuple):
    """A call as a pickle describes it: ``module name`` of what is called, its arguments, and the state set later."""

    name: str
    arguments: tuple[Any, ...]
    state: list[Any]


class _Mark:
    """Where the items of a container begin on the stack."""


def read(path: Path, content: bytes) -> Any:
    """Dicts, lists, tuples, numbers, text, bytes, None, and ``Called`` for everything else.

    Raises:
        BadFile: no pickle, a damaged one, or an opcode that data do not need.
    """
    stack: list[Any] = []
    memo: dict[int, Any] = {}
    try:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name in ("PROTO", "FRAME"):
                continue
            if opcode.name == "STOP":
                return stack.pop()
            _step(opcode.name, argument, stack, memo)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise BadFile(path, f"no pickle of plain data ({error})", "a batch as published") from error
    raise BadFile(path, "a pickle without an end", "a whole file")


def _step(name: str, argument: Any, stack: list[Any], memo: dict[int, Any]) -> None:
    if name in _CONSTANTS:
        stack.append(_CONSTANTS[name])
    elif name in _VALUES:
        stack.append(argument)
    elif name in _TEXTS:  # Python 2 has one type for text and bytes, which comes as Latin-1
        stack.append(argument.encode("latin-1"))
    elif name in ("BINPUT", "LONG_BINPUT"):
        memo[argument] = stack[-1]
    elif name == "MEMOIZE":
        memo[len(memo)] = stack[-1]
    elif name in ("BINGET", "LONG_BINGET"):
        stack.append(memo[argument])
    else:
        _OPERATIONS[name](stack)


_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_VALUES = {
    "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "GLOBAL", "BINUNICODE", "SHORT_BINUNICODE", "BINBYTES",
    "SHORT_BINBYTES",
}  # fmt: skip
_TEXTS = {"STRING", "BINSTRING", "SHORT_BINSTRING"}


def _items(stack: list[Any]) -> list[Any]:
    """What lies above the last mark, taken off with it."""
    index = max(i for i, item in enumerate(stack) if isinstance(item, _Mark))
    items = stack[index + 1 :]
    del stack[index:]
    return items


def _tuple(size: int) -> Callable[[list[Any]], None]:
    def make(stack: list[Any]) -> None:
        items = tuple(stack[len(stack) - size :])
        del stack[len(stack) - size :]
        stack.append(items)

    return make


def _append(stack: list[Any]) -> None:
    item = stack.pop()
    stack[-1].append(item)


def _appends(stack: list[Any]) -> None:
    items = _items(stack)
    stack[-1].extend(items)


def _set_item(stack: list[Any]) -> None:
    value, key = stack.pop(), stack.pop()
    stack[-1][key] = value


def _set_items(stack: list[Any]) -> None:
    items = _items(stack)
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _reduce(stack: list[Any]) -> None:
    arguments, name = stack.pop(), stack.pop()
    match name, arguments:
        case "_codecs encode", (str() as text, "latin1"):  # how protocol 2 writes bytes
            stack.append(text.encode("latin-1"))
        case _:
            stack.append(Called(name, arguments, []))


def _build(stack: list[Any]) -> None:
    state = stack.pop()
    stack[-1].state.append(state)


_OPERATIONS: dict[str, Callable[[list[Any]], None]] = {
    "MARK": lambda stack: stack.append(_Mark()),
    "EMPTY_DICT": lambda stack: stack.append({}),
    "EMPTY_LIST": lambda stack: stack.append([]),
    "EMPTY_TUPLE": _tuple(0),
    "TUPLE1": _tuple(1),
    "TUPLE2": _tuple(2),
    "TUPLE3": _tuple(3),
    "TUPLE": lambda stack: stack.append(tuple(_items(stack))),
    "APPEND": _append,
    "APPENDS": _appends,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "REDUCE": _reduce,
    "BUILD": _build,
}
