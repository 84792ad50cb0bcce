"""How several that trained together ended, as one."""

from workers.cluster.flight import culprit_of
from workers.cluster.packs import Ended

CUT_OFF = Ended("unexpected", "RuntimeError: Connection closed by peer")


def test_the_reason_is_told_and_not_what_came_of_it() -> None:
    killed = Ended("lost", "ActorDiedError: killed")
    assert culprit_of([CUT_OFF, killed]) == killed
    full = Ended("memory", "OutOfMemoryError: 80 GiB")
    assert culprit_of([full, Ended("stuck", "it did not end with the others")]) == full
    assert (
        culprit_of([CUT_OFF, Ended("infrastructure", "NodeDiedError")]).failure == "infrastructure"
    )


def test_where_nobody_knows_who_was_first_all_are_heard() -> None:
    other = Ended("unexpected", "IndexError: 3")
    assert culprit_of([CUT_OFF, other, CUT_OFF]) == Ended(
        "unexpected", f"{CUT_OFF.reason}; {other.reason}"
    )
