"""A simulator written from docs/model.md alone, by someone who has never seen the package.

It imports nothing of it, so that what it reproduces is what the text says.
"""

from __future__ import annotations

import json
import math
import struct

from numpy.random import PCG64, Generator, SeedSequence

MASK = 2**64 - 1


# --- Keys and hashes -------------------------------------------------------------------------


def text_hash(text):
    """F: 64-bit FNV-1a."""
    h = 0xCBF29CE484222325
    for byte in text.encode("utf-8"):
        h = ((h ^ byte) * 0x100000001B3) & MASK
    return h


def word_hash(*words):
    """H: the output function of SplitMix64, chained."""
    h = 0
    for word in words:
        h = ((h + 0x9E3779B97F4A7C15) & MASK) ^ word
        h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & MASK
        h ^= h >> 31
    return h


def uniform(h):
    """U: a hash as a fraction."""
    return (float(h >> 12) + 0.5) / 2.0**52


def episode_seed(seed, purpose, i):
    return word_hash(seed, text_hash(purpose), i) >> 11


# --- The network file ------------------------------------------------------------------------


def number(value):
    return {"inf": math.inf, "-inf": -math.inf}[value] if isinstance(value, str) else float(value)


def rows(table, names):
    columns = [table[n] for n in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


class Network:
    """What the file says, sorted and with the factors of every neuron."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        assert (data["format"], data["version"]) == ("tardigrade-network", 1)
        dt = float(data["dt"])
        self.neurons = rows(data["neurons"], data["neurons"].keys())
        for n in self.neurons:
            n["key"] = int(n["key"], 16)
            for name in n:
                if name not in ("key", "refractory", "reset"):
                    n[name] = number(n[name])
            n["al"] = math.exp(-dt / n["tau_mem"]) if n["tau_mem"] > 0.0 else 0.0
            n["be"] = math.exp(-dt / n["tau_syn"]) if n["tau_syn"] > 0.0 else 0.0
        self.synapses = sorted(
            rows(data["synapses"], ("pre", "post", "delay", "weight")),
            key=lambda s: (s["pre"], s["post"], s["delay"]),
        )
        self.input_synapses = sorted(
            rows(data["input_synapses"], ("channel", "post", "weight")),
            key=lambda s: (s["channel"], s["post"]),
        )
        self.inputs, self.outputs = data["inputs"], data["outputs"]
        self.encoder, self.readout = data["encoder"], data["readout"]

    def weights(self):
        return [float(s["weight"]) for s in self.synapses + self.input_synapses]

    def set_weights(self, weights):
        for s, weight in zip(self.synapses + self.input_synapses, weights, strict=True):
            s["weight"] = weight

    def structural_keys(self):
        keys, ranks = [], {}
        for s in self.synapses:
            pair = s["pre"], s["post"]
            rank = ranks[pair] = ranks.get(pair, -1) + 1
            a, b = (self.neurons[j]["key"] for j in pair)
            keys.append(word_hash(text_hash("synapse"), a, b, rank))
        for s in self.input_synapses:
            key = self.neurons[s["post"]]["key"]
            keys.append(word_hash(text_hash("input synapse"), s["channel"], key))
        return keys

    def pruned(self):
        """Keys of the neurons that pruning keeps, and the size that is left."""
        arrows = [(s["pre"], s["post"]) for s in self.synapses]
        sources = set(self.inputs) | {s["post"] for s in self.input_synapses}
        for j, n in enumerate(self.neurons):
            if n["bias"] != 0.0 or max(n["v_leak"], n["v_min"]) >= n["v_threshold"]:
                sources.add(j)
        used = closure(sources, arrows) & closure(self.outputs, [(b, a) for a, b in arrows])
        kept = used | set(self.inputs) | set(self.outputs)
        size = len(kept) + sum(a in used and b in used for a, b in arrows)
        size += sum(s["post"] in used for s in self.input_synapses)
        return [n["key"] for j, n in enumerate(self.neurons) if j in kept], size


def closure(starts, arrows):
    found, more = set(), set(starts)
    while more:
        found |= more
        more = {b for a, b in arrows if a in more} - found
    return found


# --- One tick, one decision ------------------------------------------------------------------


class Simulator:
    """A network at rest, about to begin tick 0."""

    def __init__(self, network):
        self.network = network
        self.tick_number = 0
        self.v = [n["v_leak"] for n in network.neurons]
        self.g = [0.0 for _ in network.neurons]
        self.held = [0 for _ in network.neurons]
        self.arriving = {}
        self.sends = [[] for _ in network.neurons]
        for s in network.synapses:
            self.sends[s["pre"]].append((s["post"], s["delay"], float(s["weight"])))

    def tick(self, ext):
        """Advance a tick; return the indices of the neurons that spike."""
        spikes = []
        for j, n in enumerate(self.network.neurons):
            self.g[j] = self.g[j] * n["be"] + self.arriving.pop((self.tick_number, j), 0.0)
            if self.held[j] > 0:
                self.held[j] -= 1
                continue
            current = self.g[j] + (ext[j] + n["bias"])
            v = n["v_leak"] + (self.v[j] - n["v_leak"]) * n["al"] + current
            if v < n["v_min"]:
                v = n["v_min"]
            if v >= n["v_threshold"]:
                spikes.append(j)
                v = (
                    n["v_reset"]
                    if n["reset"] == "to_value"
                    else v - (n["v_threshold"] - n["v_reset"])
                )
                self.held[j] = n["refractory"]
            self.v[j] = v
        for j in spikes:
            for post, delay, weight in self.sends[j]:
                place = self.tick_number + delay, post
                self.arriving[place] = self.arriving.get(place, 0.0) + weight
        self.tick_number += 1
        return spikes

    def decide(self, observation):
        """Run one decision; return the action and the spikes of each tick."""
        network = self.network
        spikes = [self.tick(ext) for ext in self.inputs(observation)]
        counts = [sum(j in row for row in spikes) for j in network.outputs]
        assert network.readout["name"] == "winner-takes-all"
        return counts.index(max(counts)), spikes

    def inputs(self, observation):
        """External input of each neuron at each tick of a decision."""
        encoder = self.network.encoder
        table = [[0.0] * len(self.v) for _ in range(encoder["ticks"])]
        if encoder["name"] in GRADED:
            values = GRADED[encoder["name"]](encoder, observation)
            for s in self.network.input_synapses:
                for ext in table:
                    ext[s["post"]] += float(s["weight"]) * values[s["channel"]]
        else:
            for channel, t in SPIKES[encoder["name"]](encoder, observation):
                table[t][self.network.inputs[channel]] = float(encoder["gain"])
        return table


# --- Encoders: (channel, tick) of every pulse, or the value of every channel -----------------


def distances(encoder, observation):
    """y: how far each value is from its center."""
    center = encoder.get("center") or [0.0] * len(observation)
    return [x - float(c) for x, c in zip(observation, center, strict=True)]


def places(encoder, observation):
    """z: where in its range each value is, from -1 to 1."""
    return [
        min(max(y / float(scale), -1.0), 1.0)
        for y, scale in zip(distances(encoder, observation), encoder["scale"], strict=True)
    ]


def train(encoder, channel, count):
    return [(channel, n * encoder["period"]) for n in range(count)]


def flip_flop(encoder, observation):
    pulses = []
    for i, y in enumerate(distances(encoder, observation)):
        count = math.ceil(min(abs(y) / float(encoder["scale"][i]), 1.0) * encoder["spikes"])
        pulses += train(encoder, 2 * i if y < 0.0 else 2 * i + 1, count)
    return pulses


def bins(encoder, observation):
    pulses, count = [], encoder["bins"]
    for i, z in enumerate(places(encoder, observation)):
        index = min(math.floor((z + 1.0) * 0.5 * count), count - 1)
        pulses += train(encoder, count * i + index, encoder["spikes"])
    return pulses


def argyle(encoder, observation):
    pulses, fields, steps = [], encoder["fields"], encoder["spikes"] - 1
    regions = steps * (fields - 1)
    for i, z in enumerate(places(encoder, observation)):
        region = min(math.floor((z + 1.0) * 0.5 * regions), regions - 1)
        left, count = fields * i + region // steps, region % steps + 1
        pulses += train(encoder, left, encoder["spikes"] - count)
        pulses += train(encoder, left + 1, count)
    return pulses


def shares(encoder, observation):
    """The channel of each value, and its share of full size."""
    z = places(encoder, observation)
    if encoder["signed"]:
        return [(2 * i if z[i] < 0.0 else 2 * i + 1, abs(z[i])) for i in range(len(z))]
    return [(i, (z[i] + 1.0) * 0.5) for i in range(len(z))]


def latency(encoder, observation):
    return [
        (channel, math.floor((1.0 - share) * (encoder["ticks"] - 1) + 0.5))
        for channel, share in shares(encoder, observation)
        if share != 0.0 or not encoder["signed"]
    ]


def rate(encoder, observation):
    words = [struct.unpack("<Q", struct.pack("<d", x + 0.0))[0] for x in observation]
    pulses = []
    for channel, share in shares(encoder, observation):
        for t in range(encoder["ticks"]):
            if uniform(word_hash(encoder["seed"], *words, channel, t)) < encoder["peak"] * share:
                pulses.append((channel, t))
    return pulses


def current(encoder, observation):
    return [*places(encoder, observation), 1.0]


def population(encoder, observation):
    fields, values = encoder["fields"], []
    sigma = encoder["width"] * (2.0 / (fields - 1))
    for z in places(encoder, observation):
        for k in range(fields):
            d = (z - (2 * k - (fields - 1)) / (fields - 1)) / sigma
            values.append(math.exp(-0.5 * (d * d)))
    return [*values, 1.0]


SPIKES = {
    "flip-flop": flip_flop, "bins": bins, "argyle": argyle, "latency": latency, "rate": rate,
}  # fmt: skip
GRADED = {"current": current, "population": population}


# --- One episode of cartpole -----------------------------------------------------------------


def cartpole_start(seed):
    return [float(x) for x in Generator(PCG64(SeedSequence(seed))).uniform(-0.05, 0.05, 4)]


def to_binary32(x):
    """Round to 24 significant bits (fewer below 2**-126), ties to even."""
    exponent = max(math.frexp(x)[1] - 24, -149)
    return math.copysign(math.ldexp(round(math.ldexp(x, -exponent)), exponent), x)


def cartpole_step(state, action):
    """Return the new state and whether the episode ends."""
    x, x_dot, theta, theta_dot = state
    force = 10.0 if action == 1 else -10.0
    c, s = math.cos(theta), math.sin(theta)
    total, moment = 0.1 + 1.0, 0.1 * 0.5
    temp = (force + moment * (theta_dot * theta_dot) * s) / total
    theta_acc = (9.8 * s - c * temp) / (0.5 * (4.0 / 3.0 - 0.1 * (c * c) / total))
    x_acc = temp - moment * theta_acc * c / total
    new = [
        x + 0.02 * x_dot, x_dot + 0.02 * x_acc,
        theta + 0.02 * theta_dot, theta_dot + 0.02 * theta_acc,
    ]  # fmt: skip
    limit = 12 * 2 * math.pi / 360
    return new, new[0] < -2.4 or new[0] > 2.4 or new[2] < -limit or new[2] > limit


def play_cartpole(network, seed):
    """Play one episode; return its score and the spikes of every tick."""
    simulator, state = Simulator(network), cartpole_start(seed)
    score, spikes, ended = 0.0, [], False
    while not ended and score < 500:
        action, during = simulator.decide([to_binary32(x) for x in state])
        spikes += during
        state, ended = cartpole_step(state, action)
        score += 1.0
    return score, spikes


# --- Faults ----------------------------------------------------------------------------------


def faulty_weights(network, name, severity, seed, draw, bits=8, inverse_normal=None):
    """Weights under a fault model; `inverse_normal` is Cephes' ndtri."""
    weights, faulty = network.weights(), []
    step = max((abs(w) for w in weights), default=0.0) / (2 ** (bits - 1) - 1) or 1.0
    for w, key in zip(weights, network.structural_keys(), strict=True):
        d = word_hash(seed, text_hash(name), draw, key)
        u = [uniform(word_hash(d, b)) for b in range(bits)]
        if name == "gaussian":
            faulty.append(w * (1.0 + severity * inverse_normal(u[0])))
        elif name == "dead-synapse":
            faulty.append(0.0 if u[0] < severity else w)
        else:
            word = round(w / step) % 2**bits
            for b in range(bits):
                if u[b] < severity:
                    word ^= 1 << b
            if word >= 2 ** (bits - 1):
                word -= 2**bits
            faulty.append(word * step)
    return faulty
