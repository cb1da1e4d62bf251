"""Mutants: a project whose manifests, files, serving copy or lists were damaged or forged, each
judged in a process that may die of it.

`python -m bench._mutants PRISTINE FIRST LAST SEED` judges some of them; one line before each, one
after.
"""

import hashlib
import json
import os
import random
import selectors
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench._figures import Figure, at_least, at_most

SECONDS = 120
"""A mutant that takes longer hangs: the slowest honest one takes a few."""
KEYS = b'[{"key_id": "ours"}]'
_HOSTILE = (
    "../keys.json", "tables/../../../keys.json", "a/../../../keys.json", "/tmp/holdfast-mutant",
    "tables\\x.parquet", "tables/a\0.parquet", "tables//a", "", ".", "keys.json", "models/../x",
    "tables/" + "a" * 5000, "scores.arrow/x", "link/keys.json",
)  # fmt: skip
_GARBAGE = (
    b"", b"{", b"{}", b"[]", b"null", b"0", b'"x"', b"\xff\xfe\x00", b"[" * 100_000, b"NaN",
    b'{"run_id": 1}', b'{"files": {}}', b"\x00" * 100,
)  # fmt: skip
_WRONG = (None, True, -1, 1.5, "yesterday", [], {}, "9" * 400, 10**30, "\ud83d")
Mutation = Callable[[random.Random, Path], str]


def mutant_figures(*, count: int, seed: int, verbose: bool) -> Iterator[Figure]:
    """Damage a small project in `count` ways, and look what is served of it."""
    with TemporaryDirectory(prefix="mutants-") as folder:
        pristine = make_project(Path(folder) / "pristine")
        verdicts = Counter(_judge_all(pristine, count, seed, verbose=verbose))
    for name in ("refused", "same"):
        yield Figure(f"mutants: {name}", verdicts[name])
    yield at_least("mutants judged", sum(verdicts.values()), count)
    for name in ("altered", "abort", "hang", "uncaught", "escaped"):
        yield at_most(f"mutants: {name}", verdicts[name], 0)


def make_project(folder: Path) -> Path:
    """Make a small shop with two runs, a champion, and a server's copy of it."""
    from holdfast.api.store import Store
    from holdfast.runs.run import run
    from holdfast.setup.simulate import simulate_to
    from holdfast.storage.runs import Registry
    from holdfast.study import Study
    from holdfast.synthetic import Shop

    made = simulate_to(folder, Shop(n_customers=200, seed=7))
    run(Study.from_toml(made.study, overrides={"backtest.count": "1"}))
    registry = Registry(folder / "runs")
    first = registry.open()
    for number in (1, 2):
        publish_again(registry, first.run_id, f"2026010{number}T000000Z-0000000{number}")
        registry.promote("latest")
    registry.remove([first.run_id])
    (folder / "keys.json").write_bytes(KEYS)
    Store(folder / "runs").refresh()
    return folder


def publish_again(registry: Any, run_id: str, name: str) -> None:
    """Publish a run once more, without its papers."""
    run = registry.open(run_id)
    facts = {key: value for key, value in run.manifest.items() if key not in ("run_id", "files")}
    with registry.staging() as staging:
        papers = shutil.ignore_patterns("charts", "report.html", "manifest.json")
        shutil.copytree(run.path, staging / "run", ignore=papers)
        registry.publish(staging / "run", run_id=name, facts=facts)


def _judge_all(pristine: Path, count: int, seed: int, *, verbose: bool) -> Iterator[str]:
    number = 0
    while number < count:
        command = [sys.executable, "-m", "bench._mutants", str(pristine), str(number), str(count)]
        with subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True) as child:
            for line in _lines(child):
                verdict, what = line.split("\t")
                if verdict == "begin":
                    begun = what
                    continue
                if verbose and verdict not in ("refused", "same"):
                    print(f"mutant {number}: {verdict} {what}", flush=True)
                if verbose and number % 100 == 99:
                    print(f"{number + 1} mutants", flush=True)
                number += 1
                yield verdict
            ended = child.poll()
            child.kill()
        if number < count:
            verdict = "hang" if ended is None else "abort"
            if verbose:
                print(f"mutant {number}: {verdict} {begun} (exit {child.returncode})", flush=True)
            number += 1
            yield verdict


