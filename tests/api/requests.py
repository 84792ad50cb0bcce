"""Requests that the tests send again and again."""

SEARCH = {
    "metric": "macc",
    "dataset": "shapes",
    "preset": "quick",
    "sampler": {"name": "random", "trials": 4, "batch": 2},
}
RETRAINING = {"loss": "cross-entropy", "dataset": "shapes", "training": {"iterations": 10}}
LOSS_NETWORK = {"dataset": "shapes", "network": {"kind": "edge_network", "iterations": 10}}
REGISTRATION = {
    "name": "tiny",
    "source": {"layout": "shapes", "train": 8, "val": 2, "test": 2, "height": 32, "width": 32},
}
COMPARISON = {
    "losses": ["cross-entropy", "0.5*dice+0.5*lovasz"],
    "dataset": "shapes",
    "training": {"iterations": 10},
    "learning_rates": [0.1, 0.3],
    "seeds": 2,
}
