"""Losses written to a folder or a ZIP file and read again; what is damaged or leads out is refused."""

import json
from pathlib import Path
from zipfile import ZIP_BZIP2, ZIP_LZMA, ZipFile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from surrogate_zoo.errors import LossFileError, StorageError
from surrogate_zoo.losses.document import dump_loss_file, handmade_document
from surrogate_zoo.losses.exchange import MANIFEST, Packed, read, write
from surrogate_zoo.losses.registry import LOSSES

MINE = LOSSES["semeda"].with_parameters("mine", {"lambdas": [1, 0.5, 0.25]})
LOSSES_OF_MINE = [
    Packed(MINE, ("best", "tried"), "For thin things.\nSlow."),
    Packed(LOSSES["tversky"].with_parameters("mine", {"alpha": 0.5})),
    Packed(LOSSES["jdt"].document()),
    Packed(LOSSES["asl-bf1-voc"].document()),
]

both = pytest.mark.parametrize("name", ["zoo", "zoo.zip", "new/folder/zoo.zip"])


@both
def test_what_is_written_is_read(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, LOSSES_OF_MINE)
    assert read(tmp_path / name) == LOSSES_OF_MINE


@both
def test_the_same_losses_make_the_same_bytes(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, LOSSES_OF_MINE)
    first = contents(tmp_path)
    write(tmp_path / name, LOSSES_OF_MINE)
    assert contents(tmp_path) == first


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(sorted(LOSSES)), unique=True, max_size=5), st.booleans())
def test_every_loss_of_the_zoo_survives(tmp_path: Path, names: list[str], zipped: bool) -> None:
    target = tmp_path / ("-".join(["x", *names]) + (".zip" if zipped else ""))
    write(target, [Packed(LOSSES[name].document()) for name in names])
    assert [packed.document["name"] for packed in read(target)] == names


def test_a_folder_holds_a_loss_file_and_a_card_for_each(tmp_path: Path) -> None:
    write(tmp_path, LOSSES_OF_MINE)
    for packed in LOSSES_OF_MINE:
        folder = tmp_path / packed.folder
        assert (folder / "loss.json").read_text() == dump_loss_file(packed.document)
        assert packed.document["name"] in (folder / "README.md").read_text()
    assert not list(tmp_path.rglob("*.part"))


def test_a_folder_with_one_loss_file_is_one_loss(tmp_path: Path) -> None:
    (tmp_path / "loss.json").write_text(dump_loss_file(MINE))
    assert read(tmp_path) == [Packed(MINE)]


def test_what_stands_beside_stays(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path, LOSSES_OF_MINE[:1])
    assert (tmp_path / "notes.txt").read_text() == "mine"


def manifest(tmp_path: Path, **row: object) -> Path:
    """A folder whose manifest names one loss, with other fields than it should have."""
    write(tmp_path, LOSSES_OF_MINE[:1])
    body = json.loads((tmp_path / MANIFEST).read_text())
    body["losses"][0] |= row
    (tmp_path / MANIFEST).write_text(json.dumps(body))
    return tmp_path


@pytest.mark.parametrize("name", ["../loss.json", "/etc/passwd", "a/../../loss.json", "a\\b"])
def test_a_path_that_leads_out_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "loss.json").write_text(dump_loss_file(MINE))
    folder = tmp_path / "zoo"
    with pytest.raises(LossFileError, match="leads out of its folder"):
        read(manifest(folder, file=name))


def test_a_link_that_leads_out_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loss.json").write_text(dump_loss_file(MINE))
    folder = manifest(tmp_path / "zoo", file="link.json")
    (folder / "link.json").symlink_to(tmp_path / "loss.json")
    with pytest.raises(LossFileError, match="leads out of"):
        read(folder)


def test_another_loss_than_the_manifest_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LossFileError, match="sha256 differs"):
        read(manifest(tmp_path, sha256="0" * 64))


