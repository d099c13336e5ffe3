"""Draws figures of runs; the only package that imports matplotlib."""

import importlib.util
import logging
import os.path
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_NAME = "matplotlibrc"


class _NoFileOfTheFolder(MetaPathFinder):
    """Imports matplotlib without the `matplotlibrc` of the working folder, which it would read first.

    That file may come from anyone: it could be damaged, or a pipe that blocks, and it changes the look of
    figures. matplotlib has no setting against it, so that `os.path.exists` denies the file during the import.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "matplotlib":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            run = spec.loader.exec_module

            def without_file(module: ModuleType) -> None:
                exists = os.path.exists
                os.path.exists = lambda path: path != _NAME and exists(path)
                try:
                    run(module)
                finally:
                    os.path.exists = exists

            spec.loader.exec_module = without_file  # type: ignore[method-assign]
        return spec


if "matplotlib" not in sys.modules:
    sys.meta_path.insert(0, _NoFileOfTheFolder())
    # matplotlib warns where it cannot write its cache, which only makes it slower.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
