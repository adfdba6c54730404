"""Hardening: rankings, remedies and their gains, against hand values and plain loops."""

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cli import main
from experiments.faults import trials as trials_module
from experiments.faults.duplicates import duplicate, hidden_neurons
from experiments.faults.harden import Hardening, compare, harden
from experiments.faults.harden_report import describe, hardening_figure
from experiments.faults.remedies import REMEDIES, Patient, SparedBits, budgets
from experiments.faults.trials import Trials
from experiments.tables import read_csv
from fitness import TASKS, Campaign, play
from neuro import Current, InputError, Network, WinnerTakesAll, load, save, simulate
from neuro.faults import (
    MODELS,
    BitFlip,
    DeadNeuron,
    DeadSynapse,
    Fault,
    FaultSite,
    inject,
    parse_model,
    strike,
    strike_each,
)

TASK = TASKS["cartpole"]


def controller(synapses, input_synapses, neurons=3):
    return Network.build(
        neurons, synapses, input_synapses=input_synapses, outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(), task=TASK.name,
    )  # fmt: skip


def essential():
    """Push to where the pole falls, by one synapse; the other weights lead nowhere."""
    return controller([(2, 0, 0.5, 1)], [(0, 2, 1e-6), (1, 2, 1e-6), (3, 1, 1.0)])


def relayed():
    """Push to where the pole leans and falls, by way of neuron 2; neuron 3 hardly matters."""
    return controller(
        [(2, 1, 1.0, 1), (3, 0, 0.125, 2)], [(2, 2, 1.0), (3, 2, 1.0), (0, 3, 0.5)], neurons=4
    )


def rows_of(found, **wanted):
    return [row for row in found.rows if wanted.items() <= row.items()]


QUICK = {"draws": 60, "episodes": 3}


# --- ranking ----------------------------------------------------------------------------------


def test_the_essential_synapse_is_found_and_protecting_it_is_enough():
    found = harden(essential(), TASK, Hardening(("dead-synapse",), **QUICK))
    ranked = found.proposal["synapses"]
    assert ranked[0]["name"] == "input 3>1"
    assert ranked[0]["mean_drop"] > 0.5
    assert [site["mean_drop"] for site in ranked[1:]] == [0.0, 0.0, 0.0]
    (before,) = rows_of(found, remedy="none")
    (after,) = rows_of(found, remedy="synapses", order="ranked", budget=1)
    assert before["mean_drop"] > 0.02
    assert after["mean_drop"] == after["critical"] == 0.0
    assert after["gain"] == before["mean_drop"]
    assert after["critical_gain"] == before["critical"]
    assert after["protected_bits"] == 8


def test_chance_finds_it_as_often_as_there_are_sites():
    found = harden(essential(), TASK, Hardening(("dead-synapse",), **QUICK))
    (before,) = rows_of(found, remedy="none")
    for budget in (1, 2):
        (row,) = rows_of(found, remedy="synapses", order="random", budget=budget)
        # Each of the four places where the order can begin is tried.
        assert row["gain"] == pytest.approx(before["mean_drop"] * budget / 4)
    assert rows_of(found, remedy="synapses", order="random", budget=4) == []


def test_sites_have_the_mean_of_their_faults():
    network = essential()
    with ThreadPoolExecutor(1) as pool:
        starts = TASK.draw_starts(3, "here", 2)
        golden = play(network, TASK, starts).scores.mean()
        trials = Trials(TASK, starts, golden, 5, 3, pool)
        audit = trials.audit(trials.player(network), BitFlip(bits=3))
    faulty = strike_each(network, Fault(BitFlip(bits=3), 0.0), 3, range(12)).copies
    scores = [
        play(network, TASK, starts, copies=faulty, copy_of=np.full(2, k), start_of=np.arange(2))
        .scores.mean()
        for k in range(12)
    ]  # fmt: skip
    drops = (1.0 - np.array(scores) / golden).reshape(4, 3)
    assert audit.by_site(4) == pytest.approx(drops.mean(axis=1))
    assert audit.by_way(3) == pytest.approx(drops.mean(axis=0))
    assert drops.any()


