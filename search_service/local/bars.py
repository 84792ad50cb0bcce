"""Loads Optuna, whose progress bars nobody is shown here, without what they warn of in a notebook.

Whoever imports it first decides: tqdm warns in a notebook without ipywidgets, once.
"""

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="IProgress not found")
    import optuna  # noqa: F401
