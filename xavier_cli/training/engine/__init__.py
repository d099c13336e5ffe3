"""A population on the devices: its programs, its state, its records."""
