"""Makes one kind of network of what JAX's frameworks call one; each framework has a room of its own.

A room is loaded when an object of its framework turns up, never before.
"""
