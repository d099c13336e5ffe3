"""How any file is written, locked, kept in a cache and read as text: whole or not at all. Standard library only."""