def test_of_too_many_faults_a_sample_is_tried(monkeypatch):
    tried = []
    monkeypatch.setattr(trials_module, "MOST", 8)
    monkeypatch.setattr(trials_module, "MARGIN", 0.2)
    monkeypatch.setattr(
        trials_module, "strike_each",
        lambda network, fault, seed, numbers, **k: (
            tried.extend(numbers), strike_each(network, fault, seed, numbers, **k))[1],
    )  # fmt: skip
    found = harden(essential(), TASK, Hardening(("bit-flip",), **QUICK))
    assert 8 < len(set(tried)) == len(tried) < 32
    assert len(found.proposal["synapses"]) == 4


# --- draws ------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["dead-synapse", "bit-flip:bits=4", "dead-neuron", "read-noise"])
def test_draws_are_those_of_a_campaign(text):
    network, model = relayed(), parse_model(text)
    campaign = Campaign(TASK, [(model, (model.typical,))], draws=12, episodes=3, seed=4)
    (outcome,) = campaign.run(network)
    with ThreadPoolExecutor(2) as pool:
        starts = TASK.draw_starts(4, "campaign", 3)
        trials = Trials(TASK, starts, float(outcome.golden.mean()), 12, 4, pool)
        drops = trials.drops(trials.player(network), [Fault(model, model.typical)])
    assert np.array_equal(drops, outcome.drop(TASK))
    assert drops.any()


def test_ranking_and_tests_meet_other_starts_and_other_faults(monkeypatch):
    seen = []
    original = Trials.__post_init__
    monkeypatch.setattr(
        Trials, "__post_init__", lambda self: (seen.append(self), original(self))[1]
    )
    harden(essential(), TASK, Hardening(("dead-synapse",), **QUICK))
    ranking, held_out = seen
    assert not np.isin(ranking.starts, held_out.starts).any()
    assert ranking.seed != held_out.seed
    iris = TASKS["iris"]
    samples = [
        {row.tobytes() for row in iris.draw_starts(0, purpose, 1000)}
        for purpose in ("validation ranking", "hardening")
    ]
    assert len(samples[0]) > 20
    assert not samples[0] & samples[1]


def test_workers_change_nothing():
    models = ("bit-flip:bits=4", "dead-synapse", "dead-neuron")
    one, three = (
        harden(relayed(), TASK, Hardening(models, draws=450, episodes=2, workers=workers))
        for workers in (1, 3)
    )
    assert one.rows == three.rows
    assert one.proposal == three.proposal
    assert {row["remedy"] for row in one.rows} == {"none", *REMEDIES}


def test_seeds_differ():
    found = [harden(essential(), TASK, Hardening(seed=s, **QUICK)).rows for s in (0, 1)]
    assert found[0] != found[1]


# --- protection -------------------------------------------------------------------------------


def weights(remedy, text, seed=1, draws=40):
    copies = strike(remedy.network, remedy.faults[text], seed, range(draws)).copies
    return np.concatenate([copies.weight, copies.in_weight], axis=1)


def patient(*texts, severity=0.3, network=None):
    models = {text: parse_model(text) for text in texts}
    return Patient(network or relayed(), models, dict.fromkeys(texts, severity))


@pytest.mark.parametrize("text", ["dead-synapse", "bit-flip:bits=4"])
def test_protected_synapses_are_never_struck_and_others_as_before(text):
    sick = patient(text)
    before, after = (
        weights(remedy, text) for remedy in (sick.untreated(), sick.apply("synapses", [0, 3]))
    )
    words = inject(sick.network, [Fault(sick.models[text], 0.0)], 1, [0])
    golden = np.concatenate([words.weight, words.in_weight], axis=1)
    assert (after[:, [0, 3]] == golden[:, [0, 3]]).all()
    assert after[:, [1, 2, 4]] == pytest.approx(before[:, [1, 2, 4]], rel=1e-12)
    assert (before[:, [0, 3]] != golden[:, [0, 3]]).any()


def test_protected_words_are_still_words():
    sick = patient("bit-flip:bits=3")
    every = weights(sick.apply("synapses", range(5)), "bit-flip:bits=3")
    quantised = inject(sick.network, [Fault(BitFlip(bits=3), 0.0)], 1, range(40))
    assert (every[:, :2] == quantised.weight).all()
    assert (every[:, 1] == 0.0).all()  # not 0.125


