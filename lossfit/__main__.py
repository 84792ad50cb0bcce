"""The command ``lossfit``, also as ``python -m lossfit``."""

import sys


def main() -> None:
    """Run the command line, or say in one sentence how to install what it needs."""
    try:
        from api.cli.app import app  # noqa: PLC0415  (only an extra brings what it imports)

        app()
    except ModuleNotFoundError as error:
        sys.exit(
            f"The command lossfit needs the package {error.name}: pip install 'lossfit[service]'."
        )


if __name__ == "__main__":
    main()
