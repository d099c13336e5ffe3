"""A notebook as a script: two initializations trained, looked into, compared and plotted. A test runs it."""

# %% JAX may have started already, with as many devices as it found.
import jax

jax.devices()

# %% Train; the second time it is only read.
from xavier_cli import compare, plot, read_run, train  # noqa: E402

small = {"depth": 2, "width": 10, "updates": 60, "records": 3, "seeds": 2, "eval_examples": 200}
runs = [
    train(init=init, jacobian_examples=0, **small, out=f"runs/{init}.h5")
    for init in ("standard", "normalized")
]

# %% Look: at the end of a cell a notebook shows the same as a table.
run = runs[0]
print(run)
print("as a table:", run._repr_html_().count("<table"))

# %% Look inside: arrays by their names in the run file.
error = run["curves/test_error"]
print(f"{error.shape[0]} seeds at {error.shape[1]} records, after {run.updates.tolist()} updates")
print(f"activation std by layer: {run['activation/std'].mean(axis=0)[-1].shape}")

# %% What is on disk is what was returned.
again = read_run("runs/standard.h5")
print("same numbers:", (again["curves/test_error"] == error).all())

# %% Compare: the best first.
both = compare([*runs[:1], "runs/normalized.h5"])
print(both)
for row in both.rows:
    print(row.settings["init"], f"{100 * row.test_error.mean:.1f} %", row.verdict.kind, row.verdict.why)
print("best:", both.best.settings["init"])

# %% Plot.
run.plot("saturation").savefig("saturation.pdf")
plot(runs, "curves").savefig("curves.png")

# %% Data frames, where pandas and xarray are installed.
try:
    import pandas  # noqa: F401
    import xarray  # noqa: F401
except ImportError:
    print("no pandas and xarray")
else:
    curves = run.to_dataframe("curves")
    print("mean over seeds:", curves.groupby("update").test_error.mean().shape)
    print("layers:", run.to_dataframe("activation").pivot_table("activation_std", "update", "layer").shape)
    print("long:", list(run.to_dataframe().columns))
    print("xarray:", dict(run.to_xarray("activation")["std"].sizes))
    print("compared:", both.to_dataframe()[["init", "n"]].to_dict("list"))
