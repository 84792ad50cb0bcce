"""Tables of the zoo: losses and loss networks, immutable once published, and what points at losses."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKey,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class AwareDateTime(TypeDecorator[datetime]):
    """A moment in UTC, aware on every database (SQLite forgets the time zone)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Store UTC."""
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Read UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """The present moment, aware, UTC."""
    return datetime.now(UTC)


class Base(DeclarativeBase):
    """Base of all tables of the product; constraint names are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Loss(Base):
    """One published version of a loss; deleted only with all others of its name.

    Only its note is ever changed.

    Attributes:
        id: Counts up; of a name the newest version has the highest.
        name: Its name in the zoo.
        version: Counts up from 1 with each other content of the name.
        kind: What it is made of: ``surrogate``, ``handmade`` or ``sum``.
        metric: The metric that it is the surrogate of; None of others.
        document: The loss file's content.
        sha256: Of the document, lower-case hex.
        owner: Who published it (``search_service.access``).
        note: What people wrote to it.
        created_at: Aware UTC.
    """

    __tablename__ = "loss"
    __table_args__ = (UniqueConstraint("name", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(128), index=True)
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(16))
    metric: Mapped[str | None] = mapped_column(String(64), index=True)
    document: Mapped[dict[str, Any]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    owner: Mapped[str] = mapped_column(String(100), default="operator", server_default="operator")
    note: Mapped[str] = mapped_column(Text, default="", server_default="")
    created_at: Mapped[datetime] = mapped_column(AwareDateTime, default=now)
    tag_rows: Mapped[list["LossTag"]] = relationship(
        back_populates="loss", order_by="LossTag.tag", lazy="selectin"
    )
    alias_rows: Mapped[list["LossAlias"]] = relationship(
        back_populates="loss", order_by="LossAlias.name", lazy="selectin"
    )

    @property
    def tags(self) -> list[str]:
        """Tags that point at this version."""
        return [row.tag for row in self.tag_rows]

    @property
    def aliases(self) -> list[str]:
        """Aliases that stand for this version."""
        return [row.name for row in self.alias_rows]


class LossTag(Base):
    """A tag of a loss name: points at one version, may be moved to another."""

    __tablename__ = "loss_tag"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True)
    loss_id: Mapped[int] = mapped_column(ForeignKey("loss.id"), index=True)
    loss: Mapped[Loss] = relationship(back_populates="tag_rows")


class LossAlias(Base):
    """A second name that stands for one version of a loss, and may be moved to another loss.

    No loss has its name.

    Attributes:
        name: What requests may say in place of the loss's name.
        loss_id: The version.
        owner: Who made it (``search_service.access``).
        moved_at: Since when it stands for that version, aware UTC.
    """

    __tablename__ = "loss_alias"

    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    loss_id: Mapped[int] = mapped_column(ForeignKey("loss.id"), index=True)
    owner: Mapped[str] = mapped_column(String(100))
    moved_at: Mapped[datetime] = mapped_column(AwareDateTime)
    loss: Mapped[Loss] = relationship(back_populates="alias_rows", lazy="joined", innerjoin=True)


class LossNetwork(Base):
    """The weights of a network that some losses carry inside; never changed and never deleted.

    Attributes:
        id: Counts up; the newest has the highest.
        kind: One of :data:`surrogate_zoo.needs.LOSS_NETWORKS`.
        fingerprint: Of the data set whose masks it was trained on.
        num_classes: C that it was made for; None where it does not depend on it.
        spec: What was trained and how, as JSON.
        seed: Seed of that training.
        measures: What it reaches on masks held out of the training split.
        provenance: Where it comes from: data set, job, constructor arguments, versions, seconds.
        sha256: Of the weights' file, lower-case hex; the bytes lie in the service's artifacts.
        bytes: Size of that file.
        created_at: Aware UTC.
    """

    __tablename__ = "loss_network"
    __table_args__ = (UniqueConstraint("fingerprint", "sha256"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    fingerprint: Mapped[str] = mapped_column(String(64))
    num_classes: Mapped[int | None]
    spec: Mapped[dict[str, Any]] = mapped_column(JSON)
    seed: Mapped[int]
    measures: Mapped[dict[str, float]] = mapped_column(JSON)
    provenance: Mapped[dict[str, Any]] = mapped_column(JSON)
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(AwareDateTime, default=now)
