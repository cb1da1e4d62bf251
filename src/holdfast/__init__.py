"""Holdfast: from an order log, or a customer snapshot, to churn, value, reasons, segments and a
plan.

>>> import holdfast as hf
>>> study = hf.Study.from_toml("holdfast.toml")   # doctest: +SKIP
>>> run = hf.run(study)                           # doctest: +SKIP
>>> run.scores                                    # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from holdfast.audits.audit import audit
    from holdfast.errors import HoldfastError
    from holdfast.quality.check import check
    from holdfast.quality.churn_window import churn_window
    from holdfast.runs.run import run
    from holdfast.serving.predict import predict_customer, predict_features
    from holdfast.setup.simulate import simulate_to
    from holdfast.storage.runs import Registry, Run
    from holdfast.study import Study
    from holdfast.synthetic import Shop
    from holdfast.training.backtest import backtest
    from holdfast.training.comparison import compare

__version__ = "0.1.0"
_HOMES = {
    "Study": "holdfast.study",
    "Shop": "holdfast.synthetic",
    "simulate_to": "holdfast.setup.simulate",
    "Run": "holdfast.storage.runs",
    "Registry": "holdfast.storage.runs",
    "HoldfastError": "holdfast.errors",
    "audit": "holdfast.audits.audit",
    "check": "holdfast.quality.check",
    "churn_window": "holdfast.quality.churn_window",
    "backtest": "holdfast.training.backtest",
    "compare": "holdfast.training.comparison",
    "run": "holdfast.runs.run",
    "predict_customer": "holdfast.serving.predict",
    "predict_features": "holdfast.serving.predict",
}
__all__ = [
    "HoldfastError", "Registry", "Run", "Shop", "Study", "__version__", "audit", "backtest",
    "check", "churn_window", "compare", "predict_customer", "predict_features", "run",
    "simulate_to",
]  # fmt: skip


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for, so that `import holdfast` is free."""
    if name not in _HOMES:
        raise AttributeError(f"module 'holdfast' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
