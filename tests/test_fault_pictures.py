"""Pictures of campaigns: what is drawn where, from made-up tables and from small campaigns."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.patches import FancyArrowPatch

from experiments.faults import pictures
from experiments.faults.maps import bits_figure, criticality_figure, heat_figure, matrix_figure
from experiments.faults.pictures import (
    area_figure,
    degradation_figure,
    draw_all,
    front_figure,
    outcomes_figure,
    short_names,
)
from experiments.faults.plan import Plan
from experiments.faults.tables import curves_of, rows_of, summary_of
from experiments.plots import BLUE, DAMAGE, VERMILION, network_figure, save_figure
from fitness import TASKS
from neuro import Current, Network, WinnerTakesAll, save

TASK = TASKS["cartpole"]


def controller(scale=1.0):
    return Network.build(
        3, [(2, 1, 0.3, 2)], input_synapses=[(3, 2, 0.5), (2, 1, scale), (3, 1, -0.25)],
        outputs=[0, 1], encoder=Current(scale=TASK.scale), readout=WinnerTakesAll(),
        task=TASK.name,
    )  # fmt: skip


def panels(figure):
    return [axes for axes in figure.axes if axes.axison]


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


# --- what a campaign's directory gets ---------------------------------------------------------


@pytest.fixture
def drawn(tmp_path):
    """Run a small campaign on some networks and name the pictures of it."""

    def draw(networks=1, **options):
        names = []
        for number in range(networks):
            names.append(str(tmp_path / f"{number}.json"))
            save(controller(1.0 + number / 8), names[-1])
        settings = {"episodes": 2, "models": ("dead-synapse",), **options}
        if not options.get("single"):
            settings["draws"] = 6
        resolved = Plan(tuple(names), **settings).resolve()
        found = {n: list(resolved.campaign.run(net)) for n, net in resolved.networks.items()}
        out = tmp_path / "out"
        out.mkdir()
        draw_all(resolved, found, out)
        assert all(file.read_bytes().startswith(b"\x89PNG") for file in out.iterdir())
        return sorted(file.stem for file in out.iterdir())

    return draw


def test_draws_of_one_network(drawn):
    assert drawn() == ["auc", "degradation", "outcomes"]


def test_a_single_severity_has_no_area(drawn):
    assert drawn(severities=((0.1,),)) == ["degradation", "outcomes"]


def test_draws_of_several_networks(drawn):
    assert drawn(networks=2) == ["auc", "degradation", "outcomes", "pareto"]


def test_single_faults_of_one_network(drawn):
    models = ("bit-flip:bits=3", "dead-synapse", "dead-neuron", "dead-channel")
    assert drawn(single=True, models=models) == ["bits", "criticality", "outcomes"]


def test_without_bits_there_is_no_map_of_bits(drawn):
    assert drawn(single=True) == ["criticality", "outcomes"]


def test_the_first_of_many_networks_have_pictures_of_their_own(drawn):
    numbered = [f"criticality-{k:03d}" for k in range(pictures.DRAWN)]
    assert drawn(single=True, networks=pictures.DRAWN + 1) == [*numbered, "outcomes", "pareto"]


def test_networks_too_large_to_be_seen_are_not_drawn(drawn, monkeypatch):
    monkeypatch.setattr(pictures, "can_be_drawn", lambda network: False)
    assert drawn(single=True) == ["outcomes"]


def test_tables_that_are_there_are_not_made_again(tmp_path, monkeypatch):
    save(controller(), tmp_path / "net.json")
    resolved = Plan((str(tmp_path / "net.json"),), draws=4, episodes=1).resolve()
    found = {n: list(resolved.campaign.run(net)) for n, net in resolved.networks.items()}
    tables = {"summary": summary_of(resolved, found), "curves": curves_of(resolved, found)}
    for name in ("summary_of", "curves_of"):
        monkeypatch.delattr(pictures, name)
    draw_all(resolved, found, tmp_path, **tables)
    assert (tmp_path / "auc.png").exists()


# --- curves, bars and distributions -----------------------------------------------------------


def summary(models, networks, severities=(0.01, 0.1, 0.5)):
    return [
        {"model": m, "network": n, "severity": q, "severity_meaning": "probability of " + "x " * 40,
         "golden": 500.0, "mean": 500 - 400 * q, "mean_low": 450 - 400 * q, "mean_high": 500.0,
         "q05": 10.0, "q95": 500.0}
        for m in models for n in networks for q in severities
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("count", "across", "down"), [(1, 1, 1), (4, 4, 1), (5, 4, 2), (43, 4, 11)]
)
def test_models_are_laid_out_in_rows_of_four(count, across, down):
    figure = degradation_figure(summary([f"m{k}" for k in range(count)], ["a.json"]), TASK)
    shown = panels(figure)
    assert [axes.get_title() for axes in shown] == [f"m{k}" for k in range(count)]
    grid = shown[0].get_subplotspec().get_gridspec()
    assert (grid.ncols, grid.nrows) == (across, down)
    assert all(len(line) <= 42 for axes in shown for line in axes.get_xlabel().split("\n"))


def test_axes_are_logarithmic_where_severities_span_decades():
    wide, narrow = (
        panels(degradation_figure(summary(["m"], ["a"], q), TASK))[0]
        for q in ((0.001, 0.1), (0.1, 0.5))
    )
    with_zero = panels(degradation_figure(summary(["m"], ["a"], (0.0, 0.001, 0.1)), TASK))[0]
    assert [a.get_xscale() for a in (wide, narrow, with_zero)] == ["log", "linear", "symlog"]


def test_twenty_networks_look_different_and_have_one_legend():
    names = [f"runs/front/{k:03d}.json" for k in range(18)]
    figure = degradation_figure(summary(["m"], names), TASK)
    assert legend(figure) == [*(f"{k:03d}" for k in range(18)), "without faults", "solved"]
    handles = figure.legends[0].legend_handles[:18]
    assert len({(h.get_color(), h.get_marker(), h.get_linestyle()) for h in handles}) == 18
    save_figure_fits(figure)


def save_figure_fits(figure):
    """Draw, and check that legend and panels stay inside."""
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= -1
    assert box.x1 <= figure.bbox.x1 + 1
    assert box.y1 <= min(axes.get_window_extent().y0 for axes in panels(figure))


def test_bars_for_few_networks_and_a_map_for_many():
    def curves(count):
        return [
            {"model": m, "network": f"{n}.json", "auc": 0.9 - n / 100, "auc_low": 0.8,
             "auc_high": 0.95}
            for m in ("a", "b") for n in range(count)
        ]  # fmt: skip

    (bars,) = panels(area_figure(curves(3)))
    assert sorted(round(patch.get_width(), 2) for patch in bars.patches) == [
        0.88, 0.88, 0.89, 0.89, 0.9, 0.9,
    ]  # fmt: skip
    assert [t.get_text() for t in bars.get_yticklabels()] == ["a", "b"]
    many = area_figure(curves(9)).axes[0]
    assert np.array(many.images[0].get_array()).shape == (2, 9)
    assert area_figure([{"model": "a", "network": "n", "auc": float("nan")}]) is None


def faults(model="m", network="n.json", severity="", drops=(0.0, 0.0, 0.25, 1.0), masked=1):
    return [
        {"model": model, "network": network, "severity": severity, "drop": drop, "site": "s",
         "bit": "", "outcome": "masked" if k < masked else "degraded"}
        for k, drop in enumerate(drops)
    ]  # fmt: skip


def test_a_distribution_is_that_of_its_drops_and_marks_the_masked():
    (panel,) = panels(outcomes_figure(faults()))
    steps, mark = panel.lines
    x, y = steps.get_xdata(), steps.get_ydata()
    at = [float(y[x <= drop][-1]) for drop in (0.0, 0.2, 0.25, 0.9, 1.0)]
    assert at == [0.5, 0.5, 0.75, 0.75, 1.0]
    assert mark.get_data() == ([0.0], [0.25])
    assert [t.get_text() for t in panel.get_legend().get_texts()] == ["25% masked"]


def test_one_network_has_a_line_for_each_severity():
    rows = [row for q in (0.1, 0.2, 0.3) for row in faults(severity=q, masked=2)]
    (panel,) = panels(outcomes_figure(rows))
    assert len(panel.lines) == 6
    texts = [t.get_text() for t in panel.get_legend().get_texts()]
    assert texts == ["0.1: 50% masked", "0.2: 50% masked", "0.3: 50% masked"]


def test_several_networks_are_compared_at_the_severity_in_the_middle():
    rows = [
        row for n in ("x/a.json", "x/b.json") for q in (0.1, 0.2, 0.3)
        for row in faults(network=n, severity=q)
    ]  # fmt: skip
    figure = outcomes_figure(rows)
    (panel,) = panels(figure)
    assert panel.get_title() == "m at 0.2"
    assert len(panel.lines) == 4
    assert legend(figure) == ["a", "b", "masked"]


def test_the_front_is_of_those_that_nothing_smaller_beats():
    rows = [
        {"network": f"{k}.json", "size": size, "score": score, "resilience": k / 10}
        for k, (size, score) in enumerate([(5, 100), (7, 90), (7, 300), (9, 300), (12, 400)])
    ]
    axes = front_figure(rows, TASK).axes[0]
    line = axes.lines[0]
    assert list(zip(*line.get_data(), strict=True)) == [(5, 100), (7, 300), (12, 400), (12, 400)]
    assert axes.collections[0].get_array().tolist() == [0.0, 0.1, 0.2, 0.3, 0.4]
    assert sorted(t.get_text() for t in axes.texts) == ["0", "1", "2", "3", "4"]


def test_names_keep_what_tells_them_apart():
    assert short_names(["a/b/c.json"]) == {"a/b/c.json": "c"}
    assert list(short_names(["a/x.json", "b/x.json"]).values()) == ["a/x", "b/x"]
    assert list(short_names(["r/1/x.json", "r/y.json"]).values()) == ["1/x", "y"]


# --- maps -------------------------------------------------------------------------------------


def edges(figure):
    found = [p for p in figure.axes[0].patches if isinstance(p, FancyArrowPatch)]
    return [to_rgba(patch.get_edgecolor()) for patch in found]


def test_colours_of_a_network_are_signs_or_values():
    network = controller()
    signs = edges(network_figure(network))
    # Input synapses 2>1, 3>1 and 3>2, then the synapse between neurons.
    assert [c[:3] for c in signs] == [to_rgba(c)[:3] for c in (BLUE, VERMILION, BLUE, BLUE)]
    values = {
        "synapses": np.array([0.0, 0.5, 1.0, np.nan]),
        "neurons": np.array([1.0, 0.0, np.nan]),
    }
    figure = network_figure(network, values=values, meaning="damage")
    drawn = edges(figure)
    # What costs most is drawn last, on top of the others.
    assert drawn[-1] == pytest.approx(DAMAGE(1.0))
    assert drawn[-2] == pytest.approx(DAMAGE(0.5), abs=0.02)
    assert len(drawn) == 4
    assert figure.axes[1].get_ylabel() == "damage"
    nodes = figure.axes[0].collections[-1].get_facecolors()
    assert any(node == pytest.approx(DAMAGE(1.0)) for node in nodes)


def test_criticality_is_the_mean_over_models(monkeypatch):
    import experiments.faults.maps as maps

    given = {}
    monkeypatch.setattr(maps, "network_figure", lambda *a, **k: given.update(k))
    rows = [
        {"model": "bit-flip", "site": "synapse 2>1", "mean_drop": 0.2},
        {"model": "dead-synapse", "site": "synapse 2>1", "mean_drop": 0.6},
        {"model": "dead-synapse", "site": "input 3>2", "mean_drop": -0.1},
        {"model": "dead-neuron", "site": "neuron 2", "mean_drop": 0.5},
    ]
    criticality_figure(controller(), rows)
    assert given["values"].keys() == {"synapses", "neurons"}
    assert given["values"]["synapses"] == pytest.approx([0.4, np.nan, np.nan, 0.0], nan_ok=True)
    assert given["values"]["neurons"] == pytest.approx([np.nan, np.nan, 0.5], nan_ok=True)


def test_the_highest_bit_is_on_top():
    rows = [
        {"model": "bit-flip", "severity": "", "site": site, "bit": bit, "drop": bit / 4}
        for site in ("synapse 0>1", "input 0>1") for bit in range(4)
    ][:-1]  # fmt: skip
    figure = bits_figure(rows)
    (panel,) = [axes for axes in figure.axes if axes.images]
    table = np.array(panel.images[0].get_array())
    assert table[:, 0].tolist() == [0.0, 0.25, 0.5, 0.75]
    assert np.isnan(np.ma.filled(panel.images[0].get_array(), np.nan)[3, 1])
    low, high = panel.get_ylim()
    assert low < high
    assert [t.get_text() for t in panel.get_xticklabels()] == ["synapse 0>1", "input 0>1"]


def test_faults_at_many_times_are_averaged():
    rows = [
        {"model": "m", "severity": "", "site": "s", "bit": 0, "drop": drop}
        for drop in (0.0, 0.5, 1.0)
    ]
    panel = bits_figure(rows).axes[0]
    assert np.array(panel.images[0].get_array()).tolist() == [[0.5]]


def test_many_synapses_are_numbered_not_named():
    rows = [
        {"model": "m", "severity": "", "site": f"s{k}", "bit": b, "drop": 0.0}
        for k in range(100) for b in range(2)
    ]  # fmt: skip
    figure = bits_figure(rows)
    assert "order of the file" in figure.axes[0].get_xlabel()
    assert figure.get_figwidth() < 10
    assert bits_figure(faults()) is None


def test_a_matrix_of_what_was_trained_and_tested(tmp_path):
    rows = [
        {"train": a, "test": b, "value": value}
        for a, b, value in [("x", "x", 0.9), ("x", "y", 0.2), ("y", "y", 0.8), ("none", "x", 0.5)]
    ]
    figure = matrix_figure(rows)
    axes = figure.axes[0]
    table = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert table == pytest.approx(np.array([[0.9, 0.2], [np.nan, 0.8], [0.5, np.nan]]), nan_ok=True)
    assert [t.get_text() for t in axes.get_yticklabels()] == ["x", "y", "none"]
    assert [t.get_text() for t in axes.texts] == ["0.90", "0.20", "0.80", "0.50"]
    boxes = sorted(tuple(patch.get_xy()) for patch in axes.patches)
    assert boxes == [(-0.5, -0.5), (0.5, 0.5)]
    assert save_figure(figure, tmp_path / "matrix.png").exists()


def test_numbers_can_be_read_on_their_colours():
    figure = heat_figure([[0.0, 1.0]], ["a"], ["b", "c"], "x", cmap="cividis")
    assert [t.get_color() for t in figure.axes[0].texts] == ["white", "black"]


def test_rows_of_a_campaign_fit_the_pictures(tmp_path):
    save(controller(), tmp_path / "net.json")
    plan = Plan((str(tmp_path / "net.json"),), models=("bit-flip:bits=3",), single=True, episodes=1)
    resolved = plan.resolve()
    (name,) = resolved.networks
    rows = rows_of(resolved, name, list(resolved.campaign.run(resolved.networks[name])))
    table = np.array(bits_figure(rows).axes[0].images[0].get_array())
    assert table.shape == (3, 4)
    wanted = {(r["site"], r["bit"]): max(0.0, r["drop"]) for r in rows}
    assert table.T.ravel().tolist() == list(wanted.values())
