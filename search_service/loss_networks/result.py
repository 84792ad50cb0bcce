"""What a training of a loss network ends with; needs pydantic alone."""

from workers.tasks.described import Described, Setting


class SuppliedNetwork(Described):
    """A loss network that a job used or made.

    Attributes:
        kind: What losses ask for: `edge_network`, `inverse_network`.
        sha256: Of its weights' file.
        measures: What it reaches on held-out masks, by name.
        losses: The losses of a comparison that carry it.
    """

    kind: str
    sha256: str
    measures: dict[str, float]
    losses: list[str] | None = None


class LossNetworkOutcome(Described):
    """What a training of a loss network ends with.

    Attributes:
        kind: What losses ask for: `edge_network`, `inverse_network`.
        sha256: Of its weights' file.
        measures: What it reaches on held-out masks, by name.
        parameters: Constructor arguments of the network.
        files: The job's files.
        seconds: Wall time of the training.
    """

    kind: str
    sha256: str
    measures: dict[str, float]
    parameters: dict[str, Setting]
    files: list[str]
    seconds: float
