"""What an operator can set, read from ``LOSSFIT_*`` environment variables."""

from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from search_service.store.artifacts import Root

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
"""What this machine calls itself."""


class OwnerLimits(BaseModel):
    """What one owner's jobs may take; None sets no limit.

    Attributes:
        jobs: That run at the same time.
        trainings: Within ``Settings.owner_days``.
        hours: Of one worker, of its GPUs where it has any, within ``Settings.owner_days``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    jobs: Annotated[int, Field(ge=0)] | None = None
    trainings: Annotated[float, Field(ge=0)] | None = None
    hours: Annotated[float, Field(ge=0)] | None = None


def sqlite_url(file: Path) -> str:
    """The URL of an SQLite database, whatever its path holds."""
    from sqlalchemy import URL  # noqa: PLC0415 - takes time to load

    return URL.create("sqlite", database=str(file)).render_as_string(hide_password=False)


class Settings(BaseSettings):
    """One process's settings; make one where a process starts and pass it on.

    Attributes:
        home: Folder of everything that the service keeps, unless set apart below.
        database_url: SQLAlchemy URL, ``sqlite:///...`` or ``postgresql+psycopg://...``; empty means
            ``lossfit.db`` in ``home``.
        artifacts: Where the artifact files are, a folder or a URL of fsspec; empty means
            ``artifacts`` in ``home``.
        dataset_roots: Folders that a registered dataset may live under; none by default, so only
            generated datasets can be registered.
        weights_roots: Folders that a network's file of weights may lie under; none by default.
        mlflow_tracking_uri: Where MLflow logs every retraining, as the workers reach it; none by
            default.
        token: The operator's bearer token; every request must carry it, or one that the operator has made
            (``search_service.access.tokens``). None asks for none, and takes everybody for the operator.
        allowed_hosts: Names that the service is called by, beside this machine's own and ``host``: what
            stands in the header Host of its requests. With a token and none of them, any will do.
        host: Address that the API listens on; without a token one of this machine alone.
        port: Port that the API listens on.
        ray_address: Address of a Ray cluster; None starts a local one.
        actors: Worker actors; None takes as many as the cluster has room for.
        cpus_per_actor: CPU cores that each actor reserves.
        gpus_per_actor: GPUs that each actor reserves; None takes one each where there are any.
        pack_size: Candidates that one actor trains on shared batches.
        stall_seconds: A training that takes no step, or whose worker does not answer, for so long is stuck:
            it is ended and begun again elsewhere.
        dataset_memory_gb: Gigabytes that reading a dataset may take while it is registered, where its format
            may hold more than it weighs.
        dataset_seconds: Seconds that it may take there.
        max_body_bytes: Largest request body in bytes.
        concurrent_jobs: Jobs that run at the same time; more wait, and owners take turns
            (``search_service.jobs.queue``).
        owner_limits: Owner -> what they may use; ``*`` is everybody who is not named.
        owner_days: Days over which what an owner uses is summed up.
        most_trainings: Trainings that a job may take by its estimate; more are refused. None sets no
            limit, here as in the next ones.
        most_steps: Optimiser steps of all its trainings together.
        most_hours: Hours of one worker that a job may take by its estimate, where its speed is known.
        most_disk_gb: Gigabytes that a job may leave by its estimate, where they are known.
        most_memory_gb: Gigabytes of GPU memory that one of its workers may need, where they are known.
        log_format: How processes of the service write their logs: ``text``, or ``json``, a line each.
        root_path: Path that a proxy in front of the API puts it under, such as ``/lossfit``.
    """

    model_config = SettingsConfigDict(env_prefix="LOSSFIT_", frozen=True, extra="forbid")

    home: Path = Path("~/.lossfit")
    database_url: str = ""
    artifacts: str = ""
    dataset_roots: tuple[Path, ...] = ()
    weights_roots: tuple[Path, ...] = ()
    mlflow_tracking_uri: SecretStr | None = None
    token: SecretStr | None = None
    allowed_hosts: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    ray_address: str | None = None
    actors: Annotated[int, Field(ge=1)] | None = None
    cpus_per_actor: Annotated[float, Field(gt=0)] = 1.0
    gpus_per_actor: Annotated[float, Field(ge=0)] | None = None
    pack_size: Annotated[int, Field(ge=1, le=64)] = 1
    stall_seconds: Annotated[float, Field(gt=0)] = 3600.0
    dataset_memory_gb: Annotated[float, Field(gt=0)] = 8.0
    dataset_seconds: Annotated[float, Field(gt=0)] = 3600.0
    max_body_bytes: Annotated[int, Field(ge=1024)] = 1024 * 1024
    concurrent_jobs: Annotated[int, Field(ge=1, le=64)] = 2
    owner_limits: dict[str, OwnerLimits] = Field(default_factory=dict)
    owner_days: Annotated[int, Field(ge=1, le=3650)] = 30
    most_trainings: Annotated[float, Field(gt=0)] | None = 20_000
    most_steps: Annotated[float, Field(gt=0)] | None = 1e9
    most_hours: Annotated[float, Field(gt=0)] | None = None
    most_disk_gb: Annotated[float, Field(gt=0)] | None = None
    most_memory_gb: Annotated[float, Field(gt=0)] | None = None
    log_format: Literal["text", "json"] = "text"
    root_path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""

    @field_validator("token")
    @classmethod
    def _token_is_a_secret(cls, token: SecretStr | None) -> SecretStr | None:
        if token is None:
            return None
        secret = token.get_secret_value().strip()  # a mounted file ends with a line feed
        if not secret:
            raise ValueError("is empty: set it to a secret, or do not set it at all")
        return SecretStr(secret)

    @field_validator("database_url")
    @classmethod
    def _database_has_a_url(cls, url: str) -> str:
        if url:
            from sqlalchemy import make_url  # noqa: PLC0415 - takes time to load
            from sqlalchemy.exc import ArgumentError  # noqa: PLC0415

            try:
                make_url(url)
            except ArgumentError as error:
                raise ValueError(
                    "is no URL of a database: write postgresql+psycopg://user:password@host/name"
                ) from error
        return url

    @model_validator(mode="after")
    def _home_is_absolute(self) -> Self:
        # A relative home would move with the working directory of each process.
        object.__setattr__(self, "home", self.home.expanduser().absolute())
        return self

    @property
    def is_open(self) -> bool:
        """Whether other machines reach the API and nothing asks who they are."""
        return self.token is None and not _is_loopback(self.host)

    @property
    def database(self) -> str:
        """The database's URL, with its default filled in."""
        return self.database_url or sqlite_url(self.home / "lossfit.db")

    @property
    def artifacts_root(self) -> Root:
        """The artifacts' root, with its default filled in, and where files of a URL are read from."""
        return Root(self.artifacts or str(self.home / "artifacts"), cache=self.home / "cache")


def _is_loopback(host: str) -> bool:
    """Whether an address or a name is of this machine alone."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() in LOOPBACK
