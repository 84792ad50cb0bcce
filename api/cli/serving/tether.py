"""Runs a module as a child that ends with its parent.

``python -m api.cli.serving.tether MODULE ...`` is ``python -m MODULE ...``, but the parent holds
the other end of standard input. When it goes away, however it was killed, the pipe closes and the
child sends itself SIGTERM; so a killed ``lossfit serve`` leaves no controller behind to compete
with the next one.

What the child and its workers train yields the processor to the parent, which answers requests.
"""

import os
import runpy
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

_NICE: Final = "10"


def _follow_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def _yield_to_parent() -> None:
    # Linux may share the processor among sessions before it looks at how nice their processes are
    # (sched(7), autogroup): Ray's workers, nice as they are, would take as much as the API.
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(_NICE)


def main() -> None:
    """Run the module named first on the command line, with the rest as its arguments."""
    threading.Thread(target=_follow_parent, name="tether", daemon=True).start()
    _yield_to_parent()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
