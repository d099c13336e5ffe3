"""Offers the commands to notebooks and scripts, as functions of the same names. Prints nothing."""
