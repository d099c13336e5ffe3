"""How any file is written, locked, cached and read as text. Standard library only."""
