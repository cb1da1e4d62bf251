"""Holdfast: from an order log, or a customer snapshot, to churn, value, reasons, segments and a plan.

>>> import holdfast as hf
>>> study = hf.Study.from_toml("holdfast.toml")   # doctest: +SKIP
>>> run = hf.run(study)                           # doctest: +SKIP
>>> run.scores                                    # doctest: +SKIP
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.errors import HoldfastError
    from holdfast.io.runs import Registry, Run
    from holdfast.pipeline.audit import audit
    from holdfast.pipeline.check import check
    from holdfast.pipeline.churn_window import churn_window
    from holdfast.pipeline.look import backtest, compare
    from holdfast.pipeline.predict import predict_customer, predict_features
    from holdfast.pipeline.run import run
    from holdfast.pipeline.simulate import simulate_to
    from holdfast.study import Study
    from holdfast.synthetic import Shop

__version__ = "0.1.0"
_HOMES = {
    "Study": "holdfast.study",
    "Shop": "holdfast.synthetic",
    "simulate_to": "holdfast.pipeline.simulate",
    "Run": "holdfast.io.runs",
    "Registry": "holdfast.io.runs",
    "HoldfastError": "holdfast.errors",
    "audit": "holdfast.pipeline.audit",
    "check": "holdfast.pipeline.check",
    "churn_window": "holdfast.pipeline.churn_window",
    "backtest": "holdfast.pipeline.look",
    "compare": "holdfast.pipeline.look",
    "run": "holdfast.pipeline.run",
    "predict_customer": "holdfast.pipeline.predict",
    "predict_features": "holdfast.pipeline.predict",
}
__all__ = [
    "HoldfastError", "Registry", "Run", "Shop", "Study", "__version__", "audit", "backtest", "check", "churn_window",
    "compare", "predict_customer", "predict_features", "run", "simulate_to",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import holdfast` is free."""
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


class _Public(ModuleType):
    """The verb `audit` and the package `holdfast.audit` share a name; as an attribute, the verb wins."""

    @property
    def audit(self) -> Any:
        """The verb."""
        return __getattr__("audit")

    @audit.setter
    def audit(self, package: ModuleType) -> None:
        """Take the package, which the import system hands over, and leave it where imports look: in sys.modules."""


sys.modules[__name__].__class__ = _Public
