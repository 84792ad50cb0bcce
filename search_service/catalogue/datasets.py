"""Registered datasets: a name, where the images are, and a report of what was found there."""

import tempfile
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.orm import Session

from search_service.catalogue.folders import allowed_path
from search_service.catalogue.request import DatasetRequest
from search_service.settings import Settings
from search_service.store import artifacts
from search_service.store.tables import Dataset
from surrogate_zoo.errors import (
    ConflictError,
    InputError,
    NotFoundError,
    UnknownNameError,
    unknown,
)
from surrogate_zoo.losses.mode_fit import check_mode
from surrogate_zoo.metrics.catalogue import METRICS
from surrogate_zoo.metrics.metric import check_multilabel
from surrogate_zoo.metrics.targets import Target
from surrogate_zoo.modes import MULTILABEL, mode_of_logits
from surrogate_zoo.store import zoo
from surrogate_zoo.store.tables import LossNetwork, now
from workers.datasets.bounded import Limits, examine_bounded
from workers.datasets.dataset import refusal
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.picture import draw_samples
from workers.datasets.reports.report import DatasetReport, Examination, Progress
from workers.tasks.datasets import DatasetSource, GeneratedSource, ShapesSource
from workers.tasks.file_sources import Registered
from workers.tasks.hold_out import HoldOut
from workers.tasks.instances import ClusteringSpec

_MOST_NAMES = 2000
"""Of those that are looked through for one that was meant."""

_SOURCES: TypeAdapter[DatasetSource] = TypeAdapter(DatasetSource)


class Read(NamedTuple):
    """A dataset whose files were read: its source with what workers have to know, and its report as JSON."""

    source: DatasetSource
    report: dict[str, Any]


BUILT_IN: dict[str, DatasetSource] = {"shapes": ShapesSource()}
"""Datasets that every database has from its first day."""


def register(session: Session, settings: Settings, request: DatasetRequest) -> Dataset:
    """Register a dataset after reading and checking every file of it, with a picture of nine samples.

    The same name with the same source and unchanged files gives the row that is there.

    Raises:
        InputError: The folder lies outside ``settings.dataset_roots`` (after symlinks).
        DatasetError: Images, masks or splits are missing or wrong.
        ConflictError: The name stands for other content.
    """
    source = allowed(settings, request.source)
    return enter(session, request.name, read(source, settings.artifacts_root, limits_of(settings)))


def get(session: Session, name: str) -> Dataset:
    """Return a dataset.

    Raises:
        NotFoundError: None of that name is registered.
    """
    dataset = session.get(Dataset, name)
    if dataset is None:
        raise NotFoundError(unknown("dataset", name, _names(session)))
    return dataset


def requested(session: Session, name: str) -> Dataset:
    """Return a dataset that a request names.

    Raises:
        UnknownNameError: None of that name is registered.
    """
    dataset = session.get(Dataset, name)
    if dataset is None:
        raise UnknownNameError("dataset", name, _names(session))
    return dataset


def _names(session: Session) -> list[str]:
    return list(session.scalars(select(Dataset.name).order_by(Dataset.name).limit(_MOST_NAMES)))


def check_split(session: Session, name: str, split: str) -> None:
    """Refuse a dataset that a request names and that has nothing to score on.

    Raises:
        UnknownNameError: None of that name is registered.
        InputError: It has no image in the split, or pixels of one class alone.
    """
    dataset = requested(session, name)
    if not dataset.report["images"].get(split):
        raise InputError(f"Dataset {dataset.name} has no image in its split {split!r}.")
    present = dataset.report.get("present", {}).get(split)
    several = source_of(dataset).mode == MULTILABEL
    if several and present == []:
        raise InputError(
            f"In the split {split!r} of dataset {dataset.name} no class has pixels: no score can be measured "
            "on it. Take another split."
        )
    if present is not None and len(present) < 2 and not several:
        raise InputError(
            f"The split {split!r} of dataset {dataset.name} holds {present[0] if present else 'void'} "
            "alone: no score can be measured on it. Take another split, or register masks of more "
            "classes."
        )


