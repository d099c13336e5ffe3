"""A notebook as a script: two initializations trained, looked into and compared. A test runs it."""

# %% JAX may have started already, with as many devices as it found.
import jax

jax.devices()

# %% Train; the second time it is only read.
from xavier_cli import RunConfig, compare, read_run, train  # noqa: E402

small = {"depth": 2, "width": 10, "updates": 60, "records": 3, "seeds": 2, "eval_examples": 200}
runs = [
    train(RunConfig.of(init=init, jacobian_examples=0, **small), out=f"runs/{init}.h5")
    for init in ("standard", "normalized")
]

# %% Look inside: arrays by their names in the run file.
run = runs[0]
error = run["curves/test_error"]
print(f"{error.shape[0]} seeds at {error.shape[1]} records, after {run.updates.tolist()} updates")
print(f"activation std by layer: {run['activation/std'].mean(axis=0)[-1].shape}")

# %% What is on disk is what was returned.
again = read_run("runs/standard.h5")
print("same numbers:", (again["curves/test_error"] == error).all())

# %% Compare: the best first.
(section,) = compare(runs).sections
for row in section.rows:
    print(row.settings["init"], f"{100 * row.test_error.mean:.1f} %", row.verdict.kind, row.verdict.why)
