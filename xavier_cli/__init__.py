"""Which weight initialization, with which activation, at which depth - and how sure are we?"""

__version__ = "0.1.0"
