"""Images as they are stored: orientation, pages, bands, depth; each read right or refused in a sentence."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from surrogate_zoo.errors import DatasetError
from tests.workers.datasets.folders import folder, save
from workers.datasets.image_files import read_image
from workers.datasets.layouts.registry import open_dataset
from workers.datasets.reports.band_statistics import as_picture, statistics_of
from workers.datasets.reports.report import describe
from workers.tasks.datasets import FolderSource

ORIENTATIONS = range(1, 9)


def array(dtype: type, bands: int, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    if np.issubdtype(dtype, np.floating):
        return random.normal(0.3, 0.1, (12, 16, bands)).astype(dtype)
    return random.integers(0, np.iinfo(dtype).max, (12, 16, bands), dtype=dtype)


def save_deep_png(path: Path, pixels: np.ndarray) -> None:
    """A PNG of 16 bits a channel, which Pillow does not write in colour."""
    height, width, bands = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[bands]

    def chunk(name: bytes, content: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(name + content))
        return struct.pack(">I", len(content)) + name + content + crc

    header = struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(lines))
        + chunk(b"IEND", b"")
    )


def test_a_file_that_would_start_a_program_is_no_image(tmp_path: Path) -> None:
    path = tmp_path / "0.png"
    path.write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n")
    with pytest.raises(DatasetError, match=r"0\.png cannot be read as an image"):
        read_image(path)


def test_a_small_file_that_asks_for_gigabytes_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    save_deep_png(path, np.zeros((1, 1, 3), np.uint16))
    content = bytearray(path.read_bytes())
    content[16:24] = struct.pack(">II", 13_300, 13_300)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    path.write_bytes(content)
    with (
        pytest.warns(Image.DecompressionBombWarning),
        pytest.raises(DatasetError, match=r"13300 x 13300, more than .* tiles"),
    ):
        read_image(path)


def test_a_tiff_of_bands_that_asks_for_gigabytes_is_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "bomb.tif"
    tifffile.imwrite(path, np.zeros((4, 4, 6), np.uint8), planarconfig="contig")
    content = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) as file:
        tags = [file.pages.first.tags[name] for name in ("ImageWidth", "ImageLength")]
    for tag in tags:
        content[tag.valueoffset : tag.valueoffset + 2] = struct.pack("<H", 60_000)
    path.write_bytes(content)
    with pytest.raises(DatasetError, match=r"60000 x 60000, more than .* tiles"):
        read_image(path, bands=6)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif", ".webp"])
@pytest.mark.parametrize("bands", [None, 3])
def test_images_are_turned_as_viewers_turn_them(
    tmp_path: Path, orientation: int, ending: str, bands: int | None
) -> None:
    tags = Image.Exif()
    tags[0x0112] = orientation
    path = tmp_path / f"a{ending}"
    Image.fromarray(array(np.uint8, 3)).save(path, exif=tags)
    with Image.open(path) as stored:
        wanted = np.asarray(ImageOps.exif_transpose(stored))
    read = read_image(path, bands)
    np.testing.assert_array_equal(read.pixels, wanted)
    assert read.orientation == orientation


def oriented(root: Path, orientation: int, count: int) -> FolderSource:
    """A folder of which some images have a tag; their masks lie as the pixels are stored."""
    source = folder(root)
    tags = Image.Exif()
    tags[0x0112] = orientation
    for index in range(count):
        path = root / f"images/{index:02d}.png"
        Image.open(path).save(path, exif=tags)
    return source


@pytest.mark.parametrize(("orientation", "count"), [(2, 1), (3, 4), (4, 2)])
def test_the_report_tells_how_many_were_turned(
    tmp_path: Path, orientation: int, count: int
) -> None:
    remarks = describe(oriented(tmp_path, orientation, count)).remarks
    assert any(one.startswith(f"{count} images have an EXIF orientation") for one in remarks)


@pytest.mark.parametrize("orientation", [5, 6, 8])
def test_a_mask_that_was_not_turned_is_refused_with_the_tag(
    tmp_path: Path, orientation: int
) -> None:
    source = oriented(tmp_path, orientation, 1)
    with pytest.raises(DatasetError, match=rf"has the EXIF orientation {orientation} and is read"):
        describe(source)
    mask = tmp_path / "masks/00.png"
    save(mask, np.ascontiguousarray(np.asarray(Image.open(mask)).T))
    assert describe(source).images["train"] == 6


@pytest.mark.parametrize(("pages", "ending"), [(2, ".tif"), (3, ".tiff"), (4, ".gif")])
@pytest.mark.parametrize("what", ["images", "masks"])
def test_files_of_several_pages_are_refused(
    tmp_path: Path, pages: int, ending: str, what: str
) -> None:
    source = folder(tmp_path)
    path = tmp_path / what / f"03{ending}"
    (tmp_path / what / "03.png").unlink()
    first, *others = [Image.fromarray(array(np.uint8, 1, n)[..., 0]) for n in range(pages)]
    first.save(path, save_all=True, append_images=others)
    with pytest.raises(DatasetError, match=rf"{what}/03{ending} has {pages} pages"):
        describe(source)


BANDS: dict[str, tuple[int, Callable[[Path], object]]] = {
    "RGBA": (4, lambda path: save(path.with_suffix(".png"), array(np.uint8, 4))),
    "grey and alpha": (2, lambda path: save(path.with_suffix(".png"), array(np.uint8, 2))),
    "TIFF as inks": (
        4,
        lambda path: tifffile.imwrite(
            path.with_suffix(".tif"), array(np.uint8, 4), photometric="separated"
        ),
    ),
    "TIFF of 16-bit colours": (
        3,
        lambda path: tifffile.imwrite(
            path.with_suffix(".tif"), array(np.uint16, 3), photometric="rgb"
        ),
    ),
    "TIFF of floats": (
        1,
        lambda path: tifffile.imwrite(path.with_suffix(".tif"), array(np.float32, 1)),
    ),
    "16-bit PNG": (3, lambda path: save_deep_png(path.with_suffix(".png"), array(np.uint16, 3))),
    "16-bit PNG of four": (
        4,
        lambda path: save_deep_png(path.with_suffix(".png"), array(np.uint16, 4)),
    ),
    "16-bit grey PNG": (
        1,
        lambda path: save(path.with_suffix(".png"), array(np.uint16, 1)[..., 0]),
    ),
}


@pytest.mark.parametrize("kind", BANDS)
def test_more_than_8_bit_colour_is_refused_with_the_bands_to_declare(
    tmp_path: Path, kind: str
) -> None:
    bands, write = BANDS[kind]
    write(tmp_path / "a")
    [path] = tmp_path.iterdir()
    with pytest.raises(DatasetError, match=f"{path.name} .*set bands={bands} to read"):
        read_image(path)
    assert read_image(path, bands).pixels.shape == (12, 16, bands)
    with pytest.raises(DatasetError, match=f"{path.name} has {bands} bands, and bands=5"):
        read_image(path, 5)


def test_an_opaque_fourth_band_is_none(tmp_path: Path) -> None:
    pixels = array(np.uint8, 4)
    pixels[..., 3] = 255
    save(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png").pixels, pixels[..., :3])


STORED: dict[str, tuple[type, int, Callable[[Path, np.ndarray], object]]] = {
    "PNG": (np.uint8, 4, lambda path, pixels: save(path.with_suffix(".png"), pixels)),
    "deep PNG": (
        np.uint16,
        3,
        lambda path, pixels: save_deep_png(path.with_suffix(".png"), pixels),
    ),
    "array": (np.float32, 5, lambda path, pixels: np.save(path.with_suffix(".npy"), pixels)),
    "TIFF": (
        np.uint16,
        6,
        lambda path, pixels: tifffile.imwrite(
            path.with_suffix(".tif"), pixels, photometric="minisblack", planarconfig="contig"
        ),
    ),
    "planar TIFF": (
        np.float32,
        4,
        lambda path, pixels: tifffile.imwrite(
            path.with_suffix(".tif"),
            np.ascontiguousarray(pixels.transpose(2, 0, 1)),
            photometric="minisblack",
            planarconfig="separate",
        ),
    ),
    "a page a band": (
        np.uint8,
        7,
        lambda path, pixels: tifffile.imwrite(
            path.with_suffix(".tiff"),
            np.ascontiguousarray(pixels.transpose(2, 0, 1)),
            photometric="minisblack",
        ),
    ),
    "packed TIFF": (
        np.uint16,
        4,
        lambda path, pixels: tifffile.imwrite(
            path.with_suffix(".tif"),
            pixels,
            photometric="minisblack",
            planarconfig="contig",
            compression="zlib",
        ),
    ),
    "LZW": (
        np.uint8,
        4,
        lambda path, pixels: Image.fromarray(pixels).save(
            path.with_suffix(".tif"), compression="tiff_lzw"
        ),
    ),
}


@pytest.mark.parametrize("kind", STORED)
def test_bands_are_read_as_they_are_stored(tmp_path: Path, kind: str) -> None:
    dtype, bands, write = STORED[kind]
    pixels = array(dtype, bands)
    write(tmp_path / "a", pixels)
    [path] = tmp_path.iterdir()
    read = read_image(path, bands).pixels
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, pixels)


@pytest.mark.parametrize("dtype", [np.int16, np.float64, np.uint32])
def test_other_numbers_become_floats(tmp_path: Path, dtype: type) -> None:
    pixels = array(dtype, 2)
    np.save(tmp_path / "a.npy", pixels)
    read = read_image(tmp_path / "a.npy", 2).pixels
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, pixels.astype(np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(tmp_path: Path, value: float) -> None:
    pixels = array(np.float32, 2)
    pixels[3, 4, 1] = value
    np.save(tmp_path / "a.npy", pixels)
    with pytest.raises(DatasetError, match=r"a.npy holds values that are NaN or infinite"):
        read_image(tmp_path / "a.npy", 2)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"II*\0\x08\0\0\0"])
@pytest.mark.parametrize("ending", [".npy", ".tif", ".png"])
def test_broken_files_are_named(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    for bands in (None, 4):
        with pytest.raises(DatasetError, match=f"a{ending} "):
            read_image(path, bands)


def banded(root: Path, images: list[np.ndarray]) -> FolderSource:
    source = folder(root, len(images))
    for index, pixels in enumerate(images):
        (root / f"images/{index:02d}.png").unlink()
        np.save(root / f"images/{index:02d}.npy", pixels)
    return source.model_copy(update={"bands": images[0].shape[2]})


@pytest.mark.parametrize(("dtype", "bands"), [(np.uint16, 5), (np.float32, 4), (np.uint8, 2)])
def test_the_report_has_mean_and_deviation_of_the_training_split(
    tmp_path: Path, dtype: type, bands: int
) -> None:
    source = banded(tmp_path, [array(dtype, bands, index) for index in range(10)])
    report = describe(source)
    train = np.concatenate(
        [image.reshape(-1, bands) for image in open_dataset(source).read("train").images]
    )
    assert report.bands is not None
    assert report.bands.depth == np.dtype(dtype).name
    np.testing.assert_allclose(report.bands.mean, train.astype(float).mean(0), rtol=1e-9)
    np.testing.assert_allclose(report.bands.deviation, train.astype(float).std(0), rtol=1e-9)
    other = describe(source.model_copy(update={"size": (24, 32)}))
    assert other.bands != report.bands


def test_statistics_keep_their_digits_far_from_zero() -> None:
    images = [30_000 + array(np.float32, 1, number) for number in range(3)]
    every = np.concatenate([image.ravel() for image in images]).astype(np.float64)
    np.testing.assert_allclose(statistics_of(images).deviation, [every.std()], rtol=1e-9)


def test_a_band_of_one_value_is_told_and_images_of_several_depths_are_refused(
    tmp_path: Path,
) -> None:
    images = [array(np.uint16, 3, index) for index in range(10)]
    for image in images:
        image[..., 1] = 7
    source = banded(tmp_path / "flat", images)
    report = describe(source)
    assert report.bands is not None
    assert report.bands.deviation[1] == 1
    assert any("one value alone in band 2" in remark for remark in report.remarks)
    mixed = banded(tmp_path / "mixed", [*images[:9], array(np.uint8, 3)])
    with pytest.raises(DatasetError, match="Some images hold uint16 and uint8 values"):
        describe(mixed)


@pytest.mark.parametrize(("dtype", "bands"), [(np.uint16, 4), (np.float32, 1), (np.uint8, 6)])
def test_bands_have_a_picture(dtype: type, bands: int) -> None:
    picture = as_picture(array(dtype, bands))
    assert picture.dtype == np.uint8
    assert picture.shape == (12, 16, 3)
    assert picture.std() > 40
