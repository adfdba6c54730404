"""Four classic data sets, from the files that scikit-learn brings along.

What is said of them here is known without loading them; scikit-learn is imported when a task's
samples are first needed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from fitness.tasks.classification import Classification, Data
from neuro.errors import InputError


def bundled(name: str, loader: str) -> Callable[[], Data]:
    """Make what loads a data set with a function of `sklearn.datasets`."""

    def load() -> Data:
        try:
            from sklearn import datasets
        except ImportError:
            raise InputError(
                f"task {name}: needs scikit-learn; install it with: "
                "pip install 'tardigrade[classification]'"
            ) from None
        found = getattr(datasets, loader)()
        return Data(
            np.ascontiguousarray(found.data, dtype=np.float64),
            np.asarray(found.target, dtype=np.int64),
            tuple(str(c) for c in found.target_names),
        )

    return load


IRIS = Classification(
    name="iris",
    observations=(
        "sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)",
    ),
    actions=3,
    solved_at=0.95,
    worst=0.333,
    source="Iris, accuracy; Fisher 1936; UCI, CC BY 4.0",
    load=bundled("iris", "load_iris"),
)  # fmt: skip

WINE = Classification(
    name="wine",
    observations=(
        "alcohol", "malic_acid", "ash", "alcalinity_of_ash", "magnesium", "total_phenols",
        "flavanoids", "nonflavanoid_phenols", "proanthocyanins", "color_intensity", "hue",
        "od280/od315_of_diluted_wines", "proline",
    ),
    actions=3,
    solved_at=0.95,
    worst=0.399,
    source="Wine, accuracy; Forina et al. 1988 (PARVUS); UCI, CC BY 4.0",
    load=bundled("wine", "load_wine"),
)  # fmt: skip

_CELL = (
    "radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity",
    "concave points", "symmetry", "fractal dimension",
)  # fmt: skip

BREAST_CANCER = Classification(
    name="breast-cancer",
    observations=(
        *(f"mean {c}" for c in _CELL), *(f"{c} error" for c in _CELL),
        *(f"worst {c}" for c in _CELL),
    ),
    actions=2,
    solved_at=0.95,
    worst=0.627,
    source="Wisconsin Diagnostic Breast Cancer, accuracy; Street, Wolberg & Mangasarian 1993; "
    "UCI, CC BY 4.0",
    load=bundled("breast-cancer", "load_breast_cancer"),
)  # fmt: skip

DIGITS = Classification(
    name="digits",
    observations=tuple(f"pixel_{r}_{c}" for r in range(8) for c in range(8)),
    actions=10,
    solved_at=0.90,
    worst=0.102,
    source="Optical Recognition of Handwritten Digits (the 1797 of its test file), accuracy; "
    "Alpaydin & Kaynak 1998; UCI, CC BY 4.0",
    load=bundled("digits", "load_digits"),
)

DATASETS = (IRIS, WINE, BREAST_CANCER, DIGITS)