@pytest.mark.parametrize("tags", ["text", None, [1]])
def test_tags_are_words(tmp_path: Path, tags: object) -> None:
    if tags == "text":  # a row of letters
        assert read(manifest(tmp_path, tags=tags))[0].tags == ("t", "e", "x", "t")
        return
    with pytest.raises(LossFileError, match="no list of losses"):
        read(manifest(tmp_path, tags=tags))


@pytest.mark.parametrize("note", [None, 1, ["text"]])
def test_a_note_is_text(tmp_path: Path, note: object) -> None:
    with pytest.raises(LossFileError, match="is no list of losses"):
        read(manifest(tmp_path, note=note))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": "lossfit/zoo/v9"}', "[" * 100_000])
def test_a_broken_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(LossFileError, match="no list of losses of the schema lossfit/zoo/v1"):
        read(tmp_path)


def test_a_changed_loss_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path, LOSSES_OF_MINE[:1])
    file = tmp_path / LOSSES_OF_MINE[0].folder / "loss.json"
    file.write_text(file.read_text().replace("0.5", "0.6"))
    with pytest.raises(LossFileError, match="sha256 does not match"):
        read(tmp_path)


def test_a_parameter_out_of_range_is_refused(tmp_path: Path) -> None:
    wrong = handmade_document("mine", "semeda", {"lambdas": [-1, 0, 0]})
    (tmp_path / "loss.json").write_text(dump_loss_file(wrong))
    with pytest.raises(LossFileError, match="lambdas must be 3 numbers of at least 0"):
        read(tmp_path)


def test_what_is_no_zoo_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LossFileError, match=r"neither zoo\.json nor loss\.json"):
        read(tmp_path)
    with pytest.raises(StorageError, match="cannot be read: No such file"):
        read(tmp_path / "nothing.zip")
    (tmp_path / "text.zip").write_text("no ZIP file")
    with pytest.raises(LossFileError, match="damaged, or no ZIP file"):
        read(tmp_path / "text.zip")
    write(tmp_path / "zoo.zip", LOSSES_OF_MINE)
    with ZipFile(tmp_path / "zoo.zip") as whole, ZipFile(tmp_path / "part.zip", "w") as part:
        part.writestr(MANIFEST, whole.read(MANIFEST))
    with pytest.raises(LossFileError, match="lacks mine/"):
        read(tmp_path / "part.zip")


def test_a_file_with_any_byte_changed_is_read_or_refused(tmp_path: Path) -> None:
    write(tmp_path / "zoo.zip", LOSSES_OF_MINE[1:2])
    content = (tmp_path / "zoo.zip").read_bytes()
    refused = 0
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        (tmp_path / "bad.zip").write_bytes(changed)
        try:
            assert read(tmp_path / "bad.zip") == LOSSES_OF_MINE[1:2]
        except (LossFileError, StorageError):
            refused += 1
    assert refused > len(content) / 3  # no card is read, nor what a ZIP file says twice


@pytest.mark.parametrize("method", [ZIP_BZIP2, ZIP_LZMA])
def test_a_file_that_others_packed_is_read_or_refused(tmp_path: Path, method: int) -> None:
    with ZipFile(tmp_path / "zoo.zip", "w", method) as packed:
        packed.writestr("loss.json", dump_loss_file(MINE))
    assert [one.document for one in read(tmp_path / "zoo.zip")] == [MINE]
    content = bytearray((tmp_path / "zoo.zip").read_bytes())
    for place in range(40, 90):
        content[place] ^= 0x55
    (tmp_path / "zoo.zip").write_bytes(content)
    with pytest.raises((LossFileError, StorageError)):
        read(tmp_path / "zoo.zip")


def test_a_file_that_unpacks_to_more_than_a_loss_file_is_refused(tmp_path: Path) -> None:
    with ZipFile(tmp_path / "large.zip", "w", compression=8) as archive:
        archive.writestr("loss.json", b" " * (16 * 2**20 + 1))
    with pytest.raises(LossFileError, match="larger than 16 MiB"):
        read(tmp_path / "large.zip")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "zoo.zip"):
        with pytest.raises(StorageError, match="cannot be written"):
            write(target, LOSSES_OF_MINE)
