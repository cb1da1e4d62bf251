"""`holdfast churn-window`: what is churn in this log?"""

from typing import TYPE_CHECKING

from holdfast.cli import output
from holdfast.cli.output import Config, Json, Set

if TYPE_CHECKING:
    from rich.console import Console

    from holdfast.quality.churn_definition.window import ChurnWindow

_BAR = 40


def churn_window(
    config: Config = "holdfast.toml", overrides: Set = None, json: Json = False
) -> None:
    """Find from the order log alone after which silence a customer is lost."""
    from holdfast.cli.progress_display import progress
    from holdfast.quality.churn_window import churn_window as find_window

    study = output.study_from(config, overrides)
    with progress(silent=json) as listener:
        window = find_window(study, listener=listener)
    if json:
        output.print_json(window.as_dict())
    else:
        print_churn_window(output.console(), window)


def print_churn_window(out: "Console", window: "ChurnWindow") -> None:
    """Print what the log says, the window first."""
    from holdfast.report.data_tables import churn_window_tables
    from holdfast.report.summary import churn

    values = window.as_dict()
    out.print(f"\n{churn(values)}\n")
    out.print(_draw(window))
    for table in churn_window_tables(values).values():
        output.print_table(out, table)
    output.print_findings(out, values["findings"])


def _draw(window: "ChurnWindow") -> str:
    """The chance of a return, a bar for every 30 silent days."""
    rows = window.curve.gather_every(30).head(20)
    bars = rows.select("silence_days", "return_probability").iter_rows()
    lines = (f"{days:>4}  {'█' * round(_BAR * chance)} {chance:.0%}\n" for days, chance in bars)
    title = f"Silent days, and the chance of a return within {window.horizon_days} more\n"
    return title + "".join(lines)
