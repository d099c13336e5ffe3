"""Builds the output of every command as values: tables and sentences, without a terminal."""
