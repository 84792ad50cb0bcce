"""What commands on the service's own machine share: its settings, and its database brought up to date."""

import os

from pydantic import ValidationError

from search_service.catalogue.built_in import prepare
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.database import make_engine
from surrogate_zoo.errors import InputError


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
    except ValidationError as error:
        raise InputError(
            "The LOSSFIT_* environment variables or options are not valid: "
            + "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        ) from error


def migrate(settings: Settings) -> None:
    """Make the home, the artifacts' root and the database, where they are missing or old.

    A new home is the service's own user's alone: it holds people's images and results.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    artifacts.prepare(settings.artifacts_root)
    engine = make_engine(settings.database)
    try:
        prepare(engine)
    finally:
        engine.dispose()
