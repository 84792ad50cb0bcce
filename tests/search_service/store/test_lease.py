"""One controller at a time holds the lease."""

from unittest.mock import patch

import pytest
from sqlalchemy import Engine

from search_service.settings import Settings
from search_service.store import lease
from search_service.store.database import make_engine
from surrogate_zoo.errors import ConflictError


def test_a_second_controller_is_refused_while_the_first_one_is_there(
    engine: Engine, settings: Settings
) -> None:
    other = make_engine(settings.database)
    with (
        patch.object(lease, "_PATIENCE_SECONDS", 0.3),
        lease.hold_lease(engine),
        pytest.raises(ConflictError, match="Another controller"),
        lease.hold_lease(other),
    ):
        pass
    with lease.hold_lease(other):
        pass
    other.dispose()
