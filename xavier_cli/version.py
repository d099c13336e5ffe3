"""The version of the package: the build reads it from here, and so does everything that shows it."""

__version__ = "0.2.0.dev0"
