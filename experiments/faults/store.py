"""Scores of a campaign on disk, so that it can be interrupted and read back."""

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
        """Return the scores kept under a key, if there are any.

        Raises
        ------
        InputError
            The file is damaged: its checksum is wrong.
        """
        file = self._file(key)
        if not file.exists():
            return None
        try:
            with np.load(io.BytesIO(file.read_bytes()), allow_pickle=False) as archive:
                scores = np.array(archive["scores"], dtype=np.float64, ndmin=2)
        except Exception as error:  # damaged bytes make numpy and zipfile fail in many ways
            kind = type(error).__name__
            raise InputError(f"{file}: damaged ({kind}); delete it to play again") from None
        return scores

    def save(self, key: str, scores: NDArray[np.float64]) -> None:
        """Keep scores."""
        self.path.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, scores=scores)
        write_atomically(self._file(key), buffer.getvalue())

    def _file(self, key: str) -> Path:
        return self.path / f"{key[:32]}.npz"
