import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from holdfast.models.sequence.network import Network, layers_of


@pytest.fixture
def network():
    rng = np.random.default_rng(2)
    shapes = layers_of(5, 4, {"hazards": 3})
    return Network({n: rng.normal(0, 0.3, s).astype(np.float32) for n, s in shapes.items()})


@pytest.fixture
def tokens():
    return np.random.default_rng(4).normal(0, 1, (12, 5)).astype(np.float32)


def test_customers_read_together_have_the_state_of_each_read_alone(network, tokens):
    start = np.array([0, 4, 4, 5, 12])
    together = network.read(tokens, start)
    for customer in range(4):
        days = tokens[start[customer] : start[customer + 1]]
        alone = network.read(days, np.array([0, len(days)]))
        assert together[customer] == pytest.approx(alone[0], abs=1e-6)
    assert not together[1].any()


def test_the_state_depends_on_the_order_of_days(network, tokens):
    start = np.array([0, 12])
    assert not np.allclose(network.read(tokens, start), network.read(tokens[::-1], start))


def test_gradients_are_those_of_small_steps(network, tokens):
    exact = Network({name: value.astype(np.float64) for name, value in network.weights.items()})
    days, query = tokens[:6].astype(np.float64)[None], np.ones((1, 4))
    weight, step = np.array([[1.0, -2.0, 0.5]]), 1e-5

    def value(moved, asked):
        states = exact.read(moved[0], np.array([0, 6]))
        return float((exact.answer("hazards", states, asked) * weight).sum())

    of_days, of_query = exact.gradients(days, query, weight)
    for day, column in ((0, 1), (3, 2), (5, 3)):
        moved = np.zeros_like(days)
        moved[0, day, column] = step
        slope = (value(days + moved, query) - value(days - moved, query)) / (2 * step)
        assert of_days[0, day, column] == pytest.approx(slope, abs=1e-5)
    moved = step * np.eye(4)[1:2]
    slope = (value(days, query + moved) - value(days, query - moved)) / (2 * step)
    assert of_query[0, 1] == pytest.approx(slope, abs=1e-5)


def test_the_network_is_saved_as_safetensors_and_rebuilt(network, tokens):
    pytest.importorskip("safetensors", reason="safetensors is not installed")
    parts = network.parts()
    assert list(parts) == ["sequence.safetensors"]
    again = Network.from_parts(parts)
    start = np.array([0, 12])
    assert (again.read(tokens, start) == network.read(tokens, start)).all()
    assert again.parts() == parts


def test_states_are_those_of_pytorch(network, tokens):
    torch = pytest.importorskip("torch", reason="PyTorch (the extra 'sequence') is not installed")
    weights = {name: torch.from_numpy(value) for name, value in network.weights.items()}
    gru = torch.nn.GRU(48, 48)
    gru.load_state_dict({k.removeprefix("gru."): v for k, v in weights.items() if "gru" in k})
    with torch.no_grad():
        days = torch.from_numpy(tokens) @ weights["embed.weight"].T + weights["embed.bias"]
        expected = gru(torch.relu(days))[0][-1].numpy()
    assert network.read(tokens, np.array([0, 12]))[0] == pytest.approx(expected, abs=1e-5)


def test_one_thread_multiplies_while_the_network_reads_and_as_many_as_before_afterwards(
    network, tokens, monkeypatch
):
    threads = []

    def count(self, days):
        threads.append({each["num_threads"] for each in threadpool_info()})
        return original(self, days)

    original = Network._gates
    monkeypatch.setattr(Network, "_gates", count)
    with threadpool_limits(2, "blas"):
        before = threadpool_info()
        network.read(tokens, np.array([0, 12]))
        assert threadpool_info() == before
    assert all(1 in each for each in threads)
    assert threads
