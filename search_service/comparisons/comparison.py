"""A comparison: losses x networks x seeds, tuned on the same budget and trained alike.

Every training is recorded once, as soon as it ends, so a comparison that was killed goes on with what
is missing. The result is derived from the records.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from search_service.catalogue import datasets, losses
from search_service.catalogue.datasets import source_of
from search_service.comparisons import admission
from search_service.comparisons.cells import Cell, cells_of
from search_service.comparisons.options import options_for
from search_service.comparisons.outcome import CellOutcome
from search_service.comparisons.page import FinishedComparison
from search_service.comparisons.records import (
    Tunings,
    pending_of,
    results_of,
    tuning_stage,
    tunings_of,
)
from search_service.comparisons.request import ComparisonRequest
from search_service.comparisons.results import Results
from search_service.comparisons.supplied import Facts, Supplied
from search_service.jobs import ledger, stages
from search_service.jobs.run import Interrupted, Run, succeed
from search_service.loss_networks import supply
from search_service.store import artifacts
from search_service.store.states import CELL
from search_service.store.tables import Dataset, Evaluation, Job
from surrogate_zoo.errors import WorkerError, WorkersAwayError
from surrogate_zoo.losses.document import Document
from surrogate_zoo.store.tables import now
from workers.tasks.base import Stopped, fields_of
from workers.tasks.gallery import Contestant, GalleryResult, GalleryTask
from workers.tasks.proxy import Candidate, ProxyTask
from workers.tasks.retraining import (
    CHECKPOINT,
    METRICS,
    WEIGHTS,
    RetrainingOptions,
    RetrainingTask,
)
from workers.tasks.scoring import ScoringSpec
from workers.tasks.training import TrainingSpec

Item = TypeVar("Item")


def run(run: Run) -> None:
    """Run a comparison to its end. One that is cancelled reports what it has finished.

    Raises:
        Interrupted: The job is to pause or to stop; what finished is recorded.
        LossfitError: The comparison cannot be run.
    """
    comparison = _Comparison.of(run)
    try:
        comparison.tune()
        comparison.train()
        gallery = comparison.draw_gallery()
    except Interrupted:
        with run.reading() as session:
            cancelled = session.get_one(Job, run.job.id).state == "cancelling"
        if cancelled and not run.stopping.is_set():
            comparison.report(None)
        raise
    result = comparison.report(gallery)
    with run.writing.begin() as session:
        succeed(session, run.job.id, run.job.attempt, result)


@dataclass(frozen=True)
class _Comparison:
    """A comparison that is being run.

    Attributes:
        run: The run of its job.
        request: What was asked for.
        dataset: The dataset.
        documents: Loss -> loss file's content.
        supplied: The loss networks that the losses ask for.
        failed: Set when a training showed that the whole cannot be run.
    """

    run: Run
    request: ComparisonRequest
    dataset: Dataset
    documents: dict[str, Document]
    supplied: Supplied
    failed: threading.Event = field(default_factory=threading.Event)

    @classmethod
    def of(cls, run: Run) -> "_Comparison":
        """Read a comparison out of its job; trains the loss networks that are missing."""
        request = ComparisonRequest.model_validate(run.job.request)
        with run.reading() as session:
            dataset = datasets.get(session, request.dataset)
            documents = {
                loss: losses.document(session, loss, request.versions) for loss in request.losses
            }
        networks = supply.ensure_each(
            run, dataset, documents, request.loss_networks, request.loss_network_specs
        )
        return cls(run, request, dataset, documents, Supplied(networks))

    def tune(self) -> None:
        """Train with every loss, network and learning rate that is to be tried.

        A grid of rates follows from the scores that are recorded, so it may grow between two rounds,
        and is the same after a restart.
        """
        candidates = [
            Candidate(number, document) for number, document in enumerate(self.documents.values())
        ]
        for index in range(len(self.request.networks)):
            while pending := pending_of(self.request, self._tunings(), index):
                for rate, numbers in pending.items():
                    self._try_rate(index, rate, [candidates[number] for number in numbers])
                    self._tell_progress()

    def _try_rate(self, index: int, rate: float, tried: Sequence[Candidate]) -> None:
        """Train candidates with a learning rate; see :meth:`_together` for those that go together."""
        for scoring, networks, some in self._together(tried):
            task = ProxyTask(
                metric=self.request.metric,
                hold_out=self.request.hold_out,
                network=self.request.networks[index],
                training=self._training(rate),
                scoring=scoring,
                seed=self.request.seed,
                dataset=source_of(self.dataset),
                loss_networks=supply.paths(self.run, networks),
            )
            stages.of_stage(self.run, tuning_stage(index, rate), task, some)

    def _together(
        self, tried: Sequence[Candidate]
    ) -> Iterator[tuple[ScoringSpec, list[Facts], list[Candidate]]]:
        """Candidates that are scored alike, and carry no two loss networks of one kind."""
        alike: dict[ScoringSpec, dict[str, Candidate]] = defaultdict(dict)
        for candidate in tried:
            loss = self.request.losses[candidate.number]
            alike[self._options(loss)["scoring"]][loss] = candidate
        for scoring, by_loss in alike.items():
            for names, networks in self.supplied.groups(by_loss):
                yield scoring, networks, [by_loss[loss] for loss in names]

    def train(self) -> None:
        """Train the cells that are not recorded, as many at a time as there are workers."""
        with self.run.reading() as session:
            done = {row.number for row in admission.cells(session, self.run.job.id)}
        rates = {
            (index, row.loss): row.learning_rate
            for index, table in enumerate(self.results().tables)
            for row in table.rows
        }
        missing = [cell for cell in cells_of(self.request) if cell.number not in done]
        for_each(
            lambda cell: self._train(cell, rates[cell.network, cell.loss]),
            missing,
            threads=self.run.pool.actors,
            on_failure=self.failed.set,
        )

    def draw_gallery(self) -> GalleryResult | None:
        """Draw predictions of the first network's first seed; None if it never got there."""
        if not self.request.images:
            return None
        with self.run.reading() as session:
            finished = {
                row.number: CellOutcome.from_json(row.outcome)
                for row in admission.cells(session, self.run.job.id)
            }
        first = [
            Contestant(
                name=cell.loss,
                network=self.request.networks[0],
                weights=str(self._cell_folder(cell) / WEIGHTS),
                ways=finished[cell.number].objects.get("clusterings", {}),
            )
            for cell in cells_of(self.request)
            if self._is_shown(cell)
            and cell.number in finished
            and (self._cell_folder(cell) / WEIGHTS).exists()
        ]
        if not first:
            return None
        task = GalleryTask(
            dataset=source_of(self.dataset),
            split=self.request.split,
            inference=self.request.inference,
            contestants=tuple(first),
            images=self.request.images,
        )
        draw = partial(self._draw, task)
        drawn = self.run.step("gallery", lambda: draw().model_dump(mode="json"))
        return GalleryResult.model_validate(drawn)

    def report(self, gallery: GalleryResult | None) -> dict[str, Any]:
        """Write the files of the comparison, and give its result."""
        from search_service.comparisons import report  # noqa: PLC0415 - figures and torch, needed now alone

        results = self.results()
        finished = FinishedComparison(
            results,
            self.request,
            self.dataset,
            self.documents,
            {"request": self.run.job.request, "loss_networks": self.supplied.facts()},
            gallery,
            self.run.folder / "gallery",
        )
        written = report.write(self.run.folder / "report", finished)
        files = [self.run.keep(path).name for path in written]
        if gallery is not None:
            files += self._keep(gallery)
        return results.summary() | {"files": files, "loss_networks": self.supplied.facts()}

    def _keep(self, gallery: GalleryResult) -> Iterator[str]:
        """Store a gallery: what its pictures show as ``gallery.json``, each as ``gallery-<file>``."""
        folder = self.run.folder / "gallery"
        index = folder / "gallery.json"
        index.write_text(gallery.model_dump_json(indent=1) + "\n", encoding="utf-8")
        yield self.run.keep(index).name
        root = self.run.settings.artifacts_root
        for file in gallery.files:
            stored = artifacts.store(root, folder / file)
            yield self.run.record(f"gallery-{file}", *stored).name

    def results(self) -> Results:
        """What follows from the records so far."""
        return results_of(self.request, self._evaluations())

    def _evaluations(self) -> list[Evaluation]:
        with self.run.reading() as session:
            return ledger.all_evaluations(session, self.run.job.id)

    def _tunings(self) -> Tunings:
        rows = self._evaluations()
        scores = [(row.stage, row.number, row.outcome["score"]) for row in rows]
        return tunings_of(self.request, scores)

    def _training(self, rate: float) -> TrainingSpec:
        """The schedule with a learning rate."""
        return self.request.training.model_copy(update={"learning_rate": rate})

    def _options(self, loss: str) -> dict[str, Any]:
        """What fits a loss of the ways to make objects."""
        return options_for(self.request, loss, self.documents[loss])

    def _train(self, cell: Cell, rate: float) -> None:
        """Run one retraining and record what became of it; one that diverged is recorded as such."""
        options = fields_of(self.request, RetrainingOptions) | self._options(cell.loss)
        options |= {"training": self._training(rate)}
        task = RetrainingTask(
            dataset=source_of(self.dataset),
            loss=self.documents[cell.loss],
            network=self.request.networks[cell.network],
            seed=cell.seed,
            loss_networks=supply.paths(self.run, self.supplied.by_loss[cell.loss]),
            rankseg=self.request.rankseg,
            **options,
        )
        folder = self._cell_folder(cell)
        try:
            result = self.run.pool.run(
                task, folder, on_progress=lambda _steps, _loss: None, should_stop=self._should_stop
            )
        except Stopped as stopped:
            raise Interrupted from stopped
        except WorkersAwayError:
            raise  # it is not the cell's fault: the job waits
        except WorkerError as error:
            outcome = CellOutcome(rate, error=str(error))
        else:
            report = json.loads((folder / METRICS).read_text(encoding="utf-8"))
            metric, seconds = self.request.metric, result.seconds
            outcome = CellOutcome.of(report, learning_rate=rate, metric=metric, seconds=seconds)
        self._record(cell, outcome)

    def _record(self, cell: Cell, outcome: CellOutcome) -> None:
        row = Evaluation(job_id=self.run.job.id, stage=CELL, number=cell.number)
        row.outcome, row.finished_at = outcome.to_json(), now()
        with self.run.writing.begin() as session:
            ledger.record_evaluation(session, row, workers=self.request.devices)
        self._tell_progress()
        folder = self._cell_folder(cell)
        (folder / CHECKPOINT).unlink(missing_ok=True)
        if not self._is_shown(cell):
            (folder / WEIGHTS).unlink(missing_ok=True)

    def _draw(self, task: GalleryTask) -> GalleryResult:
        try:
            return self.run.pool.run(
                task,
                self.run.folder / "gallery",
                on_progress=lambda _images, _disagreement: None,
                should_stop=self._should_stop,
            )
        except Stopped as stopped:
            raise Interrupted from stopped

    def _tell_progress(self) -> None:
        with self.run.reading() as session:
            progress = admission.progress(session, self.run.job)
        self.run.tell("progress", progress)

    def _is_shown(self, cell: Cell) -> bool:
        """Whether the gallery shows a cell's predictions."""
        return cell.network == 0 and cell.seed == self.request.seed

    def _cell_folder(self, cell: Cell) -> Path:
        return self.run.folder / "cells" / str(cell.number)

    def _should_stop(self) -> bool:
        return self.failed.is_set() or self.run.should_stop()


def for_each(
    work: Callable[[Item], None],
    items: Sequence[Item],
    *,
    threads: int,
    on_failure: Callable[[], None],
) -> None:
    """Do ``work`` for all items, several at a time.

    Args:
        work: Takes an item.
        items: The items; they begin in their order.
        threads: How many at a time.
        on_failure: Called once when an item fails; it should make the others end.

    Raises:
        BaseException: What the first item raised that did not merely stop with the others.
    """
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(work, item) for item in items]
        ended = wait(futures, return_when=FIRST_EXCEPTION)
        if any(future.exception() for future in ended.done):
            on_failure()
            pool.shutdown(cancel_futures=True)
    errors = [
        error for future in futures if not future.cancelled() and (error := future.exception())
    ]
    for error in sorted(errors, key=lambda one: isinstance(one, Interrupted)):
        raise error