@given(st.sets(st.integers(0, 3)), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None, derandomize=True)
def test_spared_bits_are_never_hit_and_others_as_before(places, seed):
    text = "bit-flip:bits=4"
    sick = patient(text)
    model = sick.models[text]
    words = [
        np.rint(weights(remedy, text, seed) * 7).astype(np.int64) & 15
        for remedy in (
            Patient(sick.network, {text: model}, {text: 0.0}).untreated(),
            sick.untreated(), sick.apply("bits", sorted(places)),
        )
    ]  # fmt: skip
    spared = sum(8 >> place for place in places)
    assert ((words[0] ^ words[2]) == (words[0] ^ words[1]) & ~spared).all()
    highest = list(range(len(places)))
    (fault,) = sick.apply("bits", highest).faults[text]
    assert fault.model == BitFlip(bits=4, protected=len(places))
    some = SparedBits(model, tuple(3 - place for place in highest))
    copies = [inject(sick.network, [Fault(m, 0.3)], seed, range(9)) for m in (fault.model, some)]
    assert (copies[0].weight == copies[1].weight).all()


def test_bits_that_were_protected_before_stay_so():
    text = "bit-flip:bits=4,protected=1"
    sick = patient(text)
    assert sick.sites("bits") == 3
    (fault,) = sick.apply("bits", [0, 1]).faults[text]
    assert fault.model == BitFlip(bits=4, protected=3)


def test_what_is_concerned_by_which_remedy():
    sick = patient("bit-flip", "dead-synapse", "dead-neuron", "dead-channel")
    assert sick.concerned("synapses") == ["bit-flip", "dead-synapse"]
    assert sick.concerned("bits") == ["bit-flip"]
    assert sick.concerned("halves") == sick.concerned("copies") == list(sick.models)
    assert patient("bit-flip", "dead-synapse").concerned("halves") == []


@pytest.mark.parametrize("remedy", ["synapses", "bits", "halves"])
def test_orders_of_chance_hold_everything_and_begin_differently(remedy):
    sick = patient("bit-flip", "dead-neuron")
    orders = sick.random(remedy, 5, 3)
    everything = list(range(sick.sites(remedy)))
    assert all(sorted(chosen) == everything for chosen in orders)
    assert len({int(chosen[0]) for chosen in orders}) == len(orders) == min(3, len(everything))


def test_budgets_double_up_to_all():
    assert budgets(1) == [1]
    assert budgets(8) == [1, 2, 4, 8]
    assert budgets(9) == [1, 2, 4, 8, 9]
    assert budgets(9, 3) == [1, 2, 3]


# --- copies of neurons ------------------------------------------------------------------------


@given(st.integers(0, 2**32), st.sets(st.integers(2, 5), min_size=1))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_two_halves_are_a_whole(seed, chosen):
    """Weights are sixteenths, so that sums are exact in whichever order."""
    rng = np.random.default_rng(seed)
    pairs = [(a, b) for a in range(6) for b in range(6) if rng.random() < 0.5]
    network = Network.build(
        {"tau_mem": [np.inf] * 6, "v_threshold": 1.0},
        [(a, b, rng.integers(-16, 17) / 16, int(rng.integers(1, 4))) for a, b in pairs],
        inputs=[0], outputs=[1],
    )  # fmt: skip
    chosen = sorted(chosen)
    twice = duplicate(network, chosen)
    ext = rng.integers(0, 2, (50, 6)) * 1.5
    more = np.concatenate([ext, ext[:, chosen]], axis=1)
    spikes, doubled = simulate(network, ext).spikes, simulate(twice, more).spikes
    assert np.array_equal(doubled[:, :6], spikes)
    assert np.array_equal(doubled[:, 6:], spikes[:, chosen])


@pytest.mark.parametrize("neurons", [[2], [3], [2, 3]])
def test_halves_keep_golden_scores(neurons):
    starts = TASK.draw_starts(1, "here", 5)
    scores = [play(n, TASK, starts).scores for n in (relayed(), duplicate(relayed(), neurons))]
    assert np.array_equal(*scores)


