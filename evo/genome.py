"""The genome: two gene tables kept as arrays, aligned across individuals by structural keys."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evo.mirror import unfold
from evo.space import SearchSpace
from neuro import Network
from neuro.hashing import hash_text, hash_words
from neuro.network import NEURON_DEFAULTS


@dataclass(frozen=True, eq=False)
class Genome:
    """Neuron genes (N) and synapse genes (E).

    The historical marking of a synapse gene is its (pre key, post key) pair, of a neuron gene
    its key. Equal structure has equal keys in every process; there is no innovation counter.

    Attributes
    ----------
    key : ndarray of uint64, shape (N,)
        Inputs, then outputs, then hidden neurons in ascending order.
    tau_mem, v_threshold : ndarray of float64, shape (N,)
    pre, post : ndarray of uint64, shape (E,)
        Keys; sorted by (pre, post), no pair twice. A `pre` that is the key of a channel makes
        the gene an input synapse.
    weight : ndarray of float64, shape (E,)
    delay : ndarray of int64, shape (E,)
        Without effect on input synapses.
    """

    key: NDArray[np.uint64]
    tau_mem: NDArray[np.float64]
    v_threshold: NDArray[np.float64]
    pre: NDArray[np.uint64]
    post: NDArray[np.uint64]
    weight: NDArray[np.float64]
    delay: NDArray[np.int64]

    def fingerprint(self) -> bytes:
        """Bytes that are equal for equal genomes only."""
        arrays = [getattr(self, f.name) for f in fields(self)]
        return b"".join([np.int64(len(self.key)).tobytes(), *(a.tobytes() for a in arrays)])

    def has(self, pre: np.uint64, post: np.uint64) -> bool:
        """Whether there is a synapse gene with this marking."""
        return bool(((self.pre == pre) & (self.post == post)).any())

    def with_synapses(self, rows: Iterable[tuple[Any, Any, float, int]]) -> Genome:
        """Return a genome with synapse genes added."""
        rows = list(rows)
        pre = np.append(self.pre, np.array([r[0] for r in rows], dtype=np.uint64))
        post = np.append(self.post, np.array([r[1] for r in rows], dtype=np.uint64))
        weight = np.append(self.weight, [r[2] for r in rows])
        delay = np.append(self.delay, np.array([r[3] for r in rows], dtype=np.int64))
        order = np.lexsort((post, pre))
        return replace(
            self, pre=pre[order], post=post[order], weight=weight[order], delay=delay[order]
        )

    def keep_synapses(self, mask: NDArray[np.bool_]) -> Genome:
        """Return a genome with only some of the synapse genes."""
        return replace(
            self,
            pre=self.pre[mask],
            post=self.post[mask],
            weight=self.weight[mask],
            delay=self.delay[mask],
        )

    def with_neuron(self, key: np.uint64, tau_mem: float, v_threshold: float, at: int) -> Genome:
        """Return a genome with a hidden neuron gene added; `at` is the number of fixed ones."""
        place = at + int(np.searchsorted(self.key[at:], key))
        return replace(
            self,
            key=np.insert(self.key, place, key),
            tau_mem=np.insert(self.tau_mem, place, tau_mem),
            v_threshold=np.insert(self.v_threshold, place, v_threshold),
        )


def split_key(pre: np.uint64, post: np.uint64, genome: Genome) -> np.uint64:
    """Key of the hidden neuron that splits a synapse: a hash of it and of how often.

    The count is the number of neurons that already split this pair in this genome.
    """
    count = 0
    while True:
        key = np.uint64(hash_words(hash_text("split"), pre, post, count))
        if key not in genome.key:
            return key
        count += 1


def tunable(genome: Genome, space: SearchSpace, /) -> NDArray[np.int64]:
    """Indices of the neurons whose time constants and thresholds are genes that count."""
    own = space.own[space.own < len(space.input_keys)] if space.silent else space.own
    return np.concatenate([own, np.arange(space.fixed, len(genome.key), dtype=np.int64)])


def decode(genome: Genome, space: SearchSpace, /) -> Network:
    """Build the network that a genome describes (genotype to phenotype).

    Neurons keep the genome's order: inputs, outputs, hidden by key. What the readout dictates
    of the outputs takes the place of their genes.
    """
    if space.symmetry is not None:
        genome = unfold(genome, space)
    order = np.argsort(genome.key)
    ranked = genome.key[order]

    def index(keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        return order[np.searchsorted(ranked, keys)].astype(np.int64)

    channels = dict(zip(space.channel_keys.tolist(), range(len(space.channel_keys)), strict=True))
    channel = np.array([channels.get(k, -1) for k in genome.pre.tolist()], dtype=np.int64)
    graded, between = channel >= 0, channel < 0
    inputs = len(space.input_keys)
    columns: dict[str, Any] = {
        "tau_mem": genome.tau_mem,
        "v_threshold": genome.v_threshold,
        **{name: getattr(space, name) for name in ("v_reset", "v_leak", "refractory")},
        "v_min": space.floor,
        "reset": space.reset,
    }
    for name, values in space.output_columns.items():
        default = NEURON_DEFAULTS[name] if name not in columns else columns[name]
        columns[name] = np.array(np.broadcast_to(default, len(genome.key)))
        columns[name][inputs : space.fixed] = values
    return Network.build(
        {
            "key": genome.key,
            **columns,
        },
        {
            "pre": index(genome.pre[between]),
            "post": index(genome.post[between]),
            "weight": genome.weight[between],
            "delay": genome.delay[between],
        },
        input_synapses={
            "channel": channel[graded],
            "post": index(genome.post[graded]),
            "weight": genome.weight[graded],
        },
        inputs=np.arange(inputs),
        outputs=np.arange(inputs, space.fixed),
        dt=space.dt,
        encoder=space.encoder,
        readout=space.readout,
        task=space.task,
    )
