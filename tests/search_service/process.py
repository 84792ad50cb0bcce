"""A controller on a bowl in a process of its own, to be killed.

``python -m tests.search_service.process SECONDS``: settings come from the environment, as in
production; a candidate takes SECONDS.
"""

import signal
import sys
import threading

from search_service.controller import hold
from search_service.settings import Settings
from tests.search_service.bowl import BowlPool
from tests.search_service.brief import draw_one_later

if __name__ == "__main__":
    draw_one_later()
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    hold(Settings(), BowlPool(seconds=float(sys.argv[1])), stop)
