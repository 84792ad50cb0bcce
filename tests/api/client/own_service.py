"""API and controller in one process, without workers and without Ray, to be killed.

``python -m tests.api.client.own_service PORT``: settings come from the environment.
"""

import sys
import threading

import uvicorn

from api.app import create_app
from search_service.controller import Controller
from search_service.jobs.pool import IdlePool
from search_service.settings import Settings

if __name__ == "__main__":
    with Controller(Settings(), IdlePool()) as controller:
        threading.Thread(target=controller.work, args=(threading.Event(),), daemon=True).start()
        uvicorn.run(create_app(Settings()), port=int(sys.argv[1]), log_level="warning")
