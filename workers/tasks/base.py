"""What all specs have in common: they are frozen, and know every one of their fields."""

from collections.abc import Collection
from typing import Annotated, Any, Generic, TypeVar, get_args

from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from surrogate_zoo.errors import LossfitError, unknown
from workers.tasks.described import Described, is_tag

Seed = Annotated[int, Field(ge=0, lt=2**31)]
Fraction = Annotated[float, Field(gt=0.0, lt=1.0)]
Side = Annotated[int, Field(ge=16, le=4096)]

_MOST_STRANGE = 20
"""Of the fields that there are not, those that are told with the ones that are meant."""


class Spec(Described):
    """Base of all specs: frozen, and an unknown field is an error rather than a silent no-op.

    So is a boolean where a number belongs, which pydantic would take for 0 or 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def model_post_init(self, _context: Any, /) -> None:
        """Count what tells the kind of a spec as given: it is part of what ``exclude_unset`` leaves."""
        self.model_fields_set.update(
            name for name, field in type(self).model_fields.items() if is_tag(field.annotation)
        )

    @model_validator(mode="before")
    @classmethod
    def _booleans_are_no_numbers(cls, given: object) -> object:
        for name, value in given.items() if isinstance(given, dict) else ():
            field = cls.model_fields.get(name)
            if field and _holds_boolean(value) and not _takes_boolean(field.annotation):
                raise ValueError(f"{name} takes no true or false")
        return given

    @model_validator(mode="before")
    @classmethod
    def _fields_are_known(cls, given: object) -> object:
        names = cls.model_fields
        strange = [name for name in given if name not in names] if isinstance(given, dict) else []
        if strange:
            errors = [_unknown_field(name, names) for name in strange[:_MOST_STRANGE]]
            errors += [_unknown_field(name, ()) for name in strange[_MOST_STRANGE:]]
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return given


def _unknown_field(name: object, names: Collection[str]) -> InitErrorDetails:
    """The error that pydantic has for a field that there is not, with what fields there are, if said."""
    if not names:
        return InitErrorDetails(type="extra_forbidden", loc=(str(name),), input=None)
    told = PydanticCustomError("extra_forbidden", "{told}", {"told": unknown("field", name, names)})
    return InitErrorDetails(type=told, loc=(str(name),), input=None)


def _holds_boolean(value: object) -> bool:
    """Whether it is a boolean, or a sequence with one."""
    if isinstance(value, list | tuple):
        return any(map(_holds_boolean, value))
    return isinstance(value, bool)


def _takes_boolean(annotation: Any) -> bool:
    """Whether a type, or one that it is made of, is a boolean or anything."""
    return annotation in (bool, Any) or any(map(_takes_boolean, get_args(annotation)))


Curve = tuple[tuple[int, float], ...]


class Stopped(LossfitError):  # noqa: N818 - a request that was met, not an error
    """The caller's ``should_stop`` became true; what had finished before was handed over."""


Result_co = TypeVar("Result_co", covariant=True)


class FolderTask(Spec, Generic[Result_co]):
    """Base of the tasks that a worker does in a folder of their own, and whose result is of this type.

    What does such a task is found by its type, see ``workers.cluster.worker.FUNCTIONS``.
    """

    @property
    def workers(self) -> int:
        """How many workers do it together."""
        return 1


def fields_of(spec: Spec, base: type[Spec]) -> dict[str, Any]:
    """The values of ``spec`` for all fields of a class that it extends, by name.

    Copying goes over the class's own fields, so that none can be forgotten.
    """
    return {name: getattr(spec, name) for name in base.model_fields}
