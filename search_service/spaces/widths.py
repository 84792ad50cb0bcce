"""How wide the embeddings are that a search tries; needs nothing."""

from typing import Final

WIDTHS: Final = (4, 8, 16)
"""Channels, unless others are asked for; De Brabandere et al. have 8 for Cityscapes and 16 for CVPPP."""
