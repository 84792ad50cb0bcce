"""``python -m api.cli`` is ``lossfit``."""

from api.cli.app import app

app()
