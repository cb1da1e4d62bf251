"""What an engine would do: how sources are cut, and how a run is started on a cluster."""

from dataclasses import dataclass
from typing import Literal

from holdfast.engine.bucket_log import plan_reading
from holdfast.engine.buckets import BucketFolder
from holdfast.engine.kept_rows import Ledger
from holdfast.engine.limits import refuse_what_needs_one_warehouse
from holdfast.engine.run import open_engine
from holdfast.ingest.reader import SourceReader
from holdfast.io.warehouse import Warehouse
from holdfast.study import Study

Platform = Literal["spark-submit", "databricks", "emr", "dataproc"]


@dataclass(frozen=True)
class SourcePlan:
    """How a source is read: its files, bytes, splits (tasks that read at once) and shuffles."""

    source: str
    files: int
    size: int
    splits: int
    shuffles: int


def plan_sources(study: Study) -> tuple[int, list[SourcePlan]]:
    """Cut the sources of a study as a run would; no row is read.

    Returns
    -------
    tuple
        How many buckets there are; each source.

    Raises
    ------
    StudyError, DataError
        The study asks for what is not done in buckets, or a source cannot be opened.
    """
    refuse_what_needs_one_warehouse(study)
    with Warehouse.temporary() as warehouse:
        reader = SourceReader.of(study, warehouse)
        engine = open_engine(study, warehouse.scratch)
        reading = plan_reading(study, reader, BucketFolder(warehouse.scratch), engine, Ledger())
    plans = [
        SourcePlan(
            source.name,
            len(source.files),
            sum(file.path.stat().st_size for file in source.files),
            len(source.splits),
            2 if source.mapping.identified else 1,
        )
        for source in reading.sources
    ]
    return reading.n_buckets, plans


def submit_command(platform: Platform, config: str) -> str:
    """The command that starts a run on a cluster; nothing is sent."""
    script = "holdfast_run.py"
    run = f"run -c {config} --engine spark"
    commands = {
        "spark-submit": f"spark-submit --conf spark.pyspark.python=$(which python) {script} {run}",
        "databricks": (
            "databricks jobs submit --json '"
            '{"run_name": "holdfast", "tasks": [{"task_key": "run", "spark_python_task": '
            f'{{"python_file": "{script}", "parameters": {_json_list(run)}}}, '
            '"libraries": [{"pypi": {"package": "holdfast-clv[spark]"}}]}]}'
            "'"
        ),
        "emr": (
            "aws emr-serverless start-job-run --application-id $APPLICATION --execution-role-arn "
            f'$ROLE --job-driver \'{{"sparkSubmit": {{"entryPoint": "{script}", '
            f'"entryPointArguments": {_json_list(run)}}}}}\''
        ),
        "dataproc": (
            f"gcloud dataproc batches submit pyspark {script} --region $REGION "
            f"--container-image $IMAGE -- {run}"
        ),
    }
    return commands[platform]


SCRIPT = """from holdfast.cli import main

main()
"""
"""What `holdfast_run.py` holds: every platform starts a Python file."""


def _json_list(arguments: str) -> str:
    return "[" + ", ".join(f'"{each}"' for each in arguments.split()) + "]"
