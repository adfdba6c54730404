"""Campaigns in directories: repeated, interrupted, read back, told apart, and added up."""

import csv
import json
import os
import re
import shutil
import signal
import sys
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import tomli_w
from command import answer, tardigrade
from hypothesis import given, settings
from hypothesis import strategies as st
from interrupting import interrupt

import experiments.faults.pictures as pictures
import experiments.faults.study as study
from experiments.faults.plan import Plan, read_plan
from experiments.faults.store import DirectoryStore
from experiments.tables import write_parquet
from fitness import TASKS, Campaign
from fitness import campaign as campaign_module
from fitness.faulty import FaultyPlayer
from fitness.hierarchical import hierarchical_bootstrap
from fitness.sampling import achieved_margin, sample_size
from neuro import Current, FlipFlop, InputError, Network, WinnerTakesAll, load, save
from neuro.faults import MODELS, TIMES, BitFlip, Fault, FaultSite, parse_model
from neuro.kernels import FAR

SCRIPT = Path(sys.executable).with_name("tardigrade")
TASK = TASKS["cartpole"]
LEAN = (0.1, 0.3, 1.0, 1.0)
FEW = ("--draws", 5, "--episodes", 2)
TABLES = ("rows.csv", "summary.csv", "curves.csv", "sites.csv", "bits.csv")


def line_of(capsys, *arguments):
    """Run `tardigrade faults` so that it is refused; return what it says of it."""
    code, out, err = tardigrade(capsys, "faults", *arguments)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1, err
    return err.removeprefix("tardigrade faults: error: ").rstrip("\n")


def tables_of(folder):
    return {name: (folder / name).read_bytes() for name in TABLES if (folder / name).exists()}


def rows_of(file):
    with file.open() as text:
        return list(csv.DictReader(text))


