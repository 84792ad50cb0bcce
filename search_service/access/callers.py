"""Who calls, and what they may do."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

Scope: TypeAlias = Literal["read", "submit", "admin"]
"""``read`` looks at one's own jobs and at what all share; ``submit`` makes and steers one's own jobs, too,
and adds datasets and losses; ``admin`` does so with everybody's and reads the audit log."""

SCOPES: Final[tuple[Scope, ...]] = get_args(Scope)
"""From the narrowest to the widest: each may do what those before it may."""

OPERATOR: Final = "operator"
"""Who owns what is asked for with the operator's own token, or where no token is asked for."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from.

    Attributes:
        owner: Whose jobs it makes.
        scope: What it may do.
        token: Name of its token; None of the operator's own, and where none is asked for.
    """

    owner: str = OPERATOR
    scope: Scope = "admin"
    token: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether the caller may do what takes ``scope``."""
        return SCOPES.index(self.scope) >= SCOPES.index(scope)

    @property
    def sees(self) -> str | None:
        """Whose jobs the caller sees; None of one who sees everybody's."""
        return None if self.may("admin") else self.owner