def check_hold_out(session: Session, name: str, hold_out: HoldOut | None) -> None:
    """Refuse a hold-out set in a split that nothing can be scored on, or that was trained on.

    None is no hold-out set.

    Raises:
        UnknownNameError: None of that name is registered.
        InputError: It has no image in the split, pixels of one class alone, or images of the training
            split.
    """
    if hold_out is None or hold_out.split is None:
        return
    check_split(session, name, hold_out.split)
    for shared in requested(session, name).report.get("shared", ()):
        if shared["split"] == hold_out.split and shared["exact"]:
            ours, theirs = shared["pairs"][0]
            raise InputError(
                f"{shared['exact']} images of the split {hold_out.split!r} of dataset {name} have the "
                f"same pixels as a training image, such as {theirs} and {ours}: what is trained on must "
                "not be scored. Remove them and register the dataset anew, or hold out a share of the "
                "training split."
            )


def check_objects(session: Session, name: str, clustering: ClusteringSpec | None) -> None:
    """Refuse a dataset that tells no objects apart where some are to be scored.

    A dataset that was registered before objects were counted passes: the worker looks at its files.

    Raises:
        UnknownNameError: None of that name is registered.
        InputError: It has none; tells which datasets have.
    """
    dataset = requested(session, name)
    counted = "instances" in dataset.report
    if clustering is not None and counted and dataset.report["instances"] is None:
        raise InputError(
            f"scoring.clustering makes objects, and dataset {name} tells none apart: "
            "take one that does, such as shapes, nuclei or cityscapes with instances=true, or leave "
            "clustering out."
        )


def mode_of(session: Session, name: str) -> str:
    """The mode of the logits of networks for a dataset that a request names; binary is multiclass.

    Raises:
        UnknownNameError: None of that name is registered.
    """
    return mode_of_logits(source_of(requested(session, name)).mode)


def check_metrics(session: Session, name: str, metrics: Iterable[str]) -> None:
    """Refuse metrics, or weighted sums of some, that have no meaning for a dataset's labels.

    Raises:
        UnknownNameError: No such dataset or metric.
        InputError: One is no weighted sum, or compares the classes of a pixel, which has several or none.
    """
    named = {own for each in metrics for own in Target(each).metrics}
    if mode_of(session, name) == MULTILABEL:
        for metric in named & {*METRICS}:
            check_multilabel(METRICS[metric], as_released=False)


def check_losses(session: Session, name: str, losses: Iterable[Mapping[str, Any]]) -> None:
    """Refuse losses, by their files' content, that do not fit to a dataset's labels.

    Raises:
        UnknownNameError: None of that name is registered.
        InputError: A loss takes no multi-labels, or no others.
    """
    mode = mode_of(session, name)
    for loss in losses:
        check_mode(loss, mode)


def source_of(dataset: Dataset) -> DatasetSource:
    """Where a registered dataset's images are, as workers read it."""
    return _SOURCES.validate_python(dataset.source)


def page(
    session: Session, *, after: str | None = None, limit: int = 50
) -> tuple[list[Dataset], str | None]:
    """Return datasets by name, and the cursor of the next page (None on the last)."""
    query = select(Dataset).order_by(Dataset.name).limit(limit + 1)
    if after is not None:
        query = query.where(Dataset.name > after)
    rows = list(session.scalars(query))
    return rows[:limit], rows[limit - 1].name if len(rows) > limit else None


def loss_networks(
    session: Session, name: str, *, after: int | None = None, limit: int = 50
) -> tuple[list[LossNetwork], int | None]:
    """Return the loss networks trained on a dataset, newest first, and the cursor of the next page.

    Raises:
        NotFoundError: None of that name is registered.
    """
    fingerprint = get(session, name).report["fingerprint"]
    return zoo.page_loss_networks(session, fingerprint, after=after, limit=limit)


def loss_network(session: Session, name: str, sha256: str) -> LossNetwork:
    """Return the loss network of these bytes that was trained on a dataset.

    Raises:
        NotFoundError: There is no such dataset, or no such network of it.
    """
    network = zoo.loss_network(session, get(session, name).report["fingerprint"], sha256)
    if network is None:
        raise NotFoundError(f"Dataset {name!r} has no loss network with SHA-256 {sha256}.")
    return network


