"""`holdfast compare`: which algorithm predicts best?"""

from typing import Annotated

import typer

from holdfast.cli.backtest import print_evidence
from holdfast.cli.output import Config, Json, Set, study_from


def compare(
    config: Config = "holdfast.toml",
    task: Annotated[str | None, typer.Option(help="churn or value. [default: both]")] = None,
    overrides: Set = None,
    json: Json = False,
) -> None:
    """Benchmark six algorithms for each task on the same folds, with bootstrap intervals."""
    from holdfast.cli.progress_display import progress
    from holdfast.training.comparison import compare as compare_algorithms

    study = study_from(config, overrides)
    with progress(silent=json) as listener:
        evidence = compare_algorithms(study, task=task, listener=listener)
    print_evidence(evidence, study.currency, json=json)
