"""``python -m search_service.cli`` is ``segloss``."""

from search_service.cli import app

app()