def seed(session: Session) -> None:
    """Register the built-in datasets where they are missing."""
    for name in BUILT_IN:
        if session.get(Dataset, name) is None:
            enter(session, name, _built_in(name))


@cache
def _built_in(name: str) -> Read:
    """A built-in dataset is drawn: it is the same for every database that a process fills."""
    return read(BUILT_IN[name], None, Limits())


def picture(session: Session, name: str) -> str:
    """Return the SHA-256 of the picture of a dataset's samples, a PNG among the artifacts.

    Raises:
        NotFoundError: None of that name is registered, or it has no picture.
    """
    sha256: str | None = get(session, name).report.get("picture")
    if sha256 is None:
        raise NotFoundError(
            f"Dataset {name!r} has no picture: it is built in, or was registered before there were "
            "pictures. Register its source under another name to see it."
        )
    return sha256


def limits_of(settings: Settings) -> Limits:
    """What reading a dataset may take."""
    return Limits(settings.dataset_memory_gb, settings.dataset_seconds)


def read(
    source: DatasetSource,
    artifacts_root: artifacts.Root | None,
    limits: Limits,
    on_progress: Progress = lambda _done, _total: None,
) -> Read:
    """Read and check every file of a dataset, which may take minutes: in no transaction.

    Args:
        source: Where it is, one that :func:`allowed` gave.
        artifacts_root: Where a picture of nine samples is stored; None draws none.
        limits: What that may take.
        on_progress: See :func:`workers.datasets.reports.report.examine`.

    Raises:
        DatasetError: Images, masks or splits are missing or wrong.
    """
    found = examine_bounded(source, limits, on_progress)
    report = found.report
    if report is None:
        raise refusal(found.faults)
    drawn = {} if artifacts_root is None else {"picture": _draw(source, report, artifacts_root)}
    return Read(_with_what_was_found(source, found), report.model_dump(mode="json") | drawn)


def enter(session: Session, name: str, found: Read) -> Dataset:
    """Give a dataset that was read its name.

    Raises:
        ConflictError: The name stands for other content.
    """
    source = found.source.model_dump(mode="json")
    registered = session.get(Dataset, name)
    if registered is not None:
        same = _asked(source_of(registered)) == _asked(found.source)
        if same and registered.report["fingerprint"] == found.report["fingerprint"]:
            registered.source = source  # the files may have other times
            return registered
        raise ConflictError(
            f"Dataset {name!r} is registered with other content: take another name."
        )
    dataset = Dataset(name=name, source=source, report=found.report, created_at=now())
    session.add(dataset)
    session.flush()
    return dataset


def _asked(source: DatasetSource) -> DatasetSource:
    """What a caller asked for, without what the service adds."""
    if isinstance(source, GeneratedSource):
        return source
    return source.model_copy(update={"registered": None})


def _with_what_was_found(source: DatasetSource, found: Examination) -> DatasetSource:
    """A source with all that workers have to know of it."""
    if isinstance(source, GeneratedSource):
        return source
    bands = found.report.bands if found.report is not None else None
    known = (source.registered or Registered()).model_copy(
        update={"splits": dict(found.files)}
        | ({} if bands is None else bands.model_dump(include={"depth", "mean", "deviation"}))
    )
    return source.model_copy(update={"registered": known})


def _draw(source: DatasetSource, report: DatasetReport, artifacts_root: artifacts.Root) -> str:
    alike = () if report.repeated is None else report.repeated.largest
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.png"
        draw_samples(open_dataset(source), neighbours=alike).save(path)
        return artifacts.store(artifacts_root, path)[0]


def allowed(settings: Settings, source: DatasetSource) -> DatasetSource:
    """Return a source with its folder in full and the links that may be followed.

    Raises:
        InputError: The folder lies outside ``settings.dataset_roots`` (after symlinks).
    """
    if isinstance(source, GeneratedSource):
        return source
    root = allowed_path(
        source.root,
        settings.dataset_roots,
        content="datasets",
        variable="LOSSFIT_DATASET_ROOTS",
    )
    links = Registered(
        links=tuple(str(folder.expanduser().resolve()) for folder in settings.dataset_roots)
    )
    return source.model_copy(update={"root": str(root), "registered": links})