def test_a_whole_copy_is_a_spare():
    """With one of two whole copies dead, the network is what it was."""
    network = relayed()
    starts = TASK.draw_starts(1, "here", 3)
    twice = duplicate(network, [2], share=1.0)
    dead = strike_each(twice, Fault(DeadNeuron(), 0.0), 0, [2, 4], horizon=20_000).copies
    jobs = np.repeat([0, 1], 3), np.tile(np.arange(3), 2)
    scores = play(twice, TASK, starts, copies=dead, copy_of=jobs[0], start_of=jobs[1]).scores
    golden = play(network, TASK, starts).scores
    assert np.array_equal(scores, np.tile(golden, 2))


def test_copies_have_keys_of_their_own_and_originals_keep_theirs():
    network = relayed()
    once = duplicate(network, [2, 3])
    assert list(once.neurons.key[:4]) == list(network.neurons.key)
    assert hidden_neurons(once).tolist() == [2, 3, 4, 5]
    again = duplicate(duplicate(once, [2]), [2, 4])
    assert len(set(again.neurons.key.tolist())) == 9
    # So the original's faults are the same beside a copy.
    draws = [
        inject(n, [Fault(DeadSynapse(), 0.5, FaultSite("synapses"))], 3, range(20)).weight
        for n in (network, once)
    ]
    rows = list(zip(once.synapses.pre.tolist(), once.synapses.post.tolist(), strict=True))
    assert ((draws[0][:, 0] == 0) == (draws[1][:, rows.index((2, 1))] == 0)).all()


@pytest.mark.parametrize("neurons", [[0], [4], [-1], [2, 2]])
def test_only_hidden_neurons_once(neurons):
    with pytest.raises(InputError, match=r"^neurons to duplicate: expected hidden"):
        duplicate(relayed(), neurons)


def test_the_needed_neuron_is_duplicated_and_dead_neurons_cost_less():
    found = harden(relayed(), TASK, Hardening(("dead-neuron",), severity=0.2, draws=200))
    assert found.proposal["neurons"][0]["name"] == "neuron 2"
    # One spike of neuron 2 is enough for a spike of the output, and two make no more of it.
    assert found.proposal["copies"]["remedy"] == "copies"
    assert found.proposal["copies"]["neurons"] == [2]
    assert len(found.network.neurons) == 5
    (row,) = rows_of(found, remedy="copies", order="ranked", budget=1)
    assert row["gain_low"] > 0.05
    assert row["added_neurons"] == 1
    assert row["added_synapses"] == 3
    assert row["same_golden"] == 1.0
    (chance,) = rows_of(found, remedy="copies", order="random", budget=1)
    assert chance["gain"] < row["gain"]
    assert all(r["same_golden"] == 1.0 for r in rows_of(found, remedy="halves"))


def test_copies_that_change_golden_scores_are_not_proposed():
    for seed in range(3):
        found = harden(relayed(), TASK, Hardening(("dead-neuron",), seed=seed, **QUICK))
        if found.network is not None:
            starts = TASK.draw_starts(seed, "validation ranking", QUICK["episodes"])
            scores = [play(n, TASK, starts).scores for n in (relayed(), found.network)]
            assert np.array_equal(*scores)


# --- figures of merit -------------------------------------------------------------------------


def test_gains_are_paired_by_draws():
    before = np.array([0.0, 0.9, 0.05, 0.5] * 30)
    lost = np.maximum(before - 0.3, 0.0)[None]
    row = compare(lost, before, 0)
    assert row["gain"] == pytest.approx((0.0 + 0.3 + 0.05 + 0.3) / 4)
    assert row["mean_drop"] == pytest.approx((0.0 + 0.6 + 0.0 + 0.2) / 4)
    assert (row["critical"], row["critical_gain"]) == (0.5, 0.0)
    assert row["gain_low"] < row["gain"] < row["gain_high"]
    # Draws differ far more than what is gained in them.
    assert row["gain_high"] - row["gain_low"] < row["mean_drop_high"] - row["mean_drop_low"]


