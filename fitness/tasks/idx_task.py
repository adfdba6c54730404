"""MNIST, Fashion-MNIST and others in the same format as a task: ``idx:DIRECTORY``."""

from __future__ import annotations

import gzip
import math
import os
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fitness.tasks.classification import Classification, Data, check_classes, make_task
from fitness.tasks.options import split_options
from neuro.errors import InputError, wrong
from neuro.specs import real, unknown, whole

IMAGES, LABELS = 2051, 2049
"""Magic numbers: unsigned bytes in three dimensions, and in one."""


def idx_task(text: str) -> Classification:
    """Make a task of images in the files that MNIST is published in.

    Parameters
    ----------
    text : str
        ``DIRECTORY`` with the files ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
        ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, as they are or with ``.gz``.
        Two options: ``?size=14`` averages blocks of pixels so that 14 by 14 remain, and
        ``solved_at=ACCURACY`` replaces 0.9.

    Raises
    ------
    InputError
        Names what is wrong with the options or with which file.

    Notes
    -----
    The test split is that of the test files. A feature is a pixel divided by 255.
    """
    name = f"idx:{text}"
    directory, options = split_options(text, name)
    for key in options:
        if key not in ("size", "solved_at"):
            raise unknown(f"{name}: option", ("size", "solved_at"), key)
    solved_at = real(options.get("solved_at", 0.9), f"{name}: solved_at", 0.0, 1.0)
    images, labels, path = read_pair(Path(directory), "train")
    own_images, own_labels, own_path = read_pair(Path(directory), "t10k")
    shape = images.shape[1:]
    if own_images.shape[1:] != shape:
        raise wrong(
            f"{directory}: t10k images", " x ".join(map(str, shape)) + " pixels as in training",
            " x ".join(map(str, own_images.shape[1:])),
        )  # fmt: skip
    classes = tuple(str(c) for c in range(int(labels.max()) + 1))
    check_classes(labels, classes, str(path))
    if own_labels.max() >= len(classes):
        raise wrong(
            f"{own_path}: labels", f"0 to {len(classes) - 1} as in training", int(own_labels.max())
        )
    if "size" in options:
        size = whole(options["size"], f"{name}: size", 1, max(shape))
        if shape[0] % size or shape[1] % size:
            wanted = "a number that divides " + " and ".join(str(s) for s in sorted({*shape}))
            raise wrong(f"{name}: size", wanted, size)
        shape = (size, size)
    features = np.empty((len(labels) + len(own_labels), shape[0] * shape[1]))
    _shrink(images, shape, features[: len(labels)])
    _shrink(own_images, shape, features[len(labels) :])
    data = Data(features, np.concatenate((labels, own_labels)), classes, len(own_labels))
    observations = [f"pixel_{r}_{c}" for r in range(shape[0]) for c in range(shape[1])]
    return make_task(
        name, data, observations, solved_at, f"{directory}, accuracy on its test files"
    )


def read_pair(directory: Path, part: str) -> tuple[NDArray[np.uint8], NDArray[np.int64], Path]:
    """Read the images, labels and path of the labels of ``train`` or ``t10k``.

    Raises
    ------
    InputError
        Names the file that is missing or not what it should be.
    """
    image_path, header, pixels = _read(directory, f"{part}-images-idx3-ubyte", IMAGES, 3)
    label_path, _, labels = _read(directory, f"{part}-labels-idx1-ubyte", LABELS, 1)
    if len(labels) != header[0]:
        raise wrong(str(label_path), f"{header[0]} labels as in {image_path.name}", len(labels))
    return pixels.reshape(header), labels.astype(np.int64), label_path


def _read(
    directory: Path, name: str, magic: int, dimensions: int
) -> tuple[Path, tuple[int, ...], NDArray[np.uint8]]:
    """Path, sizes and content of an idx file."""
    plain, packed = directory / name, directory / f"{name}.gz"
    path = packed if os.path.exists(packed) and not os.path.exists(plain) else plain
    try:
        content = path.read_bytes()
        if path == packed:
            content = gzip.decompress(content)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"{path}: not a whole gzip file: {error}") from None
    except (OSError, ValueError) as error:  # ValueError: a name with a null character
        reason = getattr(error, "strerror", None) or error
        more = f", nor is there {packed.name}" if isinstance(error, FileNotFoundError) else ""
        raise InputError(f"{path}: cannot be read: {reason}{more}") from None
    words = np.frombuffer(content[: 4 * (1 + dimensions)], dtype=np.uint8)
    if len(words) < 4 * (1 + dimensions):
        raise wrong(str(path), f"at least {4 * (1 + dimensions)} bytes", len(content))
    found, *sizes = words.view(">u4").tolist()
    if found != magic:
        raise wrong(f"{path}: magic number", str(magic), found)
    if 0 in sizes:
        raise wrong(f"{path}: sizes", "none that is 0", " x ".join(map(str, sizes)))
    length = len(words) + math.prod(sizes)
    if len(content) != length:
        raise wrong(str(path), f"{length} bytes for {' x '.join(map(str, sizes))}", len(content))
    return path, tuple(sizes), np.frombuffer(content, dtype=np.uint8, offset=len(words))


def _shrink(
    images: NDArray[np.uint8], shape: tuple[int, ...], features: NDArray[np.float64]
) -> None:
    """Fill `features` with pixels from 0 to 1, averaged over blocks."""
    count, (rows, columns), (r, c) = len(images), images.shape[1:], shape
    blocks = images.reshape(count, r, rows // r, c, columns // c)
    blocks.mean(axis=(2, 4), out=features.reshape(count, r, c))
    features /= 255.0
