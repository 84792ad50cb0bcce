"""What an entry of the zoo says about a loss. Needs no torch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from surrogate_zoo.errors import InputError
from surrogate_zoo.losses.dimensions import Dimension
from surrogate_zoo.losses.document import Document, handmade_document
from surrogate_zoo.losses.parameters import Parameters
from surrogate_zoo.losses.scales import SCALES
from surrogate_zoo.needs import Needs


@dataclass(frozen=True)
class LossEntry:
    """One entry of :data:`LOSSES`.

    Attributes:
        name: The name that users write.
        title: The name that papers write.
        summary: What it does, in one sentence.
        source: Paper and equation.
        make: Makes the document of a surrogate or a weighted sum; None for a handmade loss.
        built_by: ``module:class`` of a handmade loss; empty for the others.
        takes: Parameters of a handmade loss with type, range and meaning, by which its class checks.
        parameters: Defaults of a handmade loss's own keyword arguments; they stand here and not in
            its constructor, so that its document says them all without loading torch.
        needs: What a handmade loss needs beyond logits and target.
        searched: Those of its parameters that a search walks along, with their ranges.
    """

    name: str
    title: str
    summary: str
    source: str
    make: Callable[[], Document] | None = None
    built_by: str = ""
    takes: Parameters = field(default_factory=Parameters)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    needs: Needs = field(default_factory=Needs)
    searched: tuple[Dimension, ...] = ()

    def document(self) -> Document:
        """Return the entry as a loss file's content."""
        if self.make is not None:
            return self.make()
        return handmade_document(
            self.name, self.name, self.parameters, title=self.title, scale=SCALES[self.name]
        )

    def with_parameters(
        self,
        name: str,
        parameters: Mapping[str, Any],
        *,
        title: str = "",
        scale: float | None = None,
    ) -> Document:
        """Return a loss file's content: this handmade loss with parameters of one's own.

        Args:
            name: Its name.
            parameters: Those that differ from the entry's.
            title: A line for people; the entry's and what differs from it if not given.
            scale: Its scale; the entry's, which was measured with the entry's parameters, if None.

        Raises:
            InputError: The entry is no handmade loss, or a parameter is unknown or out of range.
        """
        self.check(parameters)
        own = ", ".join(f"{key} {value}" for key, value in parameters.items())
        return handmade_document(
            name,
            self.name,
            {**self.parameters, **parameters},
            title=title or (f"{self.title} ({own})" if own else self.title),
            scale=SCALES[self.name] if scale is None else scale,
        )

    def check(self, parameters: Mapping[str, Any]) -> None:
        """Check parameters, those that are left out taken from the entry.

        Raises:
            InputError: The entry is no handmade loss, or a parameter is unknown or out of range.
        """
        if self.make is not None:
            raise InputError(f"{self.name!r} is no handmade loss: it has no parameters to choose.")
        try:
            self.takes.check(**{**self.parameters, **parameters})
        except InputError as error:
            raise InputError(f"{self.name}: {error}") from error

    def schema(self) -> dict[str, Any]:
        """The JSON schema of a handmade loss's parameters, with the entry's defaults."""
        return self.takes.schema(self.parameters)
