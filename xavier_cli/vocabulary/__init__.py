"""Defines every name that a user may type, as data, and parses it; standard library only."""
