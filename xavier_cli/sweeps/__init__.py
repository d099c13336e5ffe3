"""Many runs: which cells a recipe has, which programs train them, and the processes that do."""
