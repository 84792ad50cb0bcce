"""A program that trains trials of a search, to be killed.

``python -m tests.api.client.own_worker URL KEY``; with ``HOLD=PATH`` in the environment it writes the lease
of its first trial there, and trains that for ever.
"""

import os
import sys
import threading
from pathlib import Path

from api.client.client import Client
from tests.search_service.searches.external.scoring import REQUEST, evaluate

if __name__ == "__main__":
    address, key = sys.argv[1:]
    with Client(address) as client:
        for trial in client.search(key=key, lease_s=2.0, **REQUEST):
            with trial:
                if hold := os.environ.get("HOLD"):
                    Path(hold).write_text(str(trial.number))
                    threading.Event().wait()
                trial.tell(evaluate(trial))