def _lines(child: "subprocess.Popen[str]") -> Iterator[str]:
    """Lines of a process, until it ends or says nothing for too long."""
    assert child.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while selector.select(SECONDS):
            line = child.stdout.readline()
            if not line:
                child.wait()
                return
            yield line.rstrip("\n")


def _main() -> None:
    pristine, first, last, seed = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    with TemporaryDirectory(prefix="mutant-") as folder:
        project = Path(folder) / "shop"
        expected = _read_all(shutil.copytree(pristine, project, symlinks=True))
        for number in range(first, last):
            shutil.rmtree(project)
            shutil.copytree(pristine, project, symlinks=True)
            rng = random.Random(seed * 1_000_003 + number)
            what = rng.choices(MUTATIONS, WEIGHTS)[0](rng, project / "runs")
            print(f"begin\t{what!a:.200}", flush=True)
            verdict, more = _judge(project, expected)
            print(f"{verdict}\t{what!a:.200} {more!a:.200}", flush=True)


def _judge(project: Path, expected: dict[str, str]) -> tuple[str, str]:
    from holdfast.errors import HoldfastError

    verdict, more = "same", ""
    for step in STEPS:
        try:
            seen = step(project / "runs")
        except HoldfastError as error:
            verdict, more = "refused", error.problem
            continue
        except Exception as error:
            return "uncaught", f"{step.__name__}: {type(error).__name__}: {error}"
        for name, digest in seen.items():
            if expected[name] != digest:
                return "altered", name
    if (project / "keys.json").read_bytes() != KEYS or Path("/tmp/holdfast-mutant").exists():
        return "escaped", "keys.json"
    return verdict, more


def _read_all(project: Path) -> dict[str, str]:
    return {name: value for step in STEPS for name, value in step(project / "runs").items()}


def _served(runs: Path) -> dict[str, str]:
    """What a server would answer that starts now."""
    from holdfast.api.store import Store
    from holdfast.errors import DamagedRun

    store = Store(runs)
    store.refresh()
    store.inspect()
    served = store.current
    if served is None:
        raise DamagedRun(store.trouble)
    served.probe()
    tables = {name: served.table(name) for name in ("segments", "reasons", "horizons", "features")}
    answers = [served.answers.answer_json(row) for row in served.frame.to_dicts()]
    scored = served.scorer.score(tables["features"].row(0, named=True))
    seen = [
        served.stamp,
        answers,
        scored,
        *(table.to_dict(as_series=False) for table in tables.values()),
    ]
    return {f"served {served.run_id}": _digest(seen)}


def _opened(runs: Path) -> dict[str, str]:
    """What the command line and the dashboard read of each run."""
    from holdfast.errors import HoldfastError
    from holdfast.storage.runs import Registry

    registry, seen = Registry(runs), {}
    refused: HoldfastError | None = None
    for name in ("champion", "latest", *registry.run_ids()):
        try:
            run = registry.open(name)
            read = [run.summary, run.scores.to_dicts(), run.reasons.to_dicts(), run.parts("models")]
            seen[f"opened {run.run_id}"] = _digest([{**run.manifest}, *read])
        except HoldfastError as error:
            refused = error
    if refused is not None and not seen:
        raise refused
    return seen


def _promoted(runs: Path) -> dict[str, str]:
    """Promote and go back; the lists must be as they can be."""
    from holdfast.errors import HoldfastError
    from holdfast.storage.runs import Registry
    from holdfast.storage.serving_copy import keep

    registry = Registry(runs)
    for run_id in registry.run_ids():
        try:
            registry.promote(run_id)
            keep(registry.open())
            registry.rollback()
        except HoldfastError:
            continue
    return {}


STEPS = (_served, _opened, _promoted)


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(value).encode("utf-8", "backslashreplace")).hexdigest()


def mutate_manifest(rng: random.Random, runs: Path) -> str:
    """Damage or forge a manifest, of a run that the lists vouch for."""
    path = rng.choice(_runs(runs)) / "manifest.json"
    if rng.random() < 0.5:
        return _damage(rng, path)
    return _forge(rng, path)