def leaning(scale=1.0, **columns):
    rows = [(c, 1, scale * w) for c, w in enumerate(LEAN)]
    return Network.build(
        {"v_threshold": [1.0] * 3, **columns}, [(2, 1, 0.3, 2)],
        input_synapses=[(3, 2, 0.5), *rows], outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(), task=TASK.name,
    )  # fmt: skip


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A directory with networks, which the commands run in; pictures have tests of their own."""
    monkeypatch.setattr(pictures, "draw_all", lambda *arguments, **tables: None)
    monkeypatch.chdir(tmp_path)
    save(leaning(), "net.json")
    save(leaning(0.6), "weak.json")
    rows = [(2 * i + side, 8 + side, w, 1) for i, w in enumerate(LEAN) for side in (0, 1)]
    spiking = Network.build(
        10, rows, inputs=range(8), outputs=[8, 9], encoder=FlipFlop(scale=TASK.scale),
        readout=WinnerTakesAll(), task=TASK.name,
    )  # fmt: skip
    save(spiking, "spiking.json")
    Path("run/front").mkdir(parents=True)
    for number in (1, 0):
        save(leaning(1.0 - 0.3 * number), f"run/front/{number:03d}.json")
    return tmp_path


@pytest.fixture
def players(monkeypatch):
    """Copies that players were given; nothing is played in what is read back."""
    counts = []

    class Watched(FaultyPlayer):
        def __init__(self, *arguments, **options):
            counts.append(0)
            super().__init__(*arguments, **options)

        def __call__(self, struck):
            counts.append(len(struck.copies.weight))
            return super().__call__(struck)

    monkeypatch.setattr(campaign_module, "FaultyPlayer", Watched)
    return counts


# --- tables -----------------------------------------------------------------------------------


def test_rows_of_single_faults(capsys, place):
    """Each row is what the fault does when it is injected alone."""
    answer(capsys, "faults", "net.json", "--single", "--model", "bit-flip:bits=4", "--model",
           "dead-neuron", "--episodes", 3, "--seed", 9, "--out", "out")  # fmt: skip
    rows = rows_of(place / "out" / "rows.csv")
    flips, dead = rows[:24], rows[24:]
    assert [(r["site"], r["bit"], r["draw"]) for r in flips[3:6]] == [
        ("synapse 2>1", "3", "3"), ("input 0>1", "0", "4"), ("input 0>1", "1", "5"),
    ]  # fmt: skip
    assert [(r["site"], r["bit"]) for r in dead] == [(f"neuron {j}", "") for j in range(3)]
    assert {(r["severity"], r["tick"], r["time"]) for r in rows} == {("", "", "permanent")}
    models = [(parse_model("bit-flip:bits=4"), ()), (parse_model("dead-neuron"), ())]
    campaign = Campaign(TASK, models, single=True, episodes=3, seed=9)
    scores = np.concatenate([o.scores for o in campaign.run(load("net.json"))])
    assert [float(r["score_mean"]) for r in rows] == scores.mean(axis=1).tolist()
    assert [float(r["score_min"]) for r in rows] == scores.min(axis=1).tolist()
    assert len({r["outcome"] for r in rows}) > 1


def test_rows_at_ticks(capsys, place):
    answer(capsys, "faults", "weak.json", "--single", "--model", "dead-neuron", "--time", "upset",
           "--episodes", 1, "--most", 50, "--margin", 0.2, "--out", "out")  # fmt: skip
    rows = rows_of(place / "out" / "rows.csv")
    (line,) = rows_of(place / "out" / "summary.csv")
    golden = float(line["golden"])
    assert int(line["population"]) == 3 * golden * 10  # neurons, decisions, ticks
    assert int(line["draws"]) == len(rows) == sample_size(int(line["population"]), 0.2)
    assert len({(r["site"], r["tick"]) for r in rows}) == len(rows)
    assert max(int(r["tick"]) for r in rows) < golden * 10


def test_summaries_sum_up_the_rows(capsys, place):
    answer(capsys, "faults", "net.json", "--single", "--model", "bit-flip", "--out", "out")
    rows, (line,) = rows_of(place / "out" / "rows.csv"), rows_of(place / "out" / "summary.csv")
    assert [line[c] for c in ("network", "model", "site", "group", "time", "severity")] == [
        "net.json", "bit-flip", "all", "site", "permanent", "",
    ]  # fmt: skip
    assert int(line["draws"]) == int(line["population"]) == len(rows) == 6 * 8
    assert int(line["episodes"]) == 10
    drop = np.array([float(r["drop"]) for r in rows])
    outcome = np.array([r["outcome"] for r in rows])
    for name in ("masked", "improved"):
        assert float(line[name]) == np.mean(outcome == name)
    assert float(line["degraded"]) == np.mean(np.isin(outcome, ("degraded", "critical")))
    for share in (0, 0.01, 0.05, 0.1):
        assert float(line[f"critical_{share}"]) == np.mean(drop > share)
    for name in ("mean", "masked", "critical_0.1"):  # all were tried: points
        assert float(line[f"{name}_low"]) == float(line[name]) == float(line[f"{name}_high"])


def test_sites_and_bits_by_hand(capsys, place):
    answer(capsys, "faults", "net.json", "spiking.json", "--single", "--model", "bit-flip:bits=4",
           "--model", "dead-neuron", "--out", "out")  # fmt: skip
    rows = rows_of(place / "out" / "rows.csv")
    for file, column in (("sites.csv", "site"), ("bits.csv", "bit")):
        table = rows_of(place / "out" / file)
        groups = [(r["network"], r["model"]) for r in table]
        assert list(dict.fromkeys(groups)) == [
            pair for pair in dict.fromkeys((r["network"], r["model"]) for r in rows)
            if column == "site" or pair[1] == "bit-flip:bits=4"
        ]  # fmt: skip
        for line in table:
            drops = [
                float(r["drop"]) for r in rows
                if all(r[c] == line[c] for c in ("network", "model", column))
            ]  # fmt: skip
            assert int(line["faults"]) == len(drops) > 0
            assert float(line["mean_drop"]) == pytest.approx(np.mean(drops))
            assert float(line["largest_drop"]) == max(drops)
            assert float(line["critical_0.1"]) == np.mean(np.array(drops) > 0.1)
        for pair in set(groups):
            ranked = [float(r["mean_drop"]) for r in table if (r["network"], r["model"]) == pair]
            assert ranked == sorted(ranked, reverse=True)
        assert sum(int(r["faults"]) for r in table) == (len(rows) if column == "site" else 24 + 32)


def test_curves_of_a_campaign(capsys, place):
    answer(capsys, "faults", "net.json", "weak.json", "--model", "gaussian", "--model",
           "dead-synapse", "--severity", "0.4,0.1,0.2", *FEW, "--out", "out")  # fmt: skip
    curves, rows = rows_of(place / "out" / "curves.csv"), rows_of(place / "out" / "rows.csv")
    assert [(r["network"], r["model"]) for r in curves] == [
        (n, m) for n in ("net.json", "weak.json") for m in ("gaussian", "dead-synapse")
    ]  # fmt: skip
    for line in curves:
        kept = [
            1 - np.mean([float(r["drop"]) for r in rows if r["severity"] == q and
                         all(r[c] == line[c] for c in ("network", "model"))])
            for q in ("0.1", "0.2", "0.4")
        ]  # fmt: skip
        area = ((kept[0] + kept[1]) / 2 * 0.1 + (kept[1] + kept[2]) / 2 * 0.2) / 0.3
        assert float(line["auc"]) == pytest.approx(area)
        assert float(line["auc_low"]) <= area + 1e-12
        assert float(line["auc_high"]) >= area - 1e-12
        assert (line["severities"], line["draws"]) == ("3", "5")


def test_networks_together(capsys, place):
    code, text, err = tardigrade(capsys, "faults", "net.json", "weak.json", "--model", "gaussian",
                                 "--severity", 0.3, *FEW, "--seed", 3, "--out", "out")  # fmt: skip
    assert (code, err) == (0, "")
    *alone, together = rows_of(place / "out" / "summary.csv")
    models = [(parse_model("gaussian"), (0.3,))]
    campaign = Campaign(TASK, models, draws=5, episodes=2, seed=3)
    outcomes = [next(campaign.run(network)) for network in (leaning(), leaning(0.6))]
    scores = np.array([o.scores for o in outcomes])
    assert [line["network"] for line in alone] == ["net.json", "weak.json"]
    assert (together["network"], together["draws"]) == ("(all)", "10")
    assert float(together["mean"]) == pytest.approx(scores.mean())
    assert float(together["golden"]) == np.mean([o.golden.mean() for o in outcomes])
    interval = hierarchical_bootstrap(scores, seed=3)
    lows, highs = ([float(line[c]) for line in alone] for c in ("mean_low", "mean_high"))
    assert float(together["mean_low"]) == min(interval.low, np.mean(lows))
    assert float(together["mean_high"]) == max(interval.high, np.mean(highs))
    assert interval.low < scores.mean() < interval.high
    assert {together[c] for c in ("min", "q50", "cvar10", "masked", "critical_0.1")} == {""}
    assert text.splitlines()[3].split()[:2] == ["(all)", "gaussian"]
    assert text.splitlines()[3].split()[-3:] == ["-", "-", "-"]


def test_networks_together_are_no_surer_than_each_of_them(capsys, place):
    """With draws that are all masked, too: a fatal one may have been missed."""
    words = ["--model", "gaussian", "--severity", "0,0.3", *FEW, "--out", "out"]
    shutil.copy("net.json", "equal.json")
    answer(capsys, "faults", "net.json", "equal.json", *words)
    *alone, masked, struck = rows_of(place / "out" / "summary.csv")
    for line, own in ((masked, alone[::2]), (struck, alone[1::2])):
        assert {line["severity"]} == {other["severity"] for other in own}
        assert float(line["mean_low"]) <= np.mean([float(other["mean_low"]) for other in own])
        assert float(line["mean_high"]) >= np.mean([float(other["mean_high"]) for other in own])
    assert [line["masked"] for line in alone[::2]] == ["1.0", "1.0"]
    assert float(masked["mean_low"]) < 450 < 500.0 == float(masked["mean"])


def test_networks_of_different_sizes_together(capsys, place):
    """Each network counts alike, however many single faults it has."""
    code, text, _ = tardigrade(capsys, "faults", "net.json", "spiking.json", "--single", "--model",
                               "dead-synapse", "--episodes", 2, "--out", "out")  # fmt: skip
    assert code == 0
    *alone, together = rows_of(place / "out" / "summary.csv")
    assert [line["draws"] for line in alone] == ["6", "8"]
    assert (together["draws"], together["population"]) == ("14", "14")
    means = [float(line["mean"]) for line in alone]
    assert float(together["mean"]) == pytest.approx(np.mean(means))
    assert float(together["mean_low"]) < min(means) < max(means) < float(together["mean_high"])
    assert "all 14" in text.splitlines()[3]


def test_the_achieved_margin_is_printed(capsys, place):
    arguments = ("faults", "net.json", "weak.json", "--single", "--model", "bit-flip", "--time",
                 "upset", "--episodes", 1, "--margin", 0.08, "--confidence", 0.99)  # fmt: skip
    code, text, _ = tardigrade(capsys, *arguments, "--out", "out")
    assert code == 0
    net, weak, together = rows_of(place / "out" / "summary.csv")
    lines = text.splitlines()[1:4]
    for line, row in zip(lines, (net, weak), strict=False):
        population = int(row["population"])
        tried = sample_size(population, 0.08, 0.99)
        margin = achieved_margin(population, tried, 0.99)
        assert int(row["draws"]) == tried
        assert 0.079 < margin <= 0.08
        assert f"  {tried} of {population}, +-{margin:.2%}  " in line
    assert f"{together['draws']} of {together['population']}  " in lines[2]


def test_fronts_of_runs(capsys, place):
    result = answer(capsys, "faults", "run", "spiking.json", "--model", "gaussian", "--severity",
                    0.1, *FEW, "--out", "out")  # fmt: skip
    assert result["networks"] == ["run/front/000.json", "run/front/001.json", "spiking.json"]
    assert {r["network"] for r in rows_of(place / "out" / "rows.csv")} == set(result["networks"])


def test_classification_plays_all_test_samples(capsys, place):
    iris = TASKS["iris"]
    center, scale = iris.ranges()
    network = Network.build(
        3, input_synapses=[(c, j, 0.2 * (c - j)) for c in range(5) for j in range(3)],
        outputs=[0, 1, 2], encoder=Current(scale=scale, center=center), readout=WinnerTakesAll(),
        task="iris",
    )  # fmt: skip
    save(network, "iris.json")
    answer(capsys, "faults", "iris.json", "--single", "--model", "dead-synapse", "--out", "out",
           "--self-check")  # fmt: skip
    (line,) = rows_of(place / "out" / "summary.csv")
    assert line["episodes"] == "30"
    assert set(tables_of(place / "out")) == {"rows.csv", "summary.csv", "sites.csv"}


def test_every_column_and_key_is_documented(capsys, place):
    text = (Path(__file__).parents[1] / "docs" / "faults.md").read_text()
    answer(capsys, "faults", "net.json", "weak.json", "--severity", "0.1,0.2", *FEW, "--out", "a")
    answer(capsys, "faults", "net.json", "--single", "--episodes", 1, "--out", "b")
    columns = {c for out in "ab" for table in tables_of(place / out).values()
               for c in table.decode().splitlines()[0].split(",")}  # fmt: skip
    assert {"cvar10", "auc_low", "severity_at_0.05", "largest_drop", "bit"} < columns
    plain = {re.sub("_low$|_high$", "", c) for c in columns}
    plain = {"critical_C" if c.startswith("critical_") else c for c in plain}
    files = {"campaign.toml", "manifest.json", *tables_of(place / "a"), *tables_of(place / "b")}
    keys = {f.name for f in fields(Plan) if f.metadata.get("file", True)}
    assert [name for name in sorted(plain | files | keys) if f"`{name}`" not in text] == []


# --- which models -----------------------------------------------------------------------------


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("site", ["all", "synapses", "input-synapses", "neurons", "channels"])
def test_all_models_are_those_that_have_such_sites(place, single, site):
    for name in ("net.json", "spiking.json"):
        if (name, site) == ("spiking.json", "input-synapses"):
            continue  # there are none
        found = list(Plan((name,), ("all",), site=site, single=single).resolve().models)
        owner = {"input-synapses": "synapses"}.get(site, site)
        kinds = {MODELS[model].owner for model in found}
        assert kinds == ({"synapses", "neurons", "channels"} if site == "all" else {owner})
        assert ("delay-shift" in found) == (site in ("all", "synapses"))
        assert ("gaussian" in found) == (not single and owner in ("all", "synapses"))
    if site == "all" and not single:
        assert found == list(MODELS)


NOWHERE = [
    # (network, site, model that was named, model that the line names, what is not there)
    ("spiking.json", "input-synapses", None, "gaussian", "a network without input synapses"),
    ("spiking.json", "input-synapses", "gaussian", "gaussian", "a network without input synapses"),
    ("spiking.json", "hidden", "dead-neuron", "dead-neuron", "a network without hidden neurons"),
    ("net.json", "inputs", "dead-neuron", "dead-neuron", "a network without input neurons"),
    ("plain.json", "all", "delay-shift", "delay-shift", "none"),
]


@pytest.mark.parametrize(("network", "site", "model", "named", "got"), NOWHERE)
def test_a_campaign_that_strikes_nothing_is_refused(
    capsys, place, network, site, model, named, got
):
    rows = [(c, 1, w) for c, w in enumerate(LEAN)]
    plain = Network.build(
        2, input_synapses=rows, outputs=[0, 1], task=TASK.name, readout=WinnerTakesAll(),
        encoder=Current(scale=TASK.scale),
    )  # fmt: skip
    save(plain, "plain.json")
    words = ["--model", model] if model else []
    line = line_of(capsys, network, "--site", site, *words, "--out", "new")
    assert line == f"{network}: model {named}: expected sites that can have it, got {got}"
    assert not Path("new").exists()


def test_a_network_that_cannot_be_struck_among_others_is_told(capsys, place):
    words = ["--site", "hidden", "--model", "dead-neuron", "--severity", 1, *FEW, "--out", "out"]
    code, _, err = tardigrade(capsys, "faults", "net.json", "spiking.json", *words)
    line = "spiking.json: model dead-neuron: no sites that can have it, so all draws are masked\n"
    assert (code, err) == (0, line)
    shares = {r["network"]: r["masked"] for r in rows_of(Path("out/summary.csv"))}
    assert shares["spiking.json"] == "1.0"
    # Models that nobody named are those that any network has sites for.
    assert (
        "dead-neuron"
        in Plan(("net.json", "spiking.json"), ("all",), site="hidden").resolve().models
    )


def test_all_models_can_be_played(capsys, place):
    answer(capsys, "faults", "net.json", "--single", "--model", "all", "--time", "permanent",
           "--episodes", 1, "--out", "out", "--self-check")  # fmt: skip
    found = {r["model"] for r in rows_of(place / "out" / "summary.csv")}
    assert {"bit-flip", "delay-shift", "dead-neuron", "stuck-channel"} < found


def test_usual_models_fit_the_site(place):
    for site, expected in (("neurons", ["dead-neuron", "saturated-neuron"]),
                           ("synapses", ["bit-flip", "dead-synapse"])):  # fmt: skip
        assert list(Plan(("net.json",), site=site, single=True).resolve().models) == expected
    assert Plan(("net.json",)).resolve().models == ("gaussian", "dead-synapse", "bit-flip")


def test_models_without_severities_in_a_file_have_their_own(place):
    entry = '{ model = "dead-synapse", severities = [0.3] }'
    Path("plan.toml").write_text(f'networks = ["net.json"]\nmodels = ["bit-flip", {entry}]\n')
    campaign = read_plan("plan.toml").resolve().campaign
    assert [s for _, s in campaign.models] == [parse_model("bit-flip").severities, (0.3,)]


def test_severities_are_those_of_each_model_or_the_given_ones(capsys, place):
    answer(capsys, "faults", "net.json", *FEW, "--out", "own")
    answer(capsys, "faults", "net.json", "--severity", "0.1,0.02", *FEW, "--out", "given")
    for out, swept in (("own", None), ("given", [0.02, 0.1])):
        for entry in tomllib.loads((place / out / "campaign.toml").read_text())["models"]:
            expected = swept or list(MODELS[entry["model"]].severities)
            assert entry["severities"] == expected


def test_the_lists(capsys):
    found = answer(capsys, "faults", "--list")
    assert [m["name"] for m in found["models"]] == list(MODELS)
    assert [t["name"] for t in found["times"]] == list(TIMES)
    keys = {"name", "family", "acts_on", "time", "severity", "typical", "parameters"}
    assert all(set(m) == keys for m in found["models"])
    flip = next(m for m in found["models"] if m["name"] == "bit-flip")
    assert flip["parameters"] == {"bits": 8, "protected": 0, "zeros": 1.0, "ones": 1.0}
    code, text, err = tardigrade(capsys, "faults", "--list")
    assert (code, err) == (0, "")
    words = [line.split()[0] for line in text.splitlines() if line]
    assert words == ["model", *MODELS, "time", *TIMES]


# --- a campaign again -------------------------------------------------------------------------

SWEEP = ("--model", "gaussian", "--model", "dead-neuron", "--severity", "0.1,0.4", *FEW,
         "--seed", 7)  # fmt: skip
AUDIT = ("--single", "--model", "bit-flip:bits=5", "--model", "delay-shift", "--time",
         "window:ticks=9", "--most", 100, "--margin", 0.1, "--episodes", 2)  # fmt: skip
PRECISE = ("--model", "dead-synapse", "--severity", 0.1, "--precision", 0.05, "--confidence", 0.9,
           "--draws", 500, "--episodes", 1, "--site", "input-synapses",
           "--group", "row")  # fmt: skip


@pytest.mark.parametrize("options", [SWEEP, AUDIT, PRECISE], ids=["sweep", "audit", "precise"])
def test_campaigns_are_repeated_from_their_file(capsys, place, options):
    answer(capsys, "faults", "net.json", "spiking.json" if options != PRECISE else "weak.json",
           *options, "--workers", 2, "--out", "out")  # fmt: skip
    found = tables_of(place / "out")
    assert {"rows.csv", "summary.csv"} < set(found) or options == PRECISE
    for number, more in enumerate([(), ("--workers", 1), ("--self-check",)]):
        answer(capsys, "faults", "out/campaign.toml", *more, "--out", f"again-{number}")
        assert tables_of(place / f"again-{number}") == found
        ours, theirs = (place / o / "campaign.toml" for o in ("out", f"again-{number}"))
        assert ours.read_text() == theirs.read_text()


def test_a_campaign_file_by_hand(capsys, place):
    Path("plan.toml").write_text("""
        networks = ["net.json", {file = "run"}]
        models = ["gaussian", {model = "bit-flip:bits=4"}]
        draws = 3
        episodes = 1
    """)
    result = answer(capsys, "faults", "plan.toml", "--severity", 0.2, "--seed", 5, "--out", "out")
    assert result["networks"] == ["net.json", "run/front/000.json", "run/front/001.json"]
    assert result["rows"] == 3 * 2 * 3
    written = tomllib.loads((place / "out" / "campaign.toml").read_text())
    assert (written["seed"], written["draws"]) == (5, 3)
    assert [m["severities"] for m in written["models"]] == [[0.2], [0.2]]


def test_paths_in_files_are_as_they_were_typed(capsys, place, monkeypatch):
    answer(capsys, "faults", "net.json", *FEW, "--out", "out")
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert line_of(capsys, "../out/campaign.toml", "--out", "new") == (
        "../out/campaign.toml: net.json: cannot be read: No such file or directory"
    )
    save(leaning(0.9), "net.json")
    line = line_of(capsys, "../out/campaign.toml", "--out", "new")
    assert line.startswith("../out/campaign.toml: net.json: expected the network with SHA-256 ")
    save(replace(leaning(), provenance={"tool": "by hand"}), "net.json")
    assert list(Path().iterdir()) == [Path("net.json")]


def test_a_rerun_reads_back(capsys, place, players):
    code, first, _ = tardigrade(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    assert code == 0
    assert sum(players) == 20
    players.clear()
    before = {p: p.stat().st_mtime_ns for p in (place / "out").rglob("*")}
    code, again, err = tardigrade(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    assert (code, err, players) == (0, "", [])
    assert first.splitlines()[:-1] == again.splitlines()[:-1]
    assert again.splitlines()[-1] == "20 draws of 2 episodes, read back; tables and pictures in out"
    code, again, err = tardigrade(capsys, "faults", "out/campaign.toml", "--out", "out")
    assert (code, err, players) == (0, "", [])
    assert answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")["rows"] == 20
    assert {p: p.stat().st_mtime_ns for p in (place / "out").rglob("*")} == before


@pytest.mark.parametrize("missing", ["summary.csv", "manifest.json"])
def test_what_was_deleted_is_written_again(capsys, place, players, missing):
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    found = tables_of(place / "out")
    (place / "out" / missing).unlink()
    players.clear()
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    assert tables_of(place / "out") == found
    assert sum(players) == 0  # nothing but the golden episodes
    assert (place / "out" / missing).exists()


OTHERS = [
    (("net.json", *SWEEP, "--draws", 6), "draws: expected 5 as when the campaign began, got 6"),
    (("net.json", *SWEEP, "--seed", 8), "seed: expected 7 as when the campaign began, got 8"),
    (("net.json", *SWEEP, "--group", "cluster"),
     "group: expected site as when the campaign began, got cluster"),
    (("net.json", *SWEEP, "--time", "upset"),
     "time: expected nothing as when the campaign began, got upset"),
    (("net.json", *SWEEP, "--severity", "0.1,0.5"),
     "models[0]: severities[1]: expected 0.4 as when the campaign began, got 0.5"),
    (("net.json", *SWEEP, "--model", "drift"),
     "models: expected gaussian, dead-neuron as when the campaign began, "
     "got gaussian, dead-neuron, drift"),
    (("weak.json", *SWEEP),
     "networks[0]: file: expected net.json as when the campaign began, got weak.json"),
    (("net.json", "weak.json", *SWEEP),
     "networks: expected net.json as when the campaign began, got net.json, weak.json"),
    (("net.json", "--single"), "draws: expected 5 as when the campaign began, got 1000"),
    (("net.json", *SWEEP, "--precision", 0.1),
     "precision: expected nothing as when the campaign began, got 0.1"),
]  # fmt: skip


def test_another_campaigns_directory_is_refused(capsys, place):
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    before = {p: p.read_bytes() for p in (place / "out").rglob("*") if p.is_file()}
    for arguments, line in OTHERS:
        found = line_of(capsys, *arguments, "--out", "out")
        assert found == f"out/campaign.toml: {line}; give another --out"
    save(leaning(0.9), "net.json")
    line = line_of(capsys, "net.json", *SWEEP, "--out", "out")
    assert line.startswith("out/campaign.toml: networks[0]: sha256: expected ")
    assert {p: p.read_bytes() for p in (place / "out").rglob("*") if p.is_file()} == before


@pytest.mark.parametrize(("file", "content", "line"), [
    ("campaign.toml", b"draws = [", "out/campaign.toml: not valid TOML: "),
    ("campaign.toml", b"", "out/campaign.toml: task: expected nothing as when the campaign began,"),
    ("campaign.toml", b"\xff", "out/campaign.toml: expected a text file, got bytes that are not"),
    ("manifest.json", b"{", "out/manifest.json: damaged; delete it to write it again"),
    ("manifest.json", b"[]", "out/manifest.json: damaged; delete it to write it again"),
    ("manifest.json", b'{"rows": "x", "episodes": 1}', "out/manifest.json: damaged; "),
    ("manifest.json", b"[" * 100_000, "out/manifest.json: damaged; delete it to write it again"),
    ("summary.csv", b"", "out/summary.csv: damaged; delete it to write it again"),
    ("summary.csv", b"network,model\na,b\n", "out/summary.csv: damaged; delete it to write it"),
    ("summary.csv", b"\x00\n", "out/summary.csv: damaged; delete it to write it again"),
])  # fmt: skip
def test_damaged_files_are_named(capsys, place, file, content, line):
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    (place / "out" / file).write_bytes(content)
    assert line_of(capsys, "net.json", *SWEEP, "--out", "out").startswith(line)


def test_a_summary_with_a_word_for_a_number(capsys, place):
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    file = place / "out" / "summary.csv"
    rows = rows_of(file)
    file.write_text(file.read_text().replace(rows[0]["cvar10"], "many"))
    assert line_of(capsys, "net.json", *SWEEP, "--out", "out").startswith(
        "out/summary.csv: damaged"
    )


# --- scores on disk ---------------------------------------------------------------------------


def test_scores_are_kept_exactly(tmp_path):
    store = DirectoryStore(tmp_path / "scores")
    assert store.load("a" * 64) is None
    assert not (tmp_path / "scores").exists()
    for shape in ((5, 3), (1, 1), (0, 4)):
        scores = np.random.default_rng(1).normal(size=shape) * 1e300
        store.save("a" * 64, scores)
        assert np.array_equal(store.load("a" * 64), scores)
        assert store.load("a" * 64).shape == shape
    assert store.load("b" * 64) is None
    (file,) = (tmp_path / "scores").iterdir()
    first = file.read_bytes()
    store.save("a" * 64, scores)
    assert file.read_bytes() == first


def test_damaged_scores_are_named(tmp_path):
    """Cut off anywhere, or with any byte changed: never other scores."""
    store, scores = DirectoryStore(tmp_path), np.random.default_rng(2).normal(size=(3, 2))
    store.save("k", scores)
    (file,) = tmp_path.iterdir()
    data = file.read_bytes()
    spoiled = [data[:n] for n in range(0, len(data), 7)]
    for n in range(len(data)):
        spoiled.append(data[:n] + bytes([data[n] ^ 0x55]) + data[n + 1 :])
    refused = 0
    for wrong in [*spoiled, b"", b"\x93NUMPY", b"PK\x03\x04", os.urandom(50)]:
        file.write_bytes(wrong)
        try:
            assert np.array_equal(store.load("k"), scores)  # bytes that say nothing
        except InputError as error:
            line = str(error)
            assert line.startswith(f"{file}: damaged (")
            assert line.endswith("; delete it to play again")
            refused += 1
    assert refused > 0.6 * len(spoiled)


def test_damaged_scores_of_a_campaign(capsys, place):
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    found = tables_of(place / "out")
    (place / "out" / "manifest.json").unlink()
    file = min((place / "out" / "scores").iterdir())
    file.write_bytes(file.read_bytes()[:-40])
    line = line_of(capsys, "net.json", *SWEEP, "--out", "out")
    assert line.startswith(f"out/scores/{file.name}: damaged (BadZipFile); delete it to play again")
    file.unlink()
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    assert tables_of(place / "out") == found


# --- interruptions ----------------------------------------------------------------------------

LONG = ("faults", "net.json", "--model", "bit-flip", "--model", "dead-synapse", "--severity",
        "1e-3..1e-1:6", "--draws", 400, "--episodes", 10, "--workers", 1)  # fmt: skip


def interrupt_campaign(place, number, count):
    """Start a campaign in a process of its own; signal it when `count` parts have been kept."""
    kept = place / "out" / "scores"
    command = [SCRIPT, *map(str, LONG), "--out", "out"]
    return interrupt(command, number, lambda: len(list(kept.glob("*.npz"))) >= count, cwd=place)


def test_interrupted_campaigns_end_as_if_they_had_not_been(capsys, place, players):
    """Killed, then stopped by Ctrl-C, then killed once more, in one directory."""
    answer(capsys, *LONG, "--out", "whole")
    total = sum(players)
    assert interrupt_campaign(place, signal.SIGKILL, 1)[:2] == (-signal.SIGKILL, "")
    assert not (place / "out" / "manifest.json").exists()
    code, out, err = interrupt_campaign(place, signal.SIGINT, 4)
    assert (code, out, err) == (130, "", "tardigrade faults: interrupted\n")
    interrupt_campaign(place, signal.SIGKILL, 7)
    players.clear()
    answer(capsys, *LONG, "--out", "out")
    assert 0 < sum(players) < total
    assert tables_of(place / "out") == tables_of(place / "whole")


@pytest.mark.parametrize("moment", ["write_csv", "write_parquet", "summary_of"])
def test_killed_while_tables_are_written(capsys, place, monkeypatch, moment):
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "whole")

    def fail(*arguments):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(study, moment, fail)
        assert tardigrade(capsys, "faults", "net.json", *SWEEP, "--out", "out")[0] == 130
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    assert tables_of(place / "out") == tables_of(place / "whole")


def test_killed_before_it_had_begun(capsys, place):
    """A directory, and half of a file in it under a temporary name."""
    Path("out").mkdir()
    Path("out/.campaign.toml.x1y2").write_text("task = ")
    answer(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    assert not list((place / "out").glob(".*"))


# --- the self-check ---------------------------------------------------------------------------


def sabotage(monkeypatch):
    """Let a proof claim too much: that no copy ever leaves the golden episodes."""
    import fitness.faulty as module

    found = module.first_differences

    def never(*everything):
        begin_of, patched, patches = found(*everything)
        return np.full_like(begin_of, FAR), patched, patches

    monkeypatch.setattr(module, "first_differences", never)


SEVERAL = ("faults", "net.json", "--model", "gaussian", "--severity", 0.5, *FEW)


def test_the_self_check_finds_what_is_wrong(capsys, place, monkeypatch):
    code, text, err = tardigrade(capsys, *SEVERAL, "--self-check", "--out", "good")
    assert (code, err) == (0, "")
    assert ", checked; tables and pictures in good" in text
    assert json.loads((place / "good" / "manifest.json").read_text())["self_check"] is True
    sabotage(monkeypatch)
    code, text, err = tardigrade(capsys, *SEVERAL, "--self-check", "--out", "bad")
    assert (code, err) == (1, "")
    assert text == (
        "self-check: net.json: gaussian at 0.5: scores are others if nothing is left out, which is "
        "a defect of this program\n"
    )
    assert not {p.name for p in (place / "bad").iterdir()} & {*TABLES, "manifest.json"}
    # Also of scores that have been read back.
    assert tardigrade(capsys, *SEVERAL, "--out", "bad")[0] == 0
    assert tardigrade(capsys, *SEVERAL, "--self-check", "--out", "bad")[0] == 1


def test_the_self_check_is_a_second_campaign(capsys, place, players):
    answer(capsys, *SEVERAL, "--out", "out")
    once = sum(players)
    players.clear()
    answer(capsys, *SEVERAL, "--self-check", "--out", "out")
    assert sum(players) == once  # the first time from the store


# --- Parquet ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [SWEEP, AUDIT], ids=["sweep", "audit"])
def test_parquet_holds_the_same_rows(capsys, place, options):
    parquet = pytest.importorskip("pyarrow.parquet")
    answer(capsys, "faults", "net.json", *options, "--out", "out")
    table = parquet.read_table(place / "out" / "rows.parquet")
    rows = rows_of(place / "out" / "rows.csv")
    assert table.column_names == list(rows[0])
    for row, expected in zip(table.to_pylist(), rows, strict=True):
        assert {k: "" if v is None else str(v) for k, v in row.items()} == expected
    kinds = {name: str(table.schema.field(name).type) for name in table.column_names}
    assert {kinds[n] for n in ("score_mean", "score_min", "drop")} == {"double"}
    assert (kinds["draw"], kinds["network"]) == ("int64", "string")


def test_without_pyarrow(capsys, place, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    code, text, err = tardigrade(capsys, "faults", "net.json", *SWEEP, "--out", "out")
    assert (code, err) == (0, "")
    assert text.splitlines()[-1] == "for rows.parquet: pip install 'tardigrade[parquet]'"
    assert not (place / "out" / "rows.parquet").exists()
    assert write_parquet(place / "x.parquet", [{"a": 1}], ["a"]) is False


# --- anything at all --------------------------------------------------------------------------

values = st.recursive(
    st.booleans() | st.integers() | st.floats()
    | st.sampled_from(["", "all", "net.json", "gaussian", "upset", "row", "run", "cartpole"])
    | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["file", "model", "severities", "sha256", "x"]), inner,
                      max_size=3),
    max_leaves=5,
)  # fmt: skip
PLAUSIBLE = {
    "task": ["cartpole"], "site": ["all", "synapses", "neurons"], "group": ["site", "row"],
    "time": ["upset", "window:ticks=3"], "draws": [7], "episodes": [3], "seed": [0, 2**63 - 1],
    "single": [True, False], "margin": [1, 0.2], "confidence": [0.9], "most": [1], "precision": [1],
    "models": [[], ["all"], ["bit-flip"], [{"model": "gaussian", "severities": [0, 1.5]}]],
    "networks": [["run"], ["net.json", "weak.json"]],
    **{key: [1] for key in ["severities", "hashes", "workers", "accelerate", "x"]},
}  # fmt: skip
entries = st.sampled_from(list(PLAUSIBLE)).flatmap(
    lambda key: st.tuples(st.just(key), st.sampled_from(PLAUSIBLE[key]) | values)
)
BASE = {"networks": ["net.json"], "models": ["gaussian"], "episodes": 1}


def test_any_campaign_file_is_read_or_refused(place):
    seen = {"refused": 0, "read": 0}

    @given(st.lists(entries, min_size=1, max_size=3))
    @settings(max_examples=400, deadline=None, derandomize=True)
    def check(given):
        Path("plan.toml").write_text(tomli_w.dumps({**BASE, **dict(given)}))
        try:
            plan = read_plan("plan.toml").resolve()
        except InputError as error:
            seen["refused"] += 1
            one_line(error)
        else:
            seen["read"] += 1
            Path("again.toml").write_text(plan.to_toml())
            assert read_plan("again.toml").resolve().to_toml() == plan.to_toml()

    check()
    assert min(seen.values()) > 30


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_is_toml_or_not(tmp_path_factory, text):
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_text(text, encoding="utf-8", errors="replace")
    try:
        read_plan(file)
    except InputError as error:
        one_line(error)


def one_line(error):
    assert len(str(error).splitlines()) == 1


MISTAKES = [
    ({"networks": []}, "plan.toml: networks: expected at least one, got none"),
    ({"networks": "net.json"},
     'plan.toml: networks: expected a list, such as ["runs/first"], got net.json'),
    ({"networks": [3]}, "plan.toml: networks: expected texts, or tables with file, got 3"),
    ({"networks": [{"sha256": "x"}]}, "plan.toml: networks: expected texts, or tables with file, "),
    ({"networks": [{"file": "net.json", "sha": "x"}]},
     "plan.toml: networks: key: expected one of file, sha256, got sha; did you mean sha256?"),
    ({"networks": [{"file": "net.json", "sha256": "x"}]},
     "plan.toml: net.json: expected the network with SHA-256 x, got "),
    ({"networks": [{"file": "run", "sha256": "x"}]},
     "plan.toml: run: expected the network with SHA-256 x, got no file"),
    ({"networks": [{"file": "net.json", "severities": [1.0]}]}, "plan.toml: networks: key: expec"),
    ({"models": "gaussian"},
     'plan.toml: models: expected a list, such as ["gaussian"], got gaussian'),
    ({"models": [{"model": 3}]},
     "plan.toml: models: expected texts, or tables with model, got {'model': 3}"),
    ({"models": [{"model": "gaussian", "sha256": "x"}]}, "plan.toml: models: key: expected one of"),
    ({"models": [{"model": "gaussian", "severities": []}]},
     "plan.toml: severities of gaussian: expected a list of numbers, got []"),
    ({"models": [{"model": "gaussian", "severities": 0.1}]},
     "plan.toml: severities of gaussian: expected a list of numbers, got 0.1"),
    ({"models": [{"model": "gaussian", "severities": [True]}]},
     "plan.toml: severities of gaussian: expected a number from 0 to 100, got True"),
    ({"models": [{"model": "gaussian", "severities": [float("nan")]}]},
     "plan.toml: severities of gaussian: expected a number from 0 to 100, got nan"),
    ({"models": [{"model": "gaussian", "severities": [1e9]}]},
     "plan.toml: severities of gaussian: expected a number from 0 to 100, got 1000000000.0"),
    ({"models": [{"model": "gaussian", "severities": [0.1, 0.1]}]},
     "plan.toml: severities: expected distinct numbers, got [0.1, 0.1]"),
    ({"models": [{"model": "bit-flip", "severities": [0.1]}], "single": True},
     "plan.toml: severities: expected none beside single, got ((0.1,),)"),
    ({"models": ["rust"]}, "plan.toml: model: expected one of the 43 of tardigrade"),
    ({"models": [{"model": "rust", "severities": [0.1]}]}, "plan.toml: model: expected one of the"),
    ({"models": ["bit-flip"], "single": True, "draws": 7},
     "plan.toml: draws: expected none beside single, got 7"),
    ({"margin": 0.1}, "plan.toml: margin: expected none without single, got 0.1"),
    ({"most": 3}, "plan.toml: most: expected none without single, got 3"),
    ({"confidence": 0.9}, "plan.toml: confidence: expected none without single or precision, got"),
    ({"single": 1}, "plan.toml: single: expected true or false, got 1"),
    ({"draws": True}, "plan.toml: draws: expected a whole number from 1 to 10000000, got True"),
    ({"draws": 2.0}, "plan.toml: draws: expected a whole number from 1 to 10000000, got 2.0"),
    ({"draws": 10**30}, "plan.toml: draws: expected a whole number from 1 to 10000000, got 1000"),
    ({"seed": -1}, "plan.toml: seed: expected a whole number from 0"),
    ({"site": 3}, "plan.toml: site: expected text, got 3"),
    ({"time": ["upset"]}, "plan.toml: time: expected text, got ['upset']"),
    ({"task": "chess"}, "plan.toml: --task: expected one of cartpole"),
    ({"workers": 3}, "plan.toml: key: expected one of networks, models, "),
    ({"darws": 3}, "plan.toml: key: expected one of networks, models, "),
]  # fmt: skip


def test_mistakes_in_campaign_files(capsys, place):
    before = sorted(place.rglob("*"))
    for table, expected in MISTAKES:
        Path("plan.toml").write_text(tomli_w.dumps({**BASE, **table}))
        line = line_of(capsys, "plan.toml", "--out", "new")
        assert line.startswith(expected), line
        assert sorted(place.rglob("*")) == sorted([*before, place / "plan.toml"])
    for text in ("[" * 5000 + "]" * 5000, "9" * 5000):
        Path("plan.toml").write_text(f"seed = {text}\n")
        assert line_of(capsys, "plan.toml", "--out", "new").startswith("plan.toml: not valid TOML")
    Path("plan.toml").write_text(tomli_w.dumps(BASE))
    line = line_of(capsys, "plan.toml", "--severity", 0.1, "--single", "--out", "new")
    assert line == "--severity: expected none beside --single, got 0.1"
    line = line_of(capsys, "plan.toml", "--model", "gaussian", "--out", "new")
    assert line == "--model: expected none beside a campaign file, got gaussian"


numbers = st.integers().map(str) | st.floats().map(repr) | st.text(max_size=5)
numbers |= st.sampled_from(["1", "20", "0.1", "0.9", "1e-3", "0.1,0.2"])
options = st.lists(st.one_of(
    st.tuples(st.sampled_from(["--draws", "--episodes", "--seed", "--workers", "--most", "--margin",
                               "--confidence", "--precision", "--severity"]), numbers),
    st.tuples(st.sampled_from(["--site", "--group", "--time", "--task", "--model"]),
              st.text(max_size=8) | st.sampled_from(["all", "row", "upset:tick=-5", "bit-flip:b=",
                                                     "cartpole", "hidden", "window"])),
), min_size=1, max_size=3)  # fmt: skip


def test_any_options_are_taken_or_refused_in_one_line(place, capsys, monkeypatch):
    """Without playing: what is looked at is whether it gets that far."""
    reached = []

    def run_study(resolved, *arguments, **options):
        reached.append(resolved.to_toml())
        return {}, "", 0

    monkeypatch.setattr(study, "run_study", run_study)
    before = sorted(place.rglob("*"))

    @given(options, st.booleans())
    @settings(max_examples=300, deadline=None, derandomize=True)
    def check(given, single):
        arguments = [f"{name}={value}" for name, value in given]
        single_too = ["--single"] if single else []
        code, out, err = tardigrade(capsys, "faults", "net.json", "--out", "new", *single_too,
                                    *arguments)  # fmt: skip
        assert code in (0, 2)
        assert out == ""
        assert len(err.splitlines()) == (0 if code == 0 else 1), err

    check()
    assert len(reached) > 10
    assert sorted(place.rglob("*")) == before


# --- plans from Python ------------------------------------------------------------------------


def test_plans_from_python(place):
    resolved = Plan(
        ("net.json",), ("bit-flip", "gaussian"), ((0.1,), (0.2, 0.3)), draws=7
    ).resolve()
    assert [(m.name, tuple(s)) for m, s in resolved.campaign.models] == [
        ("bit-flip", (0.1,)), ("gaussian", (0.2, 0.3)),
    ]  # fmt: skip
    assert (resolved.campaign.draws, resolved.campaign.episodes) == (7, 10)
    with pytest.raises(InputError, match=r"^severities: expected a list for each of 3 models"):
        Plan(("net.json",), severities=((0.1,), (0.2,))).resolve()
    with pytest.raises(InputError, match=r"^networks: expected at least one, got none"):
        Plan(()).resolve()


def test_site_and_group_reach_the_campaign(place):
    resolved = Plan(("net.json",), ("gaussian",), site="synapses", group="column").resolve()
    assert resolved.campaign.site == FaultSite("synapses", group="column")
    assert resolved.campaign.time is None
    upset = Plan(("net.json",), ("bit-flip",), time="upset:tick=3").resolve()
    assert Fault(BitFlip(), 0.1, time=upset.campaign.time).when.tick == 3
