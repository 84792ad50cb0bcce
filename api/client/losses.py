"""The zoo of losses: looked through, downloaded, added to, and moved from one service to another."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from api.catalogue_schemas import AliasView, LossDetail, LossView
from api.client.addresses import segment
from api.client.formats import Format
from api.client.named_file import NamedFile
from api.client.transport import Transport
from api.loss_schemas import DrawnView
from api.schemas import Page
from search_service.deletion import Deletion
from surrogate_zoo.errors import LossFileError

_BUILT_IN = "built-in"


class Losses:
    """The zoo of losses."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        metric: str | None = None,
        tags: Sequence[str] | None = None,
        page_size: int = 50,
    ) -> Iterator[LossView]:
        """The newest version of every loss, by name; fetched page by page.

        Args:
            metric: Only those of this metric.
            tags: Only those with all of these, in the version that has them.
            page_size: Losses a request, 500 at most.
        """
        return self._transport.pages(
            Page[LossView], "/v1/losses", metric=metric, tag=tags, limit=page_size
        )

    def get(self, name: str, version: int | None = None) -> LossDetail:
        """One loss, by its name or an alias, with its document and what it needs.

        The newest version by default, of an alias the one that it stands for.
        """
        return self._transport.read(LossDetail, f"/v1/losses/{segment(name)}", version=version)

    def file(
        self, name: str, file_format: Format = "json", version: int | None = None
    ) -> NamedFile:
        """A loss as a file for one's own training."""
        path = f"/v1/losses/{segment(name)}/download"
        return self._transport.file(path, format=file_format, version=version)

    def download(
        self,
        name: str,
        target: Path | None = None,
        *,
        file_format: Format = "json",
        version: int | None = None,
    ) -> Path:
        """Write a loss to a file, under the service's name for it unless ``target`` is one.

        Raises:
            StorageError: It cannot be written there.
        """
        return self.file(name, file_format, version).save(target)

    def make(
        self, name: str, loss: str, parameters: Mapping[str, object] | None = None, **rest: object
    ) -> LossView:
        """Add a handmade loss with parameters of one's own.

        Args:
            name: Its name in the zoo.
            loss: The entry that it is made of.
            parameters: Those that differ from the entry's, which :meth:`get` tells with their ranges.
            rest: ``title``, ``scale``.

        Returns:
            The version that has this content.
        """
        body = {"name": name, "loss": loss, "parameters": parameters or {}, **rest}
        return self._transport.post(LossView, "/v1/losses", body)

    def add(
        self, source: Path | str | Mapping[str, object], *, tags: Iterable[str] = ()
    ) -> LossView:
        """Add a loss file; the same again adds nothing.

        Args:
            source: The file's path, or its content.
            tags: Tags that are to point at it.

        Returns:
            The version that has this content.

        Raises:
            LossFileError: It cannot be read.
        """
        document = source if isinstance(source, Mapping) else _content(Path(source))
        return self._transport.post(LossView, "/v1/losses", document, query={"tag": list(tags)})

    def attempt(
        self,
        name: str,
        truth: Sequence[Sequence[int]],
        scores: Sequence[Sequence[float]],
        *,
        steps: int = 0,
    ) -> DrawnView:
        """Evaluate a loss on a small drawn image of background and foreground; nothing is stored.

        Args:
            name: The loss; its newest version.
            truth: Rows of labels, 0 or 1; 2 to 48 rows and columns.
            scores: Rows of what is predicted for the foreground, 0 to 1.
            steps: Points along each axis of its surface, 21 at most; 0 leaves it out.
        """
        body = {"truth": truth, "scores": scores, "steps": steps}
        return self._transport.post(DrawnView, f"/v1/losses/{segment(name)}/try", body)

    def annotate(
        self,
        name: str,
        version: int | None = None,
        *,
        note: str | None = None,
        tags: Sequence[str] | None = None,
    ) -> LossView:
        """Write a note and tags to a version of a loss, in place of those that it has.

        Args:
            name: The loss.
            version: Its version; the newest by default.
            note: What is to be remembered of it; an empty one removes the note, None leaves it.
            tags: Words to find it by; an empty list removes them, None leaves them.
        """
        path, body = f"/v1/losses/{segment(name)}/annotate", {"note": note, "tags": tags}
        query = {} if version is None else {"version": [str(version)]}
        return self._transport.post(LossView, path, body, query=query)

    def aliases(self, *, page_size: int = 50) -> Iterator[AliasView]:
        """All aliases, by name; fetched page by page."""
        return self._transport.pages(Page[AliasView], "/v1/aliases", limit=page_size)

    def point(self, alias: str, loss: str, version: int | None = None) -> AliasView:
        """Make an alias, or move it to another loss or version.

        Args:
            alias: What may be said in place of the loss's name.
            loss: The loss.
            version: Its version; the newest there is now by default.
        """
        body = {"name": alias, "loss": loss, "version": version}
        return self._transport.post(AliasView, "/v1/aliases", body)

    def remove_alias(self, alias: str) -> Deletion:
        """Remove an alias; its loss stays."""
        path = f"/v1/aliases/{segment(alias)}"
        return self._transport.delete(Deletion, path, dry_run=False)

    def delete(self, name: str, *, dry_run: bool = False) -> Deletion:
        """Delete a loss with all its versions, as an administrator, if nothing needs it."""
        path = f"/v1/losses/{segment(name)}"
        return self._transport.delete(Deletion, path, dry_run=dry_run)

    def export(self, target: Path, names: Iterable[str] = ()) -> Sequence[LossView]:
        """Write losses with their cards to a folder or a ZIP file, which :meth:`import_from` reads.

        Args:
            target: A folder, or a file whose name ends in ``.zip``.
            names: Which losses, with all their versions; all but the built-in ones if none is named.

        Returns:
            The versions, the oldest of each name first.

        Raises:
            StorageError: They cannot be written there.
        """
        from surrogate_zoo.losses.exchange import Packed, write  # noqa: PLC0415  (loads NumPy)

        chosen = list(names) or [loss.name for loss in self.list() if _BUILT_IN not in loss.tags]
        versions = [
            self.get(name, version)
            for name in chosen
            for version in reversed(self.get(name).versions)
        ]
        tags = [tuple(tag for tag in loss.tags if tag != _BUILT_IN) for loss in versions]
        packed = [
            Packed(loss.document, own, loss.note) for loss, own in zip(versions, tags, strict=True)
        ]
        write(target, packed)
        return versions

    def import_from(self, source: Path) -> Sequence[LossView]:
        """Add the losses that :meth:`export` wrote, tags and notes too; those that are there already stay.

        Everything is checked before the first is added. A note that one has here already stays too.

        Args:
            source: A folder or a ZIP file.

        Returns:
            The versions here, in the order of the source.

        Raises:
            LossFileError: Something in it is no loss file, or damaged.
            StorageError: It cannot be read.
        """
        from surrogate_zoo.losses.exchange import read  # noqa: PLC0415  (loads NumPy)

        return [self._add(packed.document, packed.tags, packed.note) for packed in read(source)]

    def _add(self, document: Mapping[str, object], tags: Iterable[str], note: str) -> LossView:
        loss = self.add(document, tags=tags)
        if note and not loss.note:
            loss = self.annotate(loss.name, loss.version, note=note)
        return loss


def _content(path: Path) -> dict[str, Any]:
    """A loss file's content; the service looks at what it says."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise LossFileError(f"Cannot read the loss file {path}: {error}.") from error
    if not isinstance(content, dict):
        raise LossFileError(f"{path} is no loss file: it holds no JSON object.")
    return content
