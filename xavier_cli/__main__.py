"""`python -m xavier_cli` is `xavier`."""

from xavier_cli.cli import main

if __name__ == "__main__":
    main()
