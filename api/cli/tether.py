"""Runs a module as a child that ends with its parent.

``python -m api.cli.tether MODULE ...`` is ``python -m MODULE ...``, but the parent holds
the other end of standard input. When it goes away, however it was killed, the pipe closes and the
child sends itself SIGTERM; so a killed ``lossfit serve`` leaves no controller behind to compete
with the next one.
"""

import os
import runpy
import signal
import sys
import threading


def _follow_parent() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Run the module named first on the command line, with the rest as its arguments."""
    threading.Thread(target=_follow_parent, name="tether", daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
