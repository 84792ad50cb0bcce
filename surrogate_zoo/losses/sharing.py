"""One loss with its card, to and from a folder or the Hugging Face hub (``lossfit[hub]``)."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from surrogate_zoo.errors import InputError, NotFoundError, StorageError
from surrogate_zoo.losses.card import FILE
from surrogate_zoo.losses.document import Document, read_loss_file
from surrogate_zoo.losses.exchange import loss_files, write_files
from surrogate_zoo.losses.registry import checked

_REPOSITORY = re.compile(
    r"hf://(?P<name>[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@(?P<revision>[\w./-]+))?"
)


class _Repository(NamedTuple):
    """A repository of the hub; its branch, tag or commit where one is named."""

    name: str
    revision: str | None


def push_loss(
    document: Mapping[str, Any],
    target: str | Path,
    *,
    private: bool = False,
    endpoint: str | None = None,
) -> str:
    """Write a loss file and its card to a folder, or to a repository of the Hugging Face hub.

    The hub's token is that of ``hf auth login`` or of the variable ``HF_TOKEN``.

    Args:
        document: The loss file's content.
        target: A folder, made if it is not there; or ``hf://user/name``, a repository of models, made
            if it is not there, with ``@branch`` if it is not to be the main one.
        private: Whether a repository that is made is for its owner alone.
        endpoint: Address of another hub.

    Returns:
        Where the loss is: the file's path, or the address of the commit.

    Raises:
        LossFileError: The document is no loss file.
        InputError: That is no address on the hub, or ``lossfit[hub]`` is not installed.
        StorageError: The folder cannot be written, or the hub does not take it.
    """
    files = loss_files(checked(document))
    if not _is_on_hub(target):
        folder = Path(target)
        try:
            write_files(folder, files)
        except OSError as error:
            raise StorageError(f"{folder} cannot be written: {error.strerror or error}.") from error
        return str(folder / FILE)
    repository, hub = _repository(str(target)), _hub()
    api = hub.HfApi(endpoint=endpoint)
    operations = [
        hub.CommitOperationAdd(path_in_repo=name, path_or_fileobj=text.encode())
        for name, text in files.items()
    ]
    with _told(repository):
        api.create_repo(repository.name, private=private, exist_ok=True)
        commit = api.create_commit(
            repository.name,
            operations,
            commit_message=f"{document['name']}, {document['sha256'][:12]}",
            revision=repository.revision,
        )
    return str(commit.commit_url)


def pull_loss(source: str | Path, *, endpoint: str | None = None) -> Document:
    """Read a loss file from a folder, or from a repository of the Hugging Face hub.

    Args:
        source: A folder that :func:`push_loss` wrote, or ``hf://user/name``, with ``@`` and a branch, a
            tag or a commit if it is not to be the main branch.
        endpoint: Address of another hub.

    Returns:
        The loss file's content, checked.

    Raises:
        LossFileError: It is missing or no loss file.
        InputError: That is no address on the hub, or ``lossfit[hub]`` is not installed.
        NotFoundError: There is no such repository, or no loss in it.
        StorageError: The hub does not answer.
    """
    if not _is_on_hub(source):
        return checked(read_loss_file(Path(source) / FILE))
    repository, hub = _repository(str(source)), _hub()
    with _told(repository):
        path = hub.hf_hub_download(
            repository.name, FILE, revision=repository.revision, endpoint=endpoint
        )
    return checked(read_loss_file(path))


def _is_on_hub(place: str | Path) -> bool:
    return str(place).startswith("hf:")


def _repository(address: str) -> _Repository:
    match = _REPOSITORY.fullmatch(address)
    if match is None:
        raise InputError(f"{address!r} is no repository: write hf://user/name.")
    return _Repository(match["name"], match["revision"])


def _hub() -> ModuleType:
    try:
        import huggingface_hub  # noqa: PLC0415  (of the extra "hub")
    except ImportError as error:
        raise InputError(
            "The Hugging Face hub needs the package huggingface_hub: pip install 'lossfit[hub]'."
        ) from error
    return huggingface_hub


@contextmanager
def _told(repository: _Repository) -> Iterator[None]:
    """Turn the hub's errors into one sentence."""
    errors = _hub().errors
    try:
        yield
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError) as error:
        at = f"@{repository.revision}" if repository.revision else ""
        raise NotFoundError(
            f"The hub has no repository {repository.name}{at}, or your token may not see it: "
            "log in with 'hf auth login'."
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise StorageError("The hub does not answer; look at your connection.") from error
    except errors.EntryNotFoundError as error:
        raise NotFoundError(f"{repository.name} on the hub holds no {FILE}.") from error
    except errors.HFValidationError as error:
        raise InputError(f"The hub takes no repository of that name: {error}") from error
    except (errors.HTTPError, OSError) as error:
        raise StorageError(f"The hub did not take the request: {error}") from error
