"""The cache of compiled kernels: used when nothing changed, and only then."""

import os
import pickle
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
from strategies import JIT

from neuro import jit

if not JIT:
    pytest.skip("nothing is compiled, hence nothing cached", allow_module_level=True)

SOURCES = Path(jit.__file__).parent
# Compiles one small kernel and says whether it came from the cache.
SCRIPT = """
import sys
import numpy as np
from neuro import jit
from neuro.vectors import load, store

if len(sys.argv) > 1:
    jit._SOURCES = sys.argv[1].encode()

@jit.kernel
def double(values, lanes):
    store(values, 0, load(values, 0, lanes) + load(values, 0, lanes))

values = np.arange(8.0)
double(values, np.uint8(0))
assert values.tolist() == [2.0 * i for i in range(8)]
print(sum(double.stats.cache_hits.values()), sum(double.stats.cache_misses.values()))
"""


@jit.kernel
def triple(values):
    for i in range(len(values)):
        values[i] *= 3.0


def digest(folder):
    """What the cache's key says of the kernel files, for a copy of them in `folder`."""
    return runpy.run_path(str(folder / "jit.py"))["_SOURCES"]


@pytest.fixture
def copied(tmp_path):
    for source in SOURCES.glob("*.py"):
        shutil.copy(source, tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", ["vectors.py", "program.py", "decisions.py", "golden.py"])
def test_the_key_follows_every_kernel_file(copied, name):
    """Numba alone would look at a kernel's own file, and not at what it calls elsewhere."""
    assert digest(copied) == jit._SOURCES
    text = (copied / name).read_text()
    (copied / name).write_text(text + "\n# changed\n")
    assert digest(copied) != jit._SOURCES
    (copied / name).write_text(text)
    assert digest(copied) == jit._SOURCES


def test_every_file_with_kernels_is_in_the_key(copied):
    """A new file of kernels must be listed, or its change would leave old code in use."""
    for source in sorted(copied.glob("*.py")):
        text = source.read_text()
        if source.name != "jit.py" and any(
            mark in text for mark in ("@kernel\n", "@inlined\n", "= kernel(", "@intrinsic")
        ):
            source.write_text(text + "\n# changed\n")
            assert digest(copied) != jit._SOURCES, source.name
            source.write_text(text)


def test_every_kind_of_kernel_has_that_key(monkeypatch):
    def index(kind):
        return Path(kind(triple.py_func)._cache._cache_file._index_path).name

    before = [index(kind) for kind in (jit.kernel, jit.inlined)]
    assert all(jit._SOURCES.hex() in name for name in before)
    monkeypatch.setattr(jit, "_SOURCES", b"other files")
    assert index(jit.kernel) not in before


def test_an_index_of_types_that_are_no_more_is_left_alone(tmp_path, monkeypatch):
    """Found after an update: such an index cannot even be read."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    with monkeypatch.context() as earlier:
        earlier.setattr(jit, "_SOURCES", b"earlier")
        index = Path(jit.kernel(triple.py_func)._cache._cache_file._index_path)
    index.parent.mkdir(parents=True, exist_ok=True)
    index.write_bytes(pickle.dumps(numba.__version__) + b"cnowhere\nGone\n.")
    values = np.ones(3)
    jit.kernel(triple.py_func)(values)
    assert values.tolist() == [3.0] * 3


def test_a_fresh_process_loads_what_another_compiled(tmp_path):
    """Unless a kernel file has changed since: then it compiles anew, once."""
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    settings = {
        **os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache"),
        "PYTHONPATH": str(SOURCES.parent),
    }  # fmt: skip

    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-W", "error", str(script), *arguments],
            env=settings, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert run() == ["0", "1"]
    assert run() == ["1", "0"]
    assert run("changed") == ["0", "1"]
    assert run("changed") == ["1", "0"]
    assert run() == ["1", "0"]
