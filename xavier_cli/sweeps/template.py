"""The recipe that `xavier sweep --template` prints, to begin one's own with."""

from __future__ import annotations

RECIPE_TEMPLATE = """\
# A recipe: `xavier sweep FILE.toml` trains it, `xavier reproduce FILE.toml` draws and judges it.
title = "Initializers by depth"
about = "Which initializer learns at which depth?"

# For trainings of hours: at these scales each seed has a file of its own, all first seeds come first.
# rounds = ["laptop"]

# Settings of every network: those of `xavier train`.
[base]
data = "shapeset"
act = "tanh"
width = 100
lr = 0.03
updates = 5_000
seeds = 5

# Every combination of these is one experiment: 2 initializers × 2 depths = 4.
# A range stands for a list: lr = "1e-3:1e-1:5:log".
[grid]
init = ["standard", "normalized"]
depth = [3, 5]

# Sizes of a quick trial: `--scale tiny`.
[scales.tiny]
updates = 200

# Figures that `xavier reproduce` draws: any of `xavier plot`.
[[figures]]
kind = "curves"
"""