def test_intervals_of_choices_cover_other_choices():
    before = np.full(50, 0.5)
    alike, apart = np.full((4, 50), 0.25), np.repeat([[0.0], [0.5], [0.0], [0.5]], 50, axis=1)
    rows = [compare(lost, before, 0) for lost in (alike, apart)]
    assert rows[0]["gain"] == rows[1]["gain"] == 0.25
    assert rows[0]["gain_high"] - rows[0]["gain_low"] < 1e-12
    assert rows[1]["gain_high"] - rows[1]["gain_low"] > 0.2


# --- command ----------------------------------------------------------------------------------


def tardigrade(*words):
    return main(["harden", *map(str, words), "--workers", "1"])


def test_files_and_json(tmp_path, capsys):
    save(relayed(), tmp_path / "net.json")
    words = ["--draws", 40, "--episodes", 2, "--budget", 1, "--severity", 0.1, "--seed", 3]
    out = tmp_path / "out"
    assert tardigrade(tmp_path / "net.json", *words, "--out", out, "--json") == 0
    result = json.loads(capsys.readouterr().out)
    names = {file.name for file in out.iterdir()}
    assert names == {"harden.csv", "harden.json", "harden.png", "hardened.json", "manifest.json"}
    told = json.loads((out / "harden.json").read_text())
    assert told["format"] == "tardigrade-hardening"
    assert told["models"] == {"bit-flip": 0.1, "dead-synapse": 0.1, "dead-neuron": 0.1}
    assert told["tests"] == result["tests"]
    rows = read_csv(out / "harden.csv")
    assert [float(row["mean_drop"]) for row in rows] == [r["mean_drop"] for r in result["tests"]]
    assert max(int(row["budget"]) for row in rows) == 1
    hardened = load(out / "hardened.json")
    assert hardened.task == "cartpole"
    assert hardened.provenance["hardened"]["neurons"] == told["copies"]["neurons"]
    for site in told["synapses"]:
        assert site.keys() == {"index", "name", "mean_drop"}


def test_the_table_has_each_test_once(tmp_path, capsys):
    save(essential(), tmp_path / "net.json")
    words = ["--model", "dead-synapse", "--model", "bit-flip", "--draws", 40, "--episodes", 2]
    assert tardigrade(tmp_path / "net.json", *words) == 0
    table, _, advice = capsys.readouterr().out.partition("\n\n")
    first = [line.split()[:2] for line in table.splitlines()[1:]]
    budgets_of = {name: [int(k) for n, k in first if n == name] for name in dict(first)}
    assert budgets_of == {
        "none": [0, 0], "synapses": [1, 1, 2, 2, 4, 4], "bits": [1, 2, 4, 8],
    }  # fmt: skip
    assert "synapses whose single faults cost most: input 3>1" in advice


@pytest.mark.parametrize(
    ("kept", "words"),
    [([1.0, 1.0], "keep all of"), ([0.0, 0.0], "keep none of"), ([0.5, 0.5], "keep 50% of"),
     ([0.9, 0.0], "keep 0% to 90%, as there are more or fewer of them, of")],
)  # fmt: skip
def test_what_copies_keep(kept, words):
    found = harden(relayed(), TASK, Hardening(("dead-neuron",), draws=2, episodes=1))
    shares = iter(kept)
    rows = [{**row, "same_golden": next(shares)} for row in rows_of(
        found, remedy="halves", order="ranked")]  # fmt: skip
    _, text = describe(found._replace(rows=rows))
    assert text.splitlines()[-1] == f"copies with half of the weights {words} the golden scores"


def test_all_models_are_those_with_a_remedy(tmp_path):
    save(essential(), tmp_path / "net.json")
    words = ["--model", "all", "--draws", 2, "--episodes", 1, "--budget", 1]
    assert tardigrade(tmp_path / "net.json", *words, "--out", tmp_path / "out") == 0
    known = json.loads((tmp_path / "out" / "harden.json").read_text())["models"]
    assert {MODELS[name].owner for name in known} == {"synapses", "neurons"}
    assert {"bit-flip", "delay-shift", "dead-neuron"} < known.keys()
    assert "gaussian" not in known


