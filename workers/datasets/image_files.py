"""Decoding of image files, to RGB or to bands as they are stored, with errors that name the file."""

import struct
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from surrogate_zoo.errors import DatasetError
from workers.datasets.extras import optional

Bands = NDArray[Any]
"""(H, W, B) uint8, uint16 or float32."""

ARRAY = ".npy"
COLOUR_MODES = frozenset({"RGB", "RGBA", "L", "LA", "P", "1", "CMYK", "YCbCr"})  # 8 bits a channel
STORED_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I;16L", "I", "F"})
UNREADABLE = (
    OSError,
    ValueError,
    SyntaxError,  # what Pillow raises for a broken PNG chunk
    struct.error,
    MemoryError,  # of a chunk that says to be larger than any
    UserWarning,  # where warnings are errors: what Pillow says of broken tags
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
FORMATS = ("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PNG", "PPM", "TGA", "TIFF", "WEBP")
"""What a file may be, whatever its name says. Pillow knows more, and starts programs for some of them."""

MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 2**26
"""Of one image, before it is decoded: a file of half a megabyte can ask for gigabytes."""

ORIENTATION = 0x0112
UPRIGHT = 1


class Decoded(NamedTuple):
    """An image as it is seen.

    Attributes:
        pixels: (H, W, B), upright.
        orientation: The EXIF orientation that it was turned upright from; 1 where it was not turned.
    """

    pixels: Bands
    orientation: int = UPRIGHT


class Opened(NamedTuple):
    """An image file as Pillow decodes it.

    Attributes:
        image: Upright.
        orientation: See :class:`Decoded`.
        deep: Whether the file has more than 8 bits a channel and Pillow has cut them off.
    """

    image: Image.Image
    orientation: int
    deep: bool


def open_image(path: Path) -> Image.Image:
    """Decode an image file, turned upright as viewers show it.

    Raises:
        DatasetError: It cannot be read, or has several pages.
    """
    return opened(path).image


def opened(path: Path) -> Opened:
    """As :func:`open_image`, with what its tags say.

    Raises:
        DatasetError: It cannot be read, or has several pages.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            _refuse_huge(path, image.size)
            pages = 1 if image.format == "MPO" else getattr(image, "n_frames", 1)
            deep = image.mode in {"RGB", "RGBA", "LA"} and ";16" in str(_raw_mode(image))
            orientation = int(image.getexif().get(ORIENTATION, UPRIGHT))
            image.load()
            # Pillow turns a TIFF itself, and leaves the tag of what was read before.
            upright = image if image.format == "TIFF" else ImageOps.exif_transpose(image)
            if image.format == "GIF" and _is_grey(image):
                upright = upright.convert("L")
    except UNREADABLE as error:
        bands = " A TIFF of many bands is read with bands=N." if _is_tiff(path) else ""
        raise DatasetError(f"{path} cannot be read as an image: {error}.{bands}") from error
    if pages > 1:
        raise DatasetError(
            f"{path} has {pages} pages, of which one alone would be read: save each page as a file."
        )
    return Opened(upright, orientation if 1 < orientation <= 8 else UPRIGHT, deep)


def _refuse_huge(path: Path, size: tuple[int, int]) -> None:
    if size[0] * size[1] > MOST_PIXELS:
        raise DatasetError(
            f"{path} is {size[0]} x {size[1]}, more than the {MOST_PIXELS:,} pixels that an image may have: "
            "cut it into tiles."
        )


def _is_grey(image: Image.Image) -> bool:
    """Whether a palette has shades of grey alone: GIF knows no grey, and its indices are then none."""
    palette = np.array(image.getpalette("RGB") or [0, 0, 1], dtype=np.uint8).reshape(-1, 3)
    return bool((palette == palette[:, :1]).all())


def _raw_mode(image: Image.Image) -> object:
    """How the values lie in the file, before they are decoded."""
    tiles = getattr(image, "tile", ())  # of images that were opened from a file
    arguments = tiles[0].args if tiles else ""
    return arguments[0] if isinstance(arguments, tuple) and arguments else arguments


def read_image(path: Path, bands: int | None = None) -> Decoded:
    """Decode an image.

    Args:
        path: The file.
        bands: How many bands it must have, read as they are stored; None reads 8-bit RGB.

    Raises:
        DatasetError: It cannot be read, or has other bands; names the remedy.
    """
    return _rgb(path) if bands is None else _checked(path, _stored(path, bands), bands)


def _rgb(path: Path) -> Decoded:
    if path.suffix.lower() == ARRAY:
        raise DatasetError(f"{path} is an array: say how many bands it has, bands=3.")
    image, orientation, deep = opened(path)
    bands = len(image.getbands())
    if deep or image.mode not in COLOUR_MODES:
        raise DatasetError(
            f"{path} has {'16 bits a channel' if deep else f'mode {image.mode}'}, and images must have "
            f"8 bits a channel: set bands={bands} to read it as it is stored, or convert it."
        )
    if image.mode in {"RGBA", "LA"} and image.getchannel("A").getextrema()[0] != 255:
        raise DatasetError(
            f"{path} has {bands} bands, the last of them not opaque throughout: set bands={bands} to "
            "read it too, or save the image without it."
        )
    if image.mode == "CMYK" and image.format == "TIFF":
        raise DatasetError(
            f"{path} is a TIFF of 4 bands, marked as inks (CMYK): set bands=4 to read the bands as "
            "they are stored, or save the image as RGB."
        )
    return Decoded(np.asarray(image.convert("RGB")), orientation)


def _checked(path: Path, decoded: Decoded, bands: int) -> Decoded:
    pixels = decoded.pixels
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] != bands:
        held = f"{pixels.shape[2]} bands" if pixels.ndim == 3 else f"the shape {pixels.shape}"
        raise DatasetError(f"{path} has {held}, and bands={bands}: they must agree.")
    if pixels.dtype not in (np.uint8, np.uint16):
        if not np.issubdtype(pixels.dtype, np.number) or np.iscomplexobj(pixels):
            raise DatasetError(f"{path} holds {pixels.dtype}; images must hold numbers.")
        pixels = pixels.astype(np.float32)
        if not np.isfinite(pixels).all():
            raise DatasetError(
                f"{path} holds values that are NaN or infinite: give such pixels a number, and make "
                "them void in the mask."
            )
    return decoded._replace(pixels=pixels)


def _stored(path: Path, bands: int) -> Decoded:
    """All bands, whatever their number: from an array, by Pillow, or by who reads what it cannot."""
    if path.suffix.lower() == ARRAY:
        return Decoded(read_array(path))
    plain = _plain_tiff(path, bands) if _is_tiff(path) else opened(path)
    if plain is None:
        return _tiff(path, bands)
    image, orientation, deep = plain
    if deep:
        return _deep_png(path, image, orientation)
    if image.mode in {"P", "1", "YCbCr"}:
        image = image.convert("L" if image.mode == "1" else "RGB")
    if image.mode not in STORED_MODES:
        raise DatasetError(f"{path} has mode {image.mode}, which is not read as bands: convert it.")
    return Decoded(np.asarray(image), orientation)


_HEADERS = threading.Lock()
"""NumPy parses headers as Python, whose parser of 3.11 and 3.12 is for one thread at a time."""


def read_array(path: Path) -> Bands:
    """An array of ``.npy``; nothing in the file is unpickled.

    Raises:
        DatasetError: It cannot be read.
    """
    try:
        with _HEADERS:
            array: Bands = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{path} cannot be read as an array: {error}.") from error
    return array


def _deep_png(path: Path, high: Image.Image, orientation: int) -> Decoded:
    """A PNG of 16 bits a channel, of which Pillow gives ``high``, the upper 8, turned upright.

    The lower 8 are what it gives when told that the bytes are the other way round.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            [tile] = image.tile
            image.tile = [tile._replace(args=str(tile.args).replace(";16B", ";16L"))]
            low = ImageOps.exif_transpose(image)
    except UNREADABLE as error:
        raise DatasetError(f"{path} cannot be read with 16 bits a channel: {error}.") from error
    pixels = np.asarray(high).astype(np.uint16) << 8 | np.asarray(low)
    return Decoded(pixels, orientation)


def _turned(pixels: Bands, orientation: int) -> Bands:
    """Bands (H, W, B) turned upright from an EXIF orientation."""
    if orientation in {5, 6, 7, 8}:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _is_tiff(path: Path) -> bool:
    return path.suffix.lower() in {".tif", ".tiff"}


def _plain_tiff(path: Path, bands: int) -> Opened | None:
    """A TIFF that Pillow reads as it is, whose libtiff knows compressions that tifffile does not."""
    try:
        found = opened(path)
    except DatasetError:
        return None
    whole = not found.deep and found.image.mode in STORED_MODES
    return found if whole and len(found.image.getbands()) == bands else None


def _tiff(path: Path, bands: int) -> Decoded:
    """A TIFF of any number of bands, in one page or in a page each."""
    tifffile = optional("tifffile", "bands")
    try:
        with tifffile.TiffFile(path) as file:
            [whole, *others] = [one for one in file.series if not one.pages[0].is_reduced]
            _refuse_huge(path, (whole.pages[0].imagewidth, whole.pages[0].imagelength))
            axes, orientation = whole.axes, _orientation(whole.pages[0])
            array: Bands = whole.asarray()
    except DatasetError:
        raise
    except Exception as error:  # whatever a broken file makes of it
        raise DatasetError(f"{path} cannot be read as a TIFF: {error}.") from error
    if axes == "YX" or (len(axes) == 3 and axes.startswith("YX")):
        pixels = array
    elif len(axes) == 3 and axes.endswith("YX") and len(array) == bands and not others:
        pixels = array.transpose(1, 2, 0)
    else:
        raise DatasetError(
            f"{path} has the axes {axes} of {array.shape}, and bands={bands}: save one page of that "
            "many bands, or a page for each."
        )
    if others:
        raise DatasetError(
            f"{path} has {1 + len(others)} pages, of which one alone would be read: save each page as "
            "a file."
        )
    pixels = pixels[..., None] if pixels.ndim == 2 else pixels
    return Decoded(_turned(pixels, orientation), orientation)


def _orientation(page: Any) -> int:
    tag = page.tags.get(ORIENTATION)
    return int(tag.value) if tag is not None and 1 < int(tag.value) <= 8 else UPRIGHT
