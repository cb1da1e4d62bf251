"""The network as PyTorch trains it: what `network` does in numpy, with gradients and dropout."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from holdfast.errors import MissingExtra
from holdfast.models.sequence.network import HEADS, UNITS, Numbers32

_DROPOUT = 0.1  # decision 99
_MEAN_STEP = 0.03


def import_torch() -> Any:
    """PyTorch.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        import torch
    except ImportError:
        raise MissingExtra("sequence", needed_for="training the algorithm 'sequence'") from None
    return torch


@contextmanager
def one_thread(torch: Any) -> Iterator[None]:
    """Let PyTorch use one thread: on small matrices, two wait for each other most of the time, and
    the order of their sums differs.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def torch_network(torch: Any, weights: dict[str, Numbers32]) -> Any:
    """The network as PyTorch trains it, with these weights."""
    nn = torch.nn
    n_token = weights["embed.weight"].shape[1]

    def head(name: str) -> Any:
        shapes = [weights[f"{name}.{layer}.weight"].shape for layer in (0, 2, 4)]
        first, second, last = (nn.Linear(wide, narrow) for narrow, wide in shapes)
        return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), last)

    module = nn.ModuleDict({"embed": nn.Linear(n_token, UNITS), "gru": nn.GRU(UNITS, UNITS)})
    module.update({name: head(name) for name in HEADS if f"{name}.0.weight" in weights})
    module.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    return module


def answer(torch: Any, module: Any, days: Any, place: Any, queries: Any) -> dict[str, Any]:
    """The outputs of each head at some queries.

    Parameters
    ----------
    days
        The days of each customer, packed.
    place
        Customer, and how many days later than the first the last one seen is: (n_queries,) each.
    queries
        (n_queries, n_query).
    """
    embedded = _drop(torch, module, torch.relu(module["embed"](days.data)))
    states = module["gru"](days._replace(data=embedded))[0]
    padded = torch.nn.utils.rnn.pad_packed_sequence(states, batch_first=True)[0]
    inputs = torch.cat([padded[place], queries], dim=1)
    return {name: _perceive(torch, module, name, inputs) for name in HEADS if name in module}


def _perceive(torch: Any, module: Any, name: str, inputs: Any) -> Any:
    for layer in module[name]:
        if isinstance(layer, torch.nn.Linear):
            inputs = _drop(torch, module, inputs)
        inputs = layer(inputs)
    return inputs


def _drop(torch: Any, module: Any, inputs: Any) -> Any:
    """In training a part of what enters a layer is left out."""
    return torch.nn.functional.dropout(inputs, _DROPOUT, module.training)


def follow(torch: Any, mean: Any, module: Any) -> None:
    """Move a running mean of weights towards the weights."""
    with torch.no_grad():
        for slow, fast in zip(mean.parameters(), module.parameters(), strict=True):
            slow.lerp_(fast, _MEAN_STEP)


def money_loss(torch: Any, raw: Any, ratio: Any, weight: Any) -> Any:
    """Tweedie deviance of power 1.5 (Jorgensen 1987) of the mean and pinball loss of the median."""
    half = torch.exp(torch.clamp(raw[:, 0], max=10) / 2)
    deviance = 2 * (ratio / half + half)
    median = torch.nn.functional.softplus(raw[:, 1])
    pinball = torch.abs(ratio - median)
    return ((deviance + pinball) * weight).sum() / len(ratio)
