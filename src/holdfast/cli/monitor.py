"""`holdfast monitor`: whether the published run still holds."""

from holdfast.cli import output
from holdfast.cli.output import Config, Json, RunOption


def monitor(
    run: RunOption = "champion", config: Config = "holdfast.toml", json: Json = False
) -> None:
    """Show what a run found of drift, how good its predictions are to be before the outcomes are
    known, what came of earlier ones, and how it stands beside the run published before it.
    """
    from holdfast.report import monitor_tables
    from holdfast.runs.monitoring import read_monitoring

    published = output.registry_of(config).open(run)
    seen = read_monitoring(published)
    if json:
        output.print_json(seen.as_dict())
        return
    out = output.console()
    out.print(monitor_tables.describe_monitoring(seen.drift, seen.realised), markup=False)
    out.print()
    for table in (
        monitor_tables.realised_performance(seen.realised),
        monitor_tables.expected_performance(seen.expected),
        monitor_tables.drift(seen.drift),
        monitor_tables.contests(published.summary),
    ):
        output.print_table(out, table, width=140)
    for sentence in monitor_tables.explain_no_contest(published.summary):
        out.print(sentence, markup=False)
    output.print_findings(out, seen.findings)
