"""Files in the format of MNIST: what is read from good ones, and the line about each bad one."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from fitness import play
from fitness.tasks.idx_task import idx_task
from neuro import Current, InputError, Network, WinnerTakesAll

TRAIN_IMAGES, TRAIN_LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"
TEST_IMAGES, TEST_LABELS = "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"


def idx(array):
    """An array in the format: type, number of dimensions, sizes, content."""
    sizes = b"".join(n.to_bytes(4, "big") for n in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


def contents(rows=4, columns=4):
    rng = np.random.default_rng(1)
    return {
        TRAIN_IMAGES: rng.integers(0, 256, (30, rows, columns)),
        TRAIN_LABELS: np.arange(30) % 3,
        TEST_IMAGES: rng.integers(0, 256, (7, rows, columns)),
        TEST_LABELS: np.arange(7) % 3,
    }


def write(arrays, pack=()):
    Path("d").mkdir(exist_ok=True)
    for name, array in arrays.items():
        content = array if isinstance(array, bytes) else idx(array)
        if name in pack:
            Path(f"d/{name}.gz").write_bytes(gzip.compress(content))
        else:
            Path(f"d/{name}").write_bytes(content)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("pack", [(), tuple(contents()), (TEST_IMAGES, TRAIN_LABELS)],
                         ids=["plain", "packed", "both"])  # fmt: skip
def test_good_files(pack):
    arrays = contents()
    write(arrays, pack)
    task = idx_task("d")
    assert (task.name, task.kind, task.actions) == ("idx:d", "classification", 3)
    assert (task.solved_at, task.worst) == (0.9, round(13 / 37, 3))
    assert task.observations[:5] == (
        "pixel_0_0",
        "pixel_0_1",
        "pixel_0_2",
        "pixel_0_3",
        "pixel_1_0",
    )
    assert task.data.classes == ("0", "1", "2")
    both = np.concatenate((arrays[TRAIN_IMAGES], arrays[TEST_IMAGES]))
    assert task.data.features.tobytes() == (both.reshape(37, 16) / 255.0).tobytes()
    assert task.data.labels.tolist() == [*(np.arange(30) % 3), *(np.arange(7) % 3)]
    assert sorted(task.splits.test.tolist()) == list(range(30, 37))
    assert [len(split) for split in task.splits] == [24, 6, 7]  # 2.5 of 10 are rounded to 2


def test_it_can_be_played():
    write(contents())
    task = idx_task("d")
    center, scale = task.ranges()
    network = Network.build(
        3, outputs=[0, 1, 2], encoder=Current(scale=scale, center=center), readout=WinnerTakesAll()
    )
    assert play(network, task, task.draw_starts(1, "held-out", 100)).scores.sum() == 3


@pytest.mark.parametrize("size", [1, 2, 4])
def test_pooling(size):
    arrays = contents()
    write(arrays)
    task = idx_task(f"d?size={size}")
    assert task.name == f"idx:d?size={size}"
    assert len(task.observations) == size * size
    assert task.observations[-1] == f"pixel_{size - 1}_{size - 1}"
    block = 4 // size
    for i, image in enumerate(arrays[TEST_IMAGES]):
        for r in range(size):
            for c in range(size):
                square = image[block * r : block * (r + 1), block * c : block * (c + 1)]
                feature = task.data.features[30 + i, size * r + c]
                assert feature == pytest.approx(square.mean() / 255.0)


def test_images_that_are_not_square():
    write(contents(4, 6))
    assert len(idx_task("d").observations) == 24
    assert len(idx_task("d?size=2").observations) == 4
    with pytest.raises(InputError, match=r"size: expected a number that divides 4 and 6, got 4$"):
        idx_task("d?size=4")


def test_solved_at():
    write(contents())
    assert idx_task("d?size=2&solved_at=0.8").solved_at == 0.8


def changed(name, change):
    arrays = contents()
    arrays[name] = change(arrays[name])
    return arrays


WITHOUT = {name: {k: v for k, v in contents().items() if k != name} for name in contents()}

BAD_FILES = [
    *((f"no {name}", arrays, f"d/{name}: cannot be read: No such file or directory, nor is there "
       f"{name}.gz") for name, arrays in WITHOUT.items()),
    ("labels as images", changed(TRAIN_IMAGES, lambda a: np.zeros(30)),
     f"d/{TRAIN_IMAGES}: magic number: expected 2051, got 2049"),
    ("images as labels", changed(TEST_LABELS, lambda a: np.zeros((7, 1, 1))),
     f"d/{TEST_LABELS}: magic number: expected 2049, got 2051"),
    ("text", changed(TRAIN_LABELS, lambda a: b"this is some other file"),
     f"d/{TRAIN_LABELS}: magic number: expected 2049, got 1952999795"),
    ("empty", changed(TRAIN_IMAGES, lambda a: b""),
     f"d/{TRAIN_IMAGES}: expected at least 16 bytes, got 0"),
    ("header cut off", changed(TRAIN_IMAGES, lambda a: idx(a)[:15]),
     f"d/{TRAIN_IMAGES}: expected at least 16 bytes, got 15"),
    ("cut off", changed(TRAIN_IMAGES, lambda a: idx(a)[:-1]),
     f"d/{TRAIN_IMAGES}: expected 496 bytes for 30 x 4 x 4, got 495"),
    ("too long", changed(TEST_LABELS, lambda a: idx(a) + b"\0"),
     f"d/{TEST_LABELS}: expected 15 bytes for 7, got 16"),
    ("huge", changed(TRAIN_IMAGES, lambda a: bytes([0, 0, 8, 3]) + b"\xff" * 12),
     f"d/{TRAIN_IMAGES}: expected 792281624"),
    ("no images", changed(TRAIN_IMAGES, lambda a: a[:0]),
     f"d/{TRAIN_IMAGES}: sizes: expected none that is 0, got 0 x 4 x 4"),
    ("fewer labels", changed(TRAIN_LABELS, lambda a: a[:-1]),
     f"d/{TRAIN_LABELS}: expected 30 labels as in {TRAIN_IMAGES}, got 29"),
    ("other shape", changed(TEST_IMAGES, lambda a: a[:, :, :2]),
     "d: t10k images: expected 4 x 4 pixels as in training, got 4 x 2"),
    ("one class", changed(TRAIN_LABELS, lambda a: 0 * a),
     f"d/{TRAIN_LABELS}: expected at least 2 classes, got 0"),
    ("small class", changed(TRAIN_LABELS, lambda a: np.where(a == 1, 2, a)),
     f"d/{TRAIN_LABELS}: class 1: expected at least 3 samples, got 0"),
    ("new class", changed(TEST_LABELS, lambda a: a + 1),
     f"d/{TEST_LABELS}: labels: expected 0 to 2 as in training, got 3"),
]  # fmt: skip


@pytest.mark.parametrize("pack", [(), tuple(contents())], ids=["plain", "packed"])
@pytest.mark.parametrize(
    ("arrays", "line"), [row[1:] for row in BAD_FILES], ids=[row[0] for row in BAD_FILES]
)
def test_bad_file(arrays, line, pack):
    write(arrays, pack)
    with pytest.raises(InputError) as error:
        idx_task("d")
    if pack and "nor is there" not in line:
        line = line.replace("-ubyte:", "-ubyte.gz:").replace("-ubyte,", "-ubyte.gz,")
    assert str(error.value).startswith(line), error.value


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda content: b"no gzip", "Not a gzipped file"),
        (lambda content: content[:-20], "Compressed file ended"),
        (lambda content: content[:20] + b"\xff\xff" + content[22:], ""),
        (lambda content: content[:-8] + bytes(8), "CRC check failed"),
    ],
    ids=["plain", "cut off", "spoiled", "wrong sum"],
)
def test_bad_gzip_file(spoil, reason):
    write(contents(), tuple(contents()))
    path = Path(f"d/{TRAIN_IMAGES}.gz")
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError) as error:
        idx_task("d")
    assert str(error.value).startswith(f"{path}: not a whole gzip file: {reason}"), error.value


BAD_NAMES = [
    ("", "idx:: expected a name after the colon, got none"),
    ("nowhere", f"nowhere/{TRAIN_IMAGES}: cannot be read: No such file or directory"),
    ("file", f"file/{TRAIN_IMAGES}: cannot be read: Not a directory"),
    ("d?size", "idx:d?size: expected ?option=value&..., got ?size"),
    ("d?siez=2", "idx:d?siez=2: option: expected one of size, solved_at, got siez; did you mean"),
    ("d?size=3", "idx:d?size=3: size: expected a number that divides 4, got 3"),
    ("d?size=0", "idx:d?size=0: size: expected a whole number from 1 to 4, got 0"),
    ("d?size=8", "idx:d?size=8: size: expected a whole number from 1 to 4, got 8"),
    ("d?size=half", "idx:d?size=half: size: expected a whole number from 1 to 4, got half"),
    ("d?solved_at=90", "idx:d?solved_at=90: solved_at: expected a number from 0 to 1, got 90"),
    ("d?solved_at=0.1", "idx:d?solved_at=0.1: solved_at: expected a number above 0.351, the share"),
    ("d\0", rf"d\x00/{TRAIN_IMAGES}: cannot be read: "),
]


@pytest.mark.parametrize(("text", "line"), BAD_NAMES, ids=[text for text, _ in BAD_NAMES])
def test_bad_name(text, line):
    write(contents())
    Path("file").write_text("")
    with pytest.raises(InputError) as error:
        idx_task(text)
    assert str(error.value).startswith(line), error.value
