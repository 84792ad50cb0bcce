"""What commands on the service's own machine share: its settings, and its database brought up to date."""

import os
import time
from collections.abc import Callable
from typing import Final

from pydantic import ValidationError
from pydantic_settings import SettingsError
from sqlalchemy.exc import OperationalError

from api.cli.output.console import say
from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import make_engine
from surrogate_zoo.errors import InputError, StorageAwayError, StorageError

PATIENCE_S: Final = 60.0
"""Seconds that a database may take to answer when a process of the service starts."""
RETRY_S: Final = 0.5


def settings_of(options: dict[str, object]) -> Settings:
    """The settings, with ``options`` in the environment too, where child processes find them.

    Args:
        options: Settings by the names of their environment variables without ``LOSSFIT_``; None
            leaves one as the environment has it.

    Raises:
        InputError: A setting is wrong.
    """
    for name, value in options.items():
        if value is not None:
            os.environ[f"LOSSFIT_{name}"] = str(value)
    try:
        return Settings()
    except SettingsError as error:
        raise InputError(
            f"The LOSSFIT_* environment variables are not valid: {error}. Lists and objects are written "
            'as JSON, such as ["/data"].'
        ) from error
    except ValidationError as error:
        raise InputError(
            "The LOSSFIT_* environment variables or options are not valid: "
            + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        ) from error


def migrate(settings: Settings) -> None:
    """Make the home, the artifacts' root and the database, where they are missing or old.

    A new home is the service's own user's alone: it holds people's images and results.

    Raises:
        InputError: A newer version of this software made the database.
        StorageError: The home cannot be made.
        StorageAwayError: The database has not answered for :data:`PATIENCE_S`; or the artifacts' root
            does not.
    """
    try:
        settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"Cannot make {settings.home}: {error.strerror}.") from error
    artifacts.prepare(settings.artifacts_root)
    engine = make_engine(settings.database)
    try:
        _insist(lambda: prepare(engine))
    finally:
        engine.dispose()


def _insist(attempt: Callable[[], None]) -> None:
    """Try again while the database does not answer: it may be starting too, or starting again.

    Raises:
        StorageAwayError: It has not answered in time.
    """
    deadline, told = time.monotonic() + PATIENCE_S, False
    while True:
        try:
            attempt()
        except OperationalError as error:
            why = str(error.orig).splitlines()[0]
            if time.monotonic() >= deadline:
                raise StorageAwayError(f"The database does not answer: {why}") from error
            if not told:
                say(f"The database does not answer, trying again: {why}")
            told = True
            time.sleep(RETRY_S)
        else:
            return
