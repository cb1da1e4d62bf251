"""Network: a recurrent network in numpy, forwards and backwards.

One layer reads a day, a gated recurrent unit (Cho et al. 2014, in the form of cuDNN and PyTorch)
carries a state from day to day, and two perceptrons answer from the last state and the query: the
log-odds of each bin's hazard, and the two raw scores of money.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from holdfast.arrays import Integers

Numbers32 = npt.NDArray[np.float32]
"""Any shape, single precision."""
UNITS = 48
"""Of the state."""
HIDDEN = 64
"""Of each of the two layers of a head."""
HEADS = ("hazards", "money")
_LAYERS = (0, 2, 4)
_TOKENS_AT_ONCE = 65_536


def layers_of(n_token: int, n_query: int, outputs: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """The name and shape of every weight, as PyTorch names them."""
    gates = 3 * UNITS
    shapes: dict[str, tuple[int, ...]] = {
        "embed.weight": (UNITS, n_token), "embed.bias": (UNITS,),
        "gru.weight_ih_l0": (gates, UNITS), "gru.weight_hh_l0": (gates, UNITS),
        "gru.bias_ih_l0": (gates,), "gru.bias_hh_l0": (gates,),
    }  # fmt: skip
    for head, n_out in outputs.items():
        widths = (UNITS + n_query, HIDDEN, HIDDEN, n_out)
        for layer, wide, narrow in zip(_LAYERS, widths, widths[1:], strict=False):
            shapes[f"{head}.{layer}.weight"] = (narrow, wide)
            shapes[f"{head}.{layer}.bias"] = (narrow,)
    return shapes


@dataclass(frozen=True)
class Network:
    """The weights by name; see `layers_of`."""

    FILE: ClassVar[str] = "sequence.safetensors"
    weights: Mapping[str, Numbers32]

    def parts(self) -> dict[str, bytes]:
        """The weights as a file of the format safetensors."""
        from safetensors.numpy import save

        return {self.FILE: save(dict(self.weights))}

    @classmethod
    def from_parts(cls, parts: Mapping[str, bytes]) -> "Network":
        """Rebuild what `parts` gave."""
        from safetensors.numpy import load

        return cls(load(parts[cls.FILE]))

    def has(self, head: str) -> bool:
        """Whether it was trained to answer that."""
        return f"{head}.0.weight" in self.weights

    def read(self, tokens: Numbers32, start: Integers) -> Numbers32:
        """The state after each customer's last day, (n_customers, UNITS); 0 without a day.

        Parameters
        ----------
        tokens
            (n_days, n_token), one customer after the other.
        start
            Position of each customer's first day, and the number of all: (n_customers + 1,).
        """
        with _one_thread():
            return self._read(tokens, start)

    def _read(self, tokens: Numbers32, start: Integers) -> Numbers32:
        lengths = np.diff(start)
        if len(lengths) == 1:
            return self._read_one(tokens)
        order = np.argsort(-lengths, kind="stable")
        states = np.zeros((len(lengths), UNITS), dtype=tokens.dtype)
        chunk = np.cumsum(lengths[order]) // _TOKENS_AT_ONCE
        for rows in np.split(order, np.flatnonzero(np.diff(chunk)) + 1):
            states[rows] = self._read_sorted(tokens, start[rows], lengths[rows])
        return states

    def _read_one(self, tokens: Numbers32) -> Numbers32:
        """The same of one customer, whose days are multiplied at once."""
        state = np.zeros((1, UNITS), dtype=tokens.dtype)
        for gates in self._gates(tokens)[:, None]:
            state = self._advance(gates, state)[0]
        return state

    def _read_sorted(self, tokens: Numbers32, first: Integers, lengths: Integers) -> Numbers32:
        """The same of customers sorted by their number of days, most first."""
        state = np.zeros((len(first), UNITS), dtype=tokens.dtype)
        alive = np.searchsorted(-lengths, -np.arange(lengths.max(initial=0)), side="left")
        for step, n in enumerate(alive):
            gates = self._gates(tokens[first[:n] + step])
            state[:n] = self._advance(gates, state[:n])[0]
        return state

    def _gates(self, tokens: Numbers32) -> Numbers32:
        """What days bring to the gates, (n, 3 * UNITS)."""
        w = self.weights
        embedded = np.maximum(tokens @ w["embed.weight"].T + w["embed.bias"], 0)
        return np.asarray(embedded @ w["gru.weight_ih_l0"].T + w["gru.bias_ih_l0"])

    def _advance(self, gates: Numbers32, state: Numbers32) -> tuple[Numbers32, ...]:
        """The next state, and reset, update, new and what of the state the new one reads."""
        w = self.weights
        recurrent = state @ w["gru.weight_hh_l0"].T + w["gru.bias_hh_l0"]
        both = _logistic(gates[:, : 2 * UNITS] + recurrent[:, : 2 * UNITS])
        reset, update, old = both[:, :UNITS], both[:, UNITS:], recurrent[:, 2 * UNITS :]
        new = np.tanh(gates[:, 2 * UNITS :] + reset * old)
        return new + update * (state - new), reset, update, new, old

    def answer(self, head: str, states: Numbers32, queries: Numbers32) -> Numbers32:
        """The outputs of a head, (n_queries, n_outputs)."""
        with _one_thread():
            return self._answer(head, np.concatenate([states, queries], axis=1))[-1]

    def predict(
        self, head: str, tokens: Numbers32, start: Integers, queries: Numbers32
    ) -> Numbers32:
        """What `answer` says of customers who are `read`, (n_customers, n_outputs)."""
        with _one_thread():
            return self._answer(head, np.concatenate([self._read(tokens, start), queries], axis=1))[
                -1
            ]

    def _answer(self, head: str, inputs: Numbers32) -> list[Numbers32]:
        """The outputs of each layer of a head."""
        layers = [inputs]
        for layer in _LAYERS:
            weight, bias = (self.weights[f"{head}.{layer}.{kind}"] for kind in ("weight", "bias"))
            out = layers[-1] @ weight.T + bias
            layers.append(out if layer == _LAYERS[-1] else np.maximum(out, 0))
        return layers

    def gradients(
        self, tokens: Numbers32, queries: Numbers32, of_output: Numbers32
    ) -> tuple[Numbers32, Numbers32]:
        """How a sum of the hazards' log-odds changes with each token and query.

        Parameters
        ----------
        tokens, queries
            Of customers who all have as many days: (n, n_days, n_token), (n, n_query).
        of_output
            The derivative of the sum by each log-odds, (n, n_bins).

        Returns
        -------
        tuple
            Shapes of `tokens` and of `queries`.
        """
        with _one_thread():
            return self._gradients(tokens, queries, of_output)

    def _gradients(
        self, tokens: Numbers32, queries: Numbers32, of_output: Numbers32
    ) -> tuple[Numbers32, Numbers32]:
        steps: list[tuple[Numbers32, ...]] = []
        state = np.zeros((len(tokens), UNITS), dtype=tokens.dtype)
        for step in range(tokens.shape[1]):
            state_before = state
            state, *parts = self._advance(self._gates(tokens[:, step]), state)
            steps.append((state_before, *parts))
        back = self._back_through_head(np.concatenate([state, queries], axis=1), of_output)
        of_state, of_tokens = back[:, :UNITS], np.empty_like(tokens)
        for step in reversed(range(tokens.shape[1])):
            of_gates, of_state = self._back_one_day(steps[step], of_state)
            of_tokens[:, step] = self._back_through_embedding(tokens[:, step], of_gates)
        return of_tokens, np.asarray(back[:, UNITS:])

    def _back_through_head(self, inputs: Numbers32, of_output: Numbers32) -> Numbers32:
        layers = self._answer("hazards", inputs)
        back = of_output
        for layer, below in reversed(list(zip(_LAYERS, layers, strict=False))):
            back = back @ self.weights[f"hazards.{layer}.weight"]
            back = back if layer == _LAYERS[0] else back * (below > 0)
        return back

    def _back_one_day(
        self, parts: tuple[Numbers32, ...], of_state: Numbers32
    ) -> tuple[Numbers32, Numbers32]:
        """The derivatives by a day's gates and by the state before it."""
        before, reset, update, new, old = parts
        of_new = of_state * (1 - update) * (1 - new * new)
        of_update = of_state * (before - new) * update * (1 - update)
        of_reset = of_new * old * reset * (1 - reset)
        of_gates = np.concatenate([of_reset, of_update, of_new], axis=1)
        of_recurrent = np.concatenate([of_reset, of_update, of_new * reset], axis=1)
        of_before = of_state * update + of_recurrent @ self.weights["gru.weight_hh_l0"]
        return np.asarray(of_gates), np.asarray(of_before)

    def _back_through_embedding(self, tokens: Numbers32, of_gates: Numbers32) -> Numbers32:
        w = self.weights
        embedded = tokens @ w["embed.weight"].T + w["embed.bias"]
        of_embedded = (of_gates @ w["gru.weight_ih_l0"]) * (embedded > 0)
        return np.asarray(of_embedded @ w["embed.weight"])


def _one_thread() -> AbstractContextManager[object]:
    """Multiply on one thread: two wait for each other most of the time on matrices this small, and
    cost four to eight times the processor.
    """
    limits: AbstractContextManager[object] = _blas().limit(limits=1, user_api="blas")
    return limits


@cache
def _blas() -> Any:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

    return ThreadpoolController()


def _logistic(raw: Numbers32) -> Numbers32:
    return np.asarray((1 + np.tanh(raw / 2)) / 2)
