"""How fast training is on this machine, beside the machine's own limits and what else one could use."""
