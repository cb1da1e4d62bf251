"""What may be used is what the container allows, or else what the machine has left."""

from pathlib import Path

import pytest

from holdfast.io.memory import available_bytes

GB = 10**9


def write(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MACHINE = {"proc/meminfo": "MemTotal: 16000000 kB\nMemAvailable: 10000000 kB\n"}
V2 = {"proc/self/cgroup": "0::/shop/job\n"}
V1 = {"proc/self/cgroup": "9:name=systemd:/\n4:cpu,memory:/job\n"}


@pytest.mark.parametrize(
    ("files", "gigabytes"),
    [
        # 10,000,000 kB of 1024 bytes.
        (MACHINE, 10.24),
        (MACHINE | V2, 10.24),
        # The group's 4 GB less 3 GB used, of which 1 GB is a cache of files.
        (
            MACHINE
            | V2
            | {
                "sys/fs/cgroup/shop/job/memory.max": f"{4 * GB}\n",
                "sys/fs/cgroup/shop/job/memory.current": f"{3 * GB}\n",
                "sys/fs/cgroup/shop/job/memory.stat": f"anon 1\ninactive_file {GB}\n",
            },
            2,
        ),
        # A group above it has less left.
        (
            MACHINE
            | V2
            | {
                "sys/fs/cgroup/shop/job/memory.max": "max\n",
                "sys/fs/cgroup/shop/memory.max": f"{3 * GB}\n",
                "sys/fs/cgroup/shop/memory.current": f"{2 * GB}\n",
            },
            1,
        ),
        # In a container the own group is the root of what is mounted.
        (
            MACHINE
            | V2
            | {
                "sys/fs/cgroup/memory.max": f"{2 * GB}\n",
                "sys/fs/cgroup/memory.current": "500000000\n",
            },
            1.5,
        ),
        (
            MACHINE
            | V1
            | {
                "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{3 * GB}\n",
                "sys/fs/cgroup/memory/job/memory.usage_in_bytes": f"{GB}\n",
                "sys/fs/cgroup/memory/job/memory.stat": "total_inactive_file 500000000\n",
            },
            2.5,
        ),
        # No limit, as version 1 writes it.
        (
            MACHINE
            | V1
            | {
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
                "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{GB}\n",
            },
            10.24,
        ),
    ],
)
def test_the_least_of_what_is_left_counts(
    tmp_path: Path, files: dict[str, str], gigabytes: float
) -> None:
    assert available_bytes(write(tmp_path, files)) == round(gigabytes * GB)


def test_a_system_that_says_nothing_is_asked_for_its_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {"SC_PHYS_PAGES": 2_000_000, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr("os.sysconf", pages.__getitem__)
    assert available_bytes(tmp_path) == 4_096_000_000


def test_a_full_machine_is_given_the_least_that_anything_needs(tmp_path: Path) -> None:
    full = {"proc/meminfo": "MemAvailable: 1000 kB\n"}
    assert available_bytes(write(tmp_path, full)) == 256 << 20
