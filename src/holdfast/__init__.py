"""Holdfast: from an order log, or a customer snapshot, to churn, value, reasons, segments and a plan.

>>> import holdfast as hf
>>> study = hf.Study.from_toml("holdfast.toml")   # doctest: +SKIP
>>> run = hf.run(study)                           # doctest: +SKIP
>>> run.scores                                    # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.errors import HoldfastError
    from holdfast.io.runs import Registry, Run
    from holdfast.pipeline.churn_window import churn_window
    from holdfast.pipeline.run import run
    from holdfast.study import Study

__version__ = "0.1.0"
_HOMES = {
    "Study": "holdfast.study",
    "Run": "holdfast.io.runs",
    "Registry": "holdfast.io.runs",
    "HoldfastError": "holdfast.errors",
    "churn_window": "holdfast.pipeline.churn_window",
    "run": "holdfast.pipeline.run",
}
__all__ = ["HoldfastError", "Registry", "Run", "Study", "__version__", "churn_window", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import holdfast` is free."""
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
