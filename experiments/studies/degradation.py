"""The default CartPole run (seed 1) under the lens.

Its pictures, the degradation of its best network under every fault model, and the parity of
every network of its front with Brian2. Writes into ``docs/results``.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

from experiments.cli import main as tardigrade
from experiments.studies.record import RESULTS, complete, write_origin
from fitness import episode_seeds, find_task, record_episode
from neuro import load
from neuro.export import brian2_script, verify_script
from neuro.files import write_atomically

DRAWS = 1000


def main() -> None:
    """Run the study."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run, faults = Path(folder) / "run", Path(folder) / "faults"
        tardigrade(["evolve", "cartpole", "--seed", "1", "--out", str(run)])
        for name in ("pareto.png", "network.png", "raster.png", "front.csv"):
            shutil.copy(run / name, RESULTS / name)
        best = RESULTS / "cartpole_best.json"
        shutil.copy(run / "front" / "000.json", best)
        tardigrade(["faults", str(best), "--draws", str(DRAWS), "--out", str(faults)])
        shutil.copy(faults / "summary.csv", RESULTS / "degradation.csv")
        shutil.copy(faults / "degradation.png", RESULTS / "degradation.png")
        manifest = json.loads((faults / "manifest.json").read_text())
        files = sorted((run / "front").glob("*.json"))

        def verify(name: str) -> dict[str, Any]:
            network = load(run / "front" / name)
            task = find_task(network.task)
            episode = record_episode(network, task, episode_seeds(0, "held-out", 1)[0])
            script = Path(folder) / "script.py"
            write_atomically(script, brian2_script(network, episode.ext))
            return verify_script(script, network, episode.ext)._asdict()

        (RESULTS / "brian2_parity.csv").unlink(missing_ok=True)
        complete("brian2_parity", [f.name for f in files], "network", verify)
    write_origin(
        "degradation", "make study-degradation", seed=1, draws=DRAWS,
        episodes=manifest["episodes"], campaign_seconds=manifest["wall_seconds"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
