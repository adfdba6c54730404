"""The study of intervals: its populations, its rival methods, and what it counts."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from experiments.studies import coverage
from experiments.studies.coverage import Population, measure, read_population, table
from fitness import TASKS
from neuro import Current, InputError, Network, WinnerTakesAll

TASK = TASKS["cartpole"]


def test_tables_of_faults(tmp_path):
    path = tmp_path / "faults.csv"
    path.write_text("site,drop,masked,critical\na,0.5,False,True\nb,-0.25,0,0\nc,0,1,0\n")
    found = read_population(path)
    assert found.name == "faults"
    assert found.drop.tolist() == [0.5, -0.25, 0.0]
    assert (found.masked.tolist(), found.critical.tolist()) == ([0, 0, 1], [1, 0, 0])
    assert found.bounds == (-0.25, 1.0)
    path.write_text("drop,masked\n0.5,0\n")
    with pytest.raises(InputError, match="drop, masked, critical"):
        read_population(path)


def test_every_bit_is_flipped_alone(monkeypatch):
    network = Network.build(
        3, [(2, 1, -0.7, 1)], input_synapses=[(1, 1, 0.3), (3, 2, 0.1)], outputs=[0, 1],
        encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(), task=TASK.name,
    )  # fmt: skip
    struck = []

    def play(network, task, starts, *, copies, copy_of, start_of):
        struck.append(np.hstack([copies.weight, copies.in_weight]))
        assert copy_of.tolist() == np.repeat(np.arange(len(copies.weight)), len(starts)).tolist()
        assert start_of.tolist() == list(range(len(starts))) * len(copies.weight)
        return SimpleNamespace(scores=np.repeat(struck[-1][:, 0], len(starts)))

    monkeypatch.setattr(coverage, "play", play)
    scores = coverage.flipped_scores(network, TASK, 4)
    # Words of four bits, steps of 0.1: -7, 3, 1.
    words = np.rint(np.concatenate(struck) / 0.1).astype(int)
    assert words[0].tolist() == [-7, 3, 1]
    assert len(words) == 1 + 3 * 4
    # -7 is 1001: 1000, 1011, 1101, 0001; 3 is 0011: 0010, 0001, 0111, 1011.
    assert words[1:5, 0].tolist() == [-8, -5, -3, 1]
    assert words[5:9, 1].tolist() == [2, 1, 7, -5]
    changed = words[1:] != words[0]
    assert changed.sum(axis=0).tolist() == [4, 4, 4]
    assert (changed.sum(axis=1) == 1).all()
    assert scores.shape == (13, 10)


VALUES = np.random.default_rng(2).gamma(2.0, size=(3, 40))


def test_rivals_against_scipy():
    low, high = coverage.t_limits(VALUES, 0.5)
    for row, x in enumerate(VALUES):
        half = stats.t.ppf(0.975, 39) * stats.sem(x) / 2
        assert (low[row], high[row]) == pytest.approx((x.mean() - half, x.mean() + half))
    for method, name in ((coverage.percentile_limits, "percentile"), (coverage.bca_limits, "bca")):
        low, high = method(VALUES, np.sqrt(39 / 40))  # undoes the factor that makes it unbiased
        for row, x in enumerate(VALUES):
            found = stats.bootstrap(
                (x,), np.mean, method=name, n_resamples=9999, rng=np.random.default_rng(1)
            ).confidence_interval
            assert (low[row], high[row]) == pytest.approx(tuple(found), abs=0.05)


def test_bootstrap_t_against_a_plain_loop():
    x, rng, ratios = VALUES[0], np.random.default_rng(4), []
    for _ in range(20_000):
        again = rng.choice(x, 40)
        ratios.append((again.mean() - x.mean()) / again.std())
    expected = x.mean() - np.quantile(ratios, [0.975, 0.025]) * x.std()
    low, high = coverage.bootstrap_t_limits(VALUES[:1], 1.0)
    assert (low[0], high[0]) == pytest.approx(tuple(expected), abs=0.06)


def test_what_is_asked_of_a_population():
    made = population()
    asked = list(coverage.cells(made))
    assert (50, "mean", "Polya") in asked
    assert (None, "critical", "mid-p, stopping") in asked
    assert max(n for n, *_ in asked if n) == 100  # of 200
    same = Population("same", made.drop[:150], np.ones(150), made.critical[:150])
    asked = list(coverage.cells(same))
    assert {quantity for _, quantity, _ in asked} == {"critical", "mean"}
    assert all(n for n, *_ in asked)  # too few to grow


def population():
    drop = np.r_[np.full(10, 0.8), np.full(30, 0.02), np.zeros(160)]
    return Population("made up", drop, (drop == 0).astype(float), (drop > 0.1).astype(float))


@pytest.mark.parametrize("method", ["mid-p", "random tie", "Wilson", "Clopper-Pearson"])
def test_simulated_campaigns_agree_with_the_exact_coverage(method, monkeypatch):
    """The chance to be covered, summed over all numbers of hits a campaign could have."""
    monkeypatch.setattr(coverage, "CAMPAIGNS", 400)
    row = measure(population(), 50, "masked", method)
    assert (row["truth"], row["tried"], row["faults"]) == ("0.8", "50", 200)
    hits = np.arange(51)
    expected = 0.0
    for tie in (0.1, 0.3, 0.5, 0.7, 0.9) if method == "random tie" else (0.5,):
        limits = [coverage.rate_limits(method, int(h), 50, 200, tie) for h in hits]
        inside = np.array([low - 1e-9 <= 0.8 <= high + 1e-9 for low, high in limits])
        expected += stats.hypergeom.pmf(hits, 200, 160, 50)[inside].sum()
    expected /= 5 if method == "random tie" else 1
    assert float(row["coverage"]) == pytest.approx(expected, abs=0.04)
    missed = float(row["above"]) + float(row["below"])
    assert float(row["coverage"]) + missed == pytest.approx(1.0)


def test_campaigns_that_stop_by_themselves(monkeypatch):
    monkeypatch.setattr(coverage, "CAMPAIGNS", 30)
    monkeypatch.setattr(coverage, "MARGINS", {"masked": 0.06})
    row = measure(population(), None, "masked", "mid-p, stopping")
    # 100 of 200 leave a margin of about 0.055, so all stop at the first look.
    assert row["tried"] == "100"
    early = measure(population(), None, "masked", "mid-p, stopping at any fault")
    assert 50 < float(early["tried"]) < 100
    assert float(early["width"]) <= 0.12
    monkeypatch.setattr(coverage, "MARGINS", {"masked": 0.0})
    row = measure(population(), None, "masked", "mid-p, stopping at any fault")
    assert (row["tried"], row["coverage"], row["width"]) == ("200", "1.0000", "0")


def test_the_table_sums_up():
    rows = [
        {"population": "a", "quantity": "mean", "tried": "50", "method": method, "coverage": c,
         "width": w}
        for method, c, w in (("Polya", "0.95", "0.2"), ("t", "0.80", "0.1"), ("t", "0.90", "0.1"))
    ]  # fmt: skip
    assert table(rows).splitlines()[2:] == [
        "| mean | Polya | 95.0% | 95.0% | 95.0% | 100% | 1.00 |",
        "| mean | t | 85.0% | 80.0% | 90.0% | 0% | 0.50 |",
    ]


def test_the_study_from_a_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("experiments.studies.record.RESULTS", tmp_path)
    monkeypatch.setattr(coverage, "RESULTS", tmp_path)
    monkeypatch.setattr(coverage, "CAMPAIGNS", 5)
    monkeypatch.setattr(coverage, "RESAMPLES", 50)
    monkeypatch.setattr(coverage, "SAMPLES", (50,))
    path = tmp_path / "few.csv"
    made = population()
    path.write_text(
        "drop,masked,critical\n"
        + "".join(
            f"{d},{int(m)},{int(c)}\n"
            for d, m, c in zip(made.drop, made.masked, made.critical, strict=True)
        )
    )
    coverage.main([str(path)])
    text = (tmp_path / "coverage.md").read_text()
    for method in (*coverage.RATES, *coverage.MEANS):
        assert f"| {method} |" in text
    assert (tmp_path / "coverage.json").exists()
    assert "Clopper-Pearson" in capsys.readouterr().out
