"""Packages that only some layouts need; lossfit installs them on demand."""

from importlib import import_module
from typing import Any

from surrogate_zoo.errors import DatasetError


def optional(module: str, extra: str) -> Any:
    """Import ``module``, which the extra ``lossfit[extra]`` brings.

    Raises:
        DatasetError: It is not installed; tells the command.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DatasetError(
            f"This layout needs the package {module.partition('.')[0]}: pip install "
            f"'lossfit[{extra}]' on the service's and the workers' machines."
        ) from error
