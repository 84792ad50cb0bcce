"""A controller in a process of its own, to be killed: ``python -m tests.search_service.process``.

Settings come from the environment, as in production; the argument is what a candidate takes.
"""

import sys
import threading

from search_service.controller import Controller
from search_service.settings import Settings
from tests.search_service.bowl import BowlPool

if __name__ == "__main__":
    with Controller(Settings(), BowlPool(seconds=float(sys.argv[1]))) as controller:
        controller.work(threading.Event())
