"""Benchmarks: this project's kernels beside its peers, on the same networks and inputs.

Nothing here is a test: a speed depends on the machine and on what else it does. Figures are
medians, and the ratios between them are measured side by side in one run.
"""