def test_without_hidden_neurons_it_says_so(tmp_path, capsys):
    network = controller([], [(2, 1, 1.0), (3, 1, 1.0)], neurons=2)
    save(network, tmp_path / "net.json")
    assert tardigrade(tmp_path / "net.json", "--draws", 20, "--episodes", 1) == 0
    assert "no neuron is hidden, so none can be duplicated" in capsys.readouterr().out


def test_samples_of_a_data_set(tmp_path):
    iris = TASKS["iris"]
    center, scale = iris.ranges()
    network = Network.build(
        3, input_synapses=[(2, 0, -0.5), (4, 0, 0.6), (2, 1, 0.4), (3, 2, 0.9)], outputs=[0, 1, 2],
        encoder=Current(scale=scale, center=center), readout=WinnerTakesAll(),
        task="iris",
    )  # fmt: skip
    save(network, tmp_path / "net.json")
    words = ["--model", "dead-synapse", "--draws", 10, "--out", tmp_path / "out"]
    assert tardigrade(tmp_path / "net.json", *words) == 0
    told = json.loads((tmp_path / "out" / "harden.json").read_text())
    assert len(told["synapses"]) == 4


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["--model", "gauss"], "model: expected one of "),
        (["--model", "gaussian"], "model gaussian: expected one with single faults, got noise"),
        (["--model", "bit-flip", "--model", "bit-flip"], "model: expected at least one, each once"),
        (["--severity", "2"], "severity of bit-flip: expected a number from 0 to 1, got 2"),
        (["--severity", "nan"], "severity of bit-flip: expected a number from 0 to 1, got nan"),
        (["--draws", "1"], "draws: expected a whole number from 2"),
        (["--episodes", "0"], "episodes: expected a whole number from 1"),
        (["--budget", "0"], "budget: expected a whole number from 1"),
        (["--seed", "-1"], "seed: expected a whole number from 0"),
        (["--task", "pong"], "--task: expected one of "),
        (["--model", "dead-channel", "--model", "stuck-channel"],
         "model: expected at least one of synapses or neurons: there is no remedy for channels, "
         "got dead-channel, stuck-channel"),
        (["--model", "dead-channel:x=1"], "model dead-channel: expected parameters (none)"),
    ],
)  # fmt: skip
def test_bad_input(words, complaint, tmp_path, capsys):
    save(essential(), tmp_path / "net.json")
    with pytest.raises(SystemExit) as end:
        tardigrade(tmp_path / "net.json", *words, "--out", tmp_path / "out")
    assert end.value.code == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"tardigrade harden: error: {complaint}")
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_a_network_that_does_nothing_is_refused(tmp_path, capsys):
    mountain = TASKS["mountain-car"]
    idle = Network.build(
        3, input_synapses=[(0, 1, 0.001)], outputs=[0, 1, 2], task="mountain-car",
        encoder=Current(scale=mountain.scale, center=mountain.center), readout=WinnerTakesAll(),
    )  # fmt: skip
    save(idle, tmp_path / "net.json")
    with pytest.raises(SystemExit):
        tardigrade(tmp_path / "net.json")
    assert "score without faults: expected more than -200" in capsys.readouterr().err


def test_a_full_directory_is_left_alone(tmp_path, capsys):
    save(essential(), tmp_path / "net.json")
    with pytest.raises(SystemExit):
        tardigrade(tmp_path / "net.json", "--out", tmp_path)
    assert "expected a new or empty directory" in capsys.readouterr().err


# --- picture ----------------------------------------------------------------------------------


def test_the_picture_has_a_panel_for_each_remedy():
    found = harden(relayed(), TASK, Hardening(draws=20, episodes=1))
    figure = hardening_figure(found.rows)
    shown = [axes for axes in figure.axes if axes.axison]
    assert [len(axes.lines) for axes in shown] == [4, 2, 6, 6]  # ranked and random, each model
    for axes in shown:
        lowest, highest = axes.get_ylim()
        values = np.concatenate([line.get_ydata() for line in axes.lines])
        assert lowest <= values.min() <= values.max() <= highest
    assert hardening_figure([]) is None
