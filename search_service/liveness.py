"""Whether a controller runs on a database: ``python -m search_service.liveness`` (status 0 or 1)."""

import sys

from search_service.settings import Settings
from search_service.store.database import make_engine
from search_service.store.lease import controller_runs


def main() -> int:
    """Tell by the exit status whether a controller runs on the configured database."""
    engine = make_engine(Settings().database)
    try:
        return 0 if controller_runs(engine) else 1
    finally:
        engine.dispose()


if __name__ == "__main__":
    sys.exit(main())
