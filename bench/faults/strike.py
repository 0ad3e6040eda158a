"""A driver that SIGKILLs itself before the n-th parameter that Optuna writes to a database.

``python -m bench.faults.strike N MODULE [ARGUMENT…]`` runs the module with that end in store for it.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from typing import Any

from optuna.storages import RDBStorage


def main() -> None:
    """Arms the storage and runs the module."""
    left, module = [int(sys.argv[1])], sys.argv[2]
    write = RDBStorage._set_trial_param_without_commit

    def last(self: RDBStorage, *args: Any, **options: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, *args, **options)

    setattr(RDBStorage, "_set_trial_param_without_commit", last)  # noqa: B010  # not an assignment: mypy refuses one
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
