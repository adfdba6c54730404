"""Scores of a campaign on disk, so that it can be interrupted, extended and read back."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from neuro.errors import InputError
from neuro.files import write_atomically


class DirectoryStore:
    """Scores in files that are named by what they depend on; see `fitness.campaign.Store`.

    Parameters
    ----------
    path : Path
        A directory; made when something is kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self, key: str) -> NDArray[np.float64] | None:
        """Return the scores kept under a key, if there are any."""
        file = self._file(key)
        if not file.exists():
            return None
        try:
            scores = np.load(io.BytesIO(file.read_bytes()), allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{file}: cannot be read: {error}; delete it to play again") from None
        return np.asarray(scores, dtype=np.float64)

    def save(self, key: str, scores: NDArray[np.float64]) -> None:
        """Keep scores."""
        self.path.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.save(buffer, scores, allow_pickle=False)
        write_atomically(self._file(key), buffer.getvalue())

    def _file(self, key: str) -> Path:
        return self.path / f"{key[:32]}.npy"
