"""Maximum likelihood the same way for every model: log-parameters, several starts, exact gradients, honest errors."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
Objective = Callable[[FloatArray], tuple[float, FloatArray]]

# A shape or scale this far from 1 (in log, time in units of the mean age) cannot be told from 0 or infinity.
LOG_LIMIT = 10.0
MAX_STEPS = 100
LONGEST_STEP = 2.0
GRADIENT_GOAL = 1e-9
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
    """Climb from every start and keep the highest end.

    Parameters
    ----------
    objective
        Mean log-likelihood per customer and its gradient.
    starts
        Points to start from. Given a `race` (the objective on a sample) they are climbed on it, and only the winner on
        the whole.
    n_customers
        Sum of the weights: turns the curvature of the mean into that of the whole.
    """
    ends = [_climb(race or objective, start, lower=lower, upper=upper) for start in starts]
    best = ends[int(np.argmax([(race or objective)(end)[0] for end in ends]))]
    position = _climb(objective, best, lower=lower, upper=upper) if race else best
    value, gradient = objective(position)
    at_limit = (position <= lower + 1e-6) | (position >= upper - 1e-6)
    ahead, behind = (_information(objective, position, gradient, width=width) for width in (1e-4, -1e-4))
    information = (ahead + behind) / 2
    return Optimum(
        position=position,
        value=value,
        covariance=_covariance((information + information.T) / 2 * n_customers, free=~at_limit),
        at_limit=at_limit,
        converged=bool(np.abs(gradient[~at_limit]).max(initial=0.0) < GRADIENT_LIMIT),
    )


def _climb(objective: Objective, start: FloatArray, *, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """Newton's method with steps that are damped until they climb, within limits.

    A quasi-Newton method of a library would do; with four parameters this one needs as few evaluations, climbs along
    the ridges these likelihoods are known for, and keeps away from threaded linear algebra, which costs more than the
    likelihood on a busy machine.
    """
    position = np.clip(start, lower, upper)
    value, gradient = objective(position)
    for _ in range(MAX_STEPS):
        held = ((position <= lower) & (gradient < 0)) | ((position >= upper) & (gradient > 0))
        if np.abs(gradient[~held]).max(initial=0.0) < GRADIENT_GOAL:
            break
        information = _information(objective, position, gradient, width=1e-4)[np.ix_(~held, ~held)]
        curvature, axes = np.linalg.eigh((information + information.T) / 2)
        slope = axes.T @ gradient[~held]
        # Downhill or flat directions count as slightly curved, so that every step points uphill.
        bend = np.maximum(np.abs(curvature), 1e-9 * np.abs(curvature).max() + 1e-300)
        for damping in (0.0, *(bend.max() * 10.0 ** np.arange(-5.0, 6.0))):
            step = np.zeros_like(position)
            step[~held] = axes @ (slope / (bend + damping))
            trial = np.clip(position + np.clip(step, -LONGEST_STEP, LONGEST_STEP), lower, upper)
            trial_value, trial_gradient = objective(trial)
            rounding = 1e-13 * abs(value)
            flatter = np.abs(trial_gradient[~held]).max() < np.abs(gradient[~held]).max()
            if trial_value > value + rounding or (flatter and trial_value >= value - rounding):
                break
        else:
            break
        position, value, gradient = trial, trial_value, trial_gradient
    return position


def _information(
    objective: Objective, position: FloatArray, gradient: FloatArray, *, width: float
) -> FloatArray:
    """Minus the Hessian of the mean log-likelihood, by differences of its exact gradient."""
    offsets = width * np.eye(len(position))
    return np.array([(gradient - objective(position + offset)[1]) / width for offset in offsets])


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
