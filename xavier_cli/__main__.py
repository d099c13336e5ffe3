"""Runs `xavier` for `python -m xavier_cli`."""

from xavier_cli.cli import main

if __name__ == "__main__":
    main()
