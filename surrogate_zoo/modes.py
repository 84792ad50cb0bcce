"""The modes of logits: how many classes a pixel may carry. Needs no torch."""

MULTICLASS, MULTILABEL = "multiclass", "multilabel"
MODES = (MULTICLASS, MULTILABEL)
"""One class a pixel of several, or, with one channel, one or none (binary); or any of several."""