def forge_foreign_manifest(rng: random.Random, runs: Path) -> str:
    """Forge the manifest of a run that nothing vouches for: one brought from elsewhere."""
    run = rng.choice(_runs(runs))
    (runs / "published").unlink()
    (runs / "champion").write_text(f"{run.name}\n", encoding="utf-8")
    shutil.rmtree(runs / ".serving")
    (run / "a").symlink_to(".")
    (run / "link").symlink_to("../..")
    path = run / "manifest.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    name = rng.choice(_HOSTILE)
    content = b"[]"
    facts = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    manifest["files"][name] = facts
    path.write_text(json.dumps(manifest), encoding="utf-8")
    # Where it leads is there, if it can be, so that only the name gives it away.
    with suppress(OSError, ValueError):
        target = run / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as file:
            file.write(content)
    return f"foreign manifest names {name}"


def _forge(rng: random.Random, path: Path) -> str:
    manifest = json.loads(path.read_text(encoding="utf-8"))
    name = rng.choice(list(manifest["files"]))
    kind = rng.randrange(5)
    if kind == 0:
        key = rng.choice(list(manifest))
        del manifest[key]
        what = f"without {key}"
    elif kind == 1:
        key = rng.choice(list(manifest))
        manifest[key] = rng.choice(_WRONG)
        what = f"{key} = {manifest[key]!r}"
    elif kind == 2:
        manifest["files"][name][rng.choice(("bytes", "sha256"))] = rng.choice(_WRONG)
        what = f"facts of {name}"
    elif kind == 3:
        hostile = rng.choice(_HOSTILE)
        manifest["files"][hostile] = manifest["files"].pop(name)
        what = f"{name} called {hostile}"
    else:
        _flip(rng, path.parent / name)
        content = (path.parent / name).read_bytes()
        manifest["files"][name]["sha256"] = hashlib.sha256(content).hexdigest()
        what = f"{name} altered and sealed again"
    path.write_text(json.dumps(manifest, indent=1), encoding="utf-8", errors="replace")
    return f"manifest: {what}"


def mutate_file(rng: random.Random, runs: Path) -> str:
    """Damage a file of a run."""
    return _damage(rng, rng.choice(_files(rng.choice(_runs(runs)))))


def mutate_copy(rng: random.Random, runs: Path) -> str:
    """Damage a file of the server's copy; now and then the run itself is gone, too."""
    (copy,) = _runs(runs / ".serving")
    what = _damage(rng, rng.choice(_files(copy)))
    if rng.random() < 0.3:
        shutil.rmtree(runs / copy.name)
        what += ", and the run is gone"
    return f"copy: {what}"


def mutate_lists(rng: random.Random, runs: Path) -> str:
    """Damage the pointer, or the list of what was published."""
    return _damage(rng, runs / rng.choice(("champion", "champion", "published")))


def _runs(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.startswith("2026"))


def _files(run: Path) -> list[Path]:
    return sorted(path for path in run.rglob("*") if path.is_file())


def _damage(rng: random.Random, path: Path) -> str:
    kind = rng.choice(list(DAMAGES))
    DAMAGES[kind](rng, path)
    return f"{path.name}: {kind}"


def _flip(rng: random.Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _truncate(rng: random.Random, path: Path) -> None:
    os.truncate(path, rng.randrange(path.stat().st_size))


def _append(rng: random.Random, path: Path) -> None:
    with path.open("ab") as file:
        file.write(rng.randbytes(rng.choice((1, 8, 4096))))


def _link(rng: random.Random, path: Path) -> None:
    twin = path.with_name(f"{path.name}.twin")
    path.rename(twin)
    path.symlink_to(rng.choice((twin, Path("/dev/zero"), Path("/etc/passwd"), Path("nowhere"))))


def _pipe(_: random.Random, path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(_: random.Random, path: Path) -> None:
    path.unlink()
    path.mkdir()


def _huge(_: random.Random, path: Path) -> None:
    os.truncate(path, 2**42)


def _zero(_: random.Random, path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


DAMAGES: dict[str, Callable[[random.Random, Path], object]] = {
    "a bit": _flip,
    "another bit": _flip,
    "a third bit": _flip,
    "cut": _truncate,
    "longer": _append,
    "gone": lambda _, path: path.unlink(),
    "garbage": lambda rng, path: path.write_bytes(rng.choice(_GARBAGE)),
    "zeros": _zero,
    "a link": _link,
    "a pipe": _pipe,
    "a folder": _folder,
    "without end": _huge,
}
MUTATIONS: tuple[Mutation, ...] = (
    mutate_manifest, mutate_file, mutate_copy, mutate_lists, forge_foreign_manifest,
)  # fmt: skip
WEIGHTS = (30, 25, 20, 15, 10)


if __name__ == "__main__":
    _main()
