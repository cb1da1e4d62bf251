"""Maximum likelihood the same way for every model: log-parameters, several starts, exact gradients,
honest errors.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import numpy.typing as npt
from pydantic_core.core_schema import CoreSchema, no_info_plain_validator_function

from holdfast.arrays import Floats
from holdfast.errors import DataError, InputError, NotFittedError, nearest

Objective = Callable[[Floats], tuple[float, Floats]]

# A shape or scale this far from 1 (in log, time in units of the mean age) cannot be told from 0 or
# infinity.
LOG_LIMIT = 10.0
MAX_STEPS = 60
_SHOWN = 80
LONGEST_STEP = 2.0
DIFFERENCE = 1e-4
GRADIENT_GOAL, RACE_GOAL = 1e-9, 1e-3
GRADIENT_LIMIT = 1e-6
VAGUE_LOG_ERROR = 3.0
FAR_LOG = 7.5
RACE_ROWS = 2_000


@dataclass(frozen=True)
class Optimum:
    """Where the search ended, in log-parameters.

    `covariance` is that of the log-parameters: rows and columns of parameters that are held at a
    limit, or that the data do not determine, are infinite.
    """

    position: Floats
    covariance: Floats
    at_limit: npt.NDArray[np.bool_]
    converged: bool


def maximise(
    objective_on: Callable[[slice], Objective],
    starts: Sequence[Floats],
    *,
    n_rows: int,
    n_customers: float,
    lower: Floats,
    upper: Floats,
) -> Optimum:
    """Climb from every start and keep the highest end.

    Parameters
    ----------
    objective_on
        Of some of the rows: mean log-likelihood per customer, and its gradient.
    starts
        Points to start from. They race on at most some 2,000 of the (sorted) rows, and not to the
        very top; only the winner climbs there, on all.
    n_customers
        Sum of the weights: turns the curvature of the mean into that of the whole.
    """
    objective, stride = objective_on(slice(None)), -(-n_rows // RACE_ROWS)
    race = objective_on(slice(None, None, stride)) if stride > 1 else objective
    ends = [_climb(race, start, lower=lower, upper=upper, goal=RACE_GOAL) for start in starts]
    best = ends[int(np.argmax([race(end)[0] for end in ends]))]
    position = _climb(objective, best, lower=lower, upper=upper, goal=GRADIENT_GOAL)
    gradient = objective(position)[1]
    at_limit = (position <= lower + 1e-6) | (position >= upper - 1e-6)
    ahead, behind = (
        _information(objective, position, gradient, width=width)
        for width in (DIFFERENCE, -DIFFERENCE)
    )
    return Optimum(
        position=position,
        covariance=_covariance((ahead + behind) / 2 * n_customers, free=~at_limit),
        at_limit=at_limit,
        converged=bool(np.abs(gradient[~at_limit]).max(initial=0.0) < GRADIENT_LIMIT),
    )


def _climb(
    objective: Objective, start: Floats, *, lower: Floats, upper: Floats, goal: float
) -> Floats:
    """Newton's method with steps that are damped until they climb, within limits.

    A quasi-Newton method of a library would do; with four parameters this one needs as few
    evaluations, climbs along the ridges these likelihoods are known for, and keeps away from
    threaded linear algebra, which costs more than the likelihood on a busy machine.
    """
    position = np.clip(start, lower, upper)
    value, gradient = objective(position)
    information = None
    for _ in range(MAX_STEPS):
        held = ((position <= lower) & (gradient < 0)) | ((position >= upper) & (gradient > 0))
        if np.abs(gradient[~held]).max(initial=0.0) < goal:
            break
        if information is None:
            information = _information(objective, position, gradient)
        for damping in (0.0, *10.0 ** np.arange(-5.0, 6.0)):
            step = _step(
                information, gradient, held, damping, room=(lower - position, upper - position)
            )
            trial = np.clip(position + step, lower, upper)
            trial_value, trial_gradient = objective(trial)
            rounding = 1e-11 * (1 + abs(value))
            flatter = np.abs(trial_gradient[~held]).max() < np.abs(gradient[~held]).max()
            if trial_value > value + rounding or (flatter and trial_value > value - rounding):
                break
        else:
            break
        # Near the top one Hessian serves several steps: it costs as many evaluations as there are
        # parameters.
        if damping or np.abs(trial_gradient[~held]).max() > 0.1 * np.abs(gradient[~held]).max():
            information = None
        position, value, gradient = trial, trial_value, trial_gradient
    return position


def _step(
    information: Floats,
    gradient: Floats,
    held: npt.NDArray[np.bool_],
    damping: float,
    *,
    room: tuple[Floats, Floats],
) -> Floats:
    """A Newton step uphill that ends at the first limit it meets, so that it keeps its direction
    along a ridge.
    """
    downward, upward = room
    held = held.copy()
    for _ in range(len(gradient)):
        step = np.zeros_like(gradient)
        free = np.ix_(~held, ~held)
        curvature, axes = np.linalg.eigh(information[free])
        # Downhill or flat directions count as slightly curved, so that every step points uphill.
        steepest = np.abs(curvature).max() + 1e-300
        bend = np.maximum(np.abs(curvature), 1e-9 * steepest) + damping * steepest
        step[~held] = axes @ ((axes.T @ gradient[~held]) / bend)
        blocked = ~held & (((upward <= 0) & (step > 0)) | ((downward >= 0) & (step < 0)))
        if not blocked.any():
            break
        held |= blocked
        if held.all():
            return np.zeros_like(gradient)
    space = np.where(step > 0, upward, -downward)
    shortening = np.minimum(space, LONGEST_STEP) / np.maximum(np.abs(step), 1e-300)
    return np.asarray(step * min(1.0, float(shortening[~held].min())))


def _information(
    objective: Objective, position: Floats, gradient: Floats, *, width: float = DIFFERENCE
) -> Floats:
    """Minus the Hessian of the mean log-likelihood, by differences of its exact gradient."""
    offsets = width * np.eye(len(position))
    matrix = np.array([(gradient - objective(position + offset)[1]) / width for offset in offsets])
    return np.asarray((matrix + matrix.T) / 2)


def _covariance(information: Floats, *, free: npt.NDArray[np.bool_]) -> Floats:
    """Inverse of the information among the free parameters; infinite where there is none."""
    covariance = np.full_like(information, np.inf)
    inner = information[np.ix_(free, free)]
    if len(inner) and np.linalg.eigvalsh(inner).min() > 0:
        covariance[np.ix_(free, free)] = np.linalg.inv(inner)
    return covariance


class Estimator:
    """What a model keeps of a fit, in the manner of scikit-learn: plain numbers and sentences,
    ready for JSON.

    Attributes
    ----------
    parameters_
        Estimator parameters by name, plain floats; `from_parameters(**model.parameters_)` gives the
        model back.
    standard_errors_
        Their standard errors, from the curvature of the log-likelihood; a parameter the data do not
        determine has none.
    log_likelihood_
        Of the data that were fitted, in the caller's units.
    converged_
        Whether the search ended where the log-likelihood is flat.
    notes_
        Sentences on what could not be estimated; empty when all is well.
    """

    PARAMETERS: ClassVar[tuple[str, ...]]

    parameters_: dict[str, float]
    standard_errors_: dict[str, float]
    log_likelihood_: float
    converged_: bool
    notes_: tuple[str, ...]

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Constructor arguments by name, as scikit-learn asks for them."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def set_params(self, **params: Any) -> Self:
        """Set constructor arguments, as scikit-learn does.

        Raises
        ------
        InputError
            The model has no parameter of that name; nothing is set then.
        """
        names = list(self.get_params())
        for name in params:
            if name not in names:
                raise InputError(
                    f"{type(self).__name__} has no parameter '{name[:_SHOWN]}'",
                    fix=nearest(name, names) if names else "it takes none",
                )
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        """How it was made, and what it learnt, to four digits."""
        given = ", ".join(f"{name}={value!r}" for name, value in self.get_params().items())
        learnt = ", ".join(
            f"{name}={value:.4g}" for name, value in getattr(self, "parameters_", {}).items()
        )
        return f"{type(self).__name__}({given})" + (f" fitted: {learnt}" if learnt else "")

    @classmethod
    def from_parameters(cls, **parameters: float) -> Self:
        """A model with known parameters, as `parameters_` gives them: published ones, or those of
        an earlier fit.
        """
        model = cls()
        model._set_parameters(parameters)
        return model

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: object) -> CoreSchema:
        """Rebuild it from its parameters, wherever it is a field of what is read from JSON."""
        return no_info_plain_validator_function(lambda raw: cls.from_parameters(**raw))

    def _effect_names(self) -> list[str]:
        """Parameters besides PARAMETERS that may have either sign."""
        return []

    def _set_parameters(self, parameters: Mapping[str, float]) -> None:
        wanted = [*self.PARAMETERS, *self._effect_names()]
        if set(parameters) != set(wanted):
            raise DataError(
                f"{type(self).__name__} has the parameters {', '.join(wanted)}, not "
                f"{', '.join(parameters) or 'none'}",
                fix="pass `parameters_` of a fitted model",
            )
        if not np.isfinite(list(parameters.values())).all() or any(
            parameters[name] <= 0 for name in self.PARAMETERS
        ):
            raise DataError(
                f"impossible parameters: {dict(parameters)}",
                fix="pass finite values, shapes above 0",
            )
        self.parameters_ = {name: float(parameters[name]) for name in wanted}

    def _values(self) -> tuple[Floats, Floats]:
        if not hasattr(self, "parameters_"):
            raise NotFittedError(self)
        base = np.array([self.parameters_[name] for name in self.PARAMETERS])
        return base, np.array([self.parameters_[name] for name in self._effect_names()])

    def _set_evidence(self, optimum: Optimum) -> None:
        """Standard errors by the delta method, and a sentence on each thing that the data did not
        settle.
        """
        base, effects = self._values()
        searched = (*self.PARAMETERS, *self._effect_names())
        values = dict(zip(searched, (*base, *effects), strict=True))
        slopes = (*base, *np.ones(len(effects)))
        deviations = dict(zip(searched, np.sqrt(np.diag(optimum.covariance)), strict=True))
        held = [name for name, limited in zip(searched, optimum.at_limit, strict=True) if limited]
        vague = [
            name
            for name, position in zip(self.PARAMETERS, optimum.position, strict=False)
            if name not in held and (deviations[name] > VAGUE_LOG_ERROR or abs(position) > FAR_LOG)
        ]
        self.converged_ = optimum.converged
        self.standard_errors_ = {
            name: float(slope * deviations[name])
            for name, slope in zip(searched, slopes, strict=True)
            if name not in (*held, *vague) and np.isfinite(deviations[name])
        }
        unconverged = "the search for the maximum did not converge: its end is a fallback"
        unbounded = f"the data put no bound on {_list(values, held)}: held at the search's limit"
        unsettled = (
            f"the data hardly determine {_list(values, vague)}: far larger or smaller ones fit "
            "as well"
        )
        sentences = ((not optimum.converged, unconverged), (held, unbounded), (vague, unsettled))
        self.notes_ = tuple(sentence for applies, sentence in sentences if applies)


def _list(values: Mapping[str, float], names: Sequence[str]) -> str:
    return ", ".join(f"{name} ({values[name]:.4g})" for name in names)
