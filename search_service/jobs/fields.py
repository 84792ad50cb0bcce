"""What a caller may ask for, as API and command line both check it; needs pydantic alone."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field, StringConstraints

from surrogate_zoo.sums import NAME, is_sum, parse_sum
from workers.tasks.base import Spec
from workers.tasks.loss_networks import LossNetworkSpec

LONGEST_NAME = 128

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=LONGEST_NAME)]
"""A name in the zoo: lower-case letters, digits, dots, dashes and underscores."""

DatasetName = Annotated[Name, StringConstraints(max_length=100)]
"""A dataset's name: as in the zoo, and shorter, since the name of a loss may contain it."""

Priority = Annotated[int, Field(ge=-1000, le=1000)]
"""Order among an owner's waiting jobs: a higher priority starts first, equals in the order they came."""

Version = Annotated[int, Field(ge=1, lt=2**31)]

TagName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
"""A tag of a loss or of jobs: a lower-case word of letters, digits, dots, dashes and underscores."""

Note = Annotated[
    str,
    StringConstraints(
        max_length=2000,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$",
    ),
]
"""Text of any lines, without what steers a terminal or turns the direction of the text around it."""


def _names_losses(text: str) -> str:
    """Check a loss's name or a weighted sum; a sum comes back without white space."""
    if is_sum(text):
        parse_sum(text)
        return "".join(text.split())
    if not NAME.fullmatch(text):
        raise ValueError(f"a loss's name must match {NAME.pattern}; a weighted sum needs + or *")
    return text


LossTerms = Annotated[
    str, StringConstraints(min_length=1, max_length=2500), AfterValidator(_names_losses)
]
"""A name in the zoo, or a weighted sum of such names, as :func:`surrogate_zoo.sums.parse_sum` reads it."""


Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 of a file, lower-case hex."""


def _of_their_kinds(networks: dict[str, str | LossNetworkSpec]) -> dict[str, str | LossNetworkSpec]:
    for kind, network in networks.items():
        if not isinstance(network, str) and network.kind != kind:
            raise ValueError(
                f"loss_networks gives the {kind} as kind {network.kind}: make both one"
            )
    return networks


def _one_of_a_kind(specs: tuple[LossNetworkSpec, ...]) -> tuple[LossNetworkSpec, ...]:
    if len({spec.kind for spec in specs}) < len(specs):
        raise ValueError("loss_network_specs gives a kind twice")
    return specs


LossNetworks = Annotated[
    dict[
        Annotated[str, StringConstraints(pattern=r"^(edge|inverse)_network$")],
        Sha256 | LossNetworkSpec,
    ],
    AfterValidator(_of_their_kinds),
]
"""Kind of loss network -> SHA-256 of the one that a loss is to carry, or how it is trained."""

LossNetworkSpecs = Annotated[tuple[LossNetworkSpec, ...], AfterValidator(_one_of_a_kind)]
"""How loss networks are trained, at most one of each kind."""


def check_terms(field: str, versions: Mapping[str, int], terms: Sequence[str]) -> None:
    """Refuse versions of what is no term of a weighted sum."""
    if strange := sorted(set(versions) - set(terms)):
        raise ValueError(f"{field} names what is no term of a weighted sum: {', '.join(strange)}")


class JobRequest(Spec):
    """Base of what a caller may ask for as a job.

    Attributes:
        pinned: Names of the fields that are fixed at the time of the request where they are None, such as
            versions of losses: a name left out of a mapping, too, takes the newest.
        named: Names of the fields that name losses of the zoo: a name, a weighted sum, several of them, or a
            mapping from them. An alias in them is replaced by its loss (``search_service.jobs.aliases``).
        priority: Order among an owner's waiting jobs: a higher one starts first, equals in the order they
            came.
    """

    pinned: ClassVar[tuple[str, ...]] = ()
    named: ClassVar[tuple[str, ...]] = ()

    priority: Priority = 0

    @property
    def aside(self) -> bool:
        """Whether such a job takes no place of those who train here."""
        return False

    def at_versions(self, versions: Mapping[str, int]) -> Self:  # noqa: ARG002
        """The request with versions of some losses that it names, where it leaves them open."""
        return self

    def pinned_as(self, earlier: Self) -> Self:
        """The request with the versions of an earlier one where it leaves them open."""
        versions: dict[str, Any] = {}
        for field in self.pinned:
            asked, fixed = getattr(self, field), getattr(earlier, field)
            versions[field] = fixed | asked if isinstance(asked, dict) else asked or fixed
        return self.model_copy(update=versions)
