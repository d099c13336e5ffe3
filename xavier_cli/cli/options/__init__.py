"""Defines the options that commands share, and evaluates them."""
