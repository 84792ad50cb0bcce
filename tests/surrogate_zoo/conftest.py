"""Property tests repeat the same examples on every machine, however slow it is."""

from hypothesis import settings

settings.register_profile("segloss", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("segloss")
