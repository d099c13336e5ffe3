"""Writes, locks, caches and reads files of any kind; standard library only."""
