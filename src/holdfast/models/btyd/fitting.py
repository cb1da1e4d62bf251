"""Maximum likelihood the same way for every model: log-parameters, several starts, exact gradients, honest errors."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Objective = Callable[[FloatArray], tuple[float, FloatArray]]

# A shape or scale this far from 1 (in log, time in units of the mean age) cannot be told from 0 or infinity.
LOG_LIMIT = 10.0
GRADIENT_LIMIT = 1e-6
VAGUE_LOG_ERROR = 3.0


@dataclass(frozen=True)
class Optimum:
    """Where the search ended, in log-parameters.

    `value` is the mean log-likelihood per customer, `covariance` that of the log-parameters: rows and columns of
    parameters that are held at a limit, or that the data do not determine, are infinite.
    """

    position: FloatArray
    value: float
    covariance: FloatArray
    at_limit: npt.NDArray[np.bool_]
    converged: bool


def maximise(
    objective: Objective,
    starts: Sequence[FloatArray],
    *,
    lower: FloatArray,
    upper: FloatArray,
    n_customers: float,
    race: Objective | None = None,
) -> Optimum:
    """Climb from every start, keep the highest, polish it by Newton's method.

    Parameters
    ----------
    objective
        Mean log-likelihood per customer and its gradient.
    starts
        Points to start from; they are climbed on `race` (a thinned objective) when one is given.
    n_customers
        Sum of the weights: turns the mean's curvature into that of the whole.
    """
    lower, upper = np.asarray(lower, dtype=np.float64), np.asarray(upper, dtype=np.float64)
    climbed = [_climb(race or objective, start, lower=lower, upper=upper) for start in starts]
    best = max(climbed, key=lambda found: found[1])[0]
    if race is not None:
        best = _climb(objective, best, lower=lower, upper=upper)[0]
    position, curvature = _polish(objective, best, lower=lower, upper=upper)
    value, gradient = objective(position)
    at_limit = (position <= lower + 1e-6) | (position >= upper - 1e-6)
    return Optimum(
        position=position,
        value=value,
        covariance=_covariance(curvature * n_customers, free=~at_limit),
        at_limit=at_limit,
        converged=bool(np.abs(gradient[~at_limit]).max(initial=0.0) < GRADIENT_LIMIT),
    )


def _climb(
    objective: Objective, start: FloatArray, *, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, float]:
    from scipy.optimize import minimize

    def negated(position: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = objective(position)
        return -value, -gradient

    found = minimize(
        negated,
        np.clip(start, lower, upper),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)),
        options={"ftol": 1e-14, "gtol": 1e-8, "maxiter": 500},
    )
    return np.asarray(found.x, dtype=np.float64), -float(found.fun)


def _polish(
    objective: Objective, position: FloatArray, *, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Newton steps as long as they climb; the position and the information matrix (minus the Hessian) there."""
    value, gradient = objective(position)
    curvature = _information(objective, position)
    for _ in range(8):
        free = (position > lower + 1e-6) & (position < upper - 1e-6)
        if np.abs(gradient[free]).max(initial=0.0) < 1e-10:
            break
        # The ridge keeps a flat direction (a and b of grocery data run off together) from throwing the step far away.
        step = np.zeros_like(position)
        inner = curvature[np.ix_(free, free)]
        step[free] = np.linalg.lstsq(inner + 1e-10 * np.eye(len(inner)), gradient[free], rcond=None)[0]
        trial = np.clip(position + np.clip(step, -1.0, 1.0), lower, upper)
        trial_value, trial_gradient = objective(trial)
        closer = np.abs(trial_gradient[free]).max(initial=0.0) < np.abs(gradient[free]).max(initial=0.0)
        if trial_value < value - 1e-12 * abs(value) or not closer:
            break
        position, value, gradient = trial, trial_value, trial_gradient
        curvature = _information(objective, position)
    return position, curvature


def _information(objective: Objective, position: FloatArray, width: float = 1e-4) -> FloatArray:
    """Minus the Hessian of the mean log-likelihood, by central differences of its exact gradient."""
    columns = []
    for index in range(len(position)):
        offset = np.zeros_like(position)
        offset[index] = width
        columns.append((objective(position - offset)[1] - objective(position + offset)[1]) / (2 * width))
    matrix = np.array(columns)
    return (matrix + matrix.T) / 2


def _covariance(information: FloatArray, *, free: npt.NDArray[np.bool_]) -> FloatArray:
    """Inverse of the information among the free parameters; infinite where there is none."""
    covariance = np.full_like(information, np.inf)
    inner = information[np.ix_(free, free)]
    if len(inner) and np.linalg.eigvalsh(inner).min() > 0:
        covariance[np.ix_(free, free)] = np.linalg.inv(inner)
    return covariance


def describe(
    optimum: Optimum, *, values: Mapping[str, float], on_log_scale: Set[str]
) -> tuple[dict[str, float], tuple[str, ...]]:
    """Standard errors by name, and a sentence on each thing that the data did not settle.

    Parameters
    ----------
    values
        The parameters in the order of `optimum.position`, on their natural scale.
    on_log_scale
        Those whose position is their logarithm: the delta method multiplies their error by their value.
    """
    variances = dict(zip(values, np.diag(optimum.covariance), strict=True))
    log_errors = {name: float(np.sqrt(variance)) for name, variance in variances.items() if np.isfinite(variance)}
    errors = {name: error * (values[name] if name in on_log_scale else 1.0) for name, error in log_errors.items()}
    notes = []
    if not optimum.converged:
        notes.append("the search for the maximum did not converge: treat the parameters as a fallback")
    limits = [f"{name} ({values[name]:.4g})" for name, held in zip(values, optimum.at_limit, strict=True) if held]
    if limits:
        notes.append(f"the data put no bound on {', '.join(limits)}: held at the limit of the search")
    vague = [
        f"{name} ({values[name]:.4g})"
        for name, held in zip(values, optimum.at_limit, strict=True)
        if not held and name in on_log_scale and log_errors.get(name, np.inf) > VAGUE_LOG_ERROR
    ]
    if vague:
        notes.append(f"the data hardly determine {', '.join(vague)}: forecasts barely depend on the exact value")
    return errors, tuple(notes)
