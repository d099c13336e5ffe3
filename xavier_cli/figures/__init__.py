"""Figures: data in, matplotlib's axes out; the only room with matplotlib."""

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
    """Lets matplotlib be imported without the `matplotlibrc` of the working folder, which it looks for first.

    That file may come from anyone: it could be damaged, or a pipe that never ends, and changes how figures
    look. matplotlib has no setting against it, so its question whether the file is there is answered with no.
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
    # Where it cannot write its cache it takes longer, which it need not say in lines of its own.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
