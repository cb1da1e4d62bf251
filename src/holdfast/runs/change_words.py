"""How changes are put: parts and reasons of a customer's score or of many, and the sentence."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from holdfast.explain.changes import UNITS
from holdfast.explain.wording import Wording
from holdfast.report import formatting
from holdfast.report.change_tables import HEADINGS
from holdfast.runs.score_changes import CORRECTED
from holdfast.serving.load import load_study, load_wording
from holdfast.storage.runs import Run

PARTS = ("time", "behaviour", "model")
SUMS = [*PARTS, *(f"{part}_points" for part in PARTS)]
REASON = ["task", "part", "feature", "was", "now", "contribution", "points"]
CAUSES = {
    "time": "because time passed",
    "behaviour": "by what happened since",
    "model": "because the models were learnt anew",
}
_NOTHING_NEW = "because time passed and nothing new happened"
_OTHERS = {
    "time": "all else that time changes, together",
    "behaviour": "all else that happened, together",
}
_NAMED = 3
"""Reasons that a sentence names."""


@dataclass(frozen=True)
class ChangeWords:
    """How a run puts changes."""

    wording: Wording
    currency: str

    @classmethod
    def of(cls, run: Run) -> "ChangeWords":
        """The words of a published run."""
        return cls(load_wording(run), load_study(run).currency)

    def group(self, sums: pl.DataFrame, reasons: pl.DataFrame) -> dict[str, Any]:
        """customers and tasks of the segments that the sums are of."""
        by_task = sums.group_by("task", maintain_order=True)
        totals = by_task.agg(pl.col("before", "after", *SUMS, "customers").sum()).sort("task")
        tasks = []
        for row in totals.to_dicts():
            n = row.pop("customers") if row["task"] == "churn" else 1
            row.pop("customers", None)
            mean = {k: v if k == "task" else v / n for k, v in row.items()}
            facts = self._facts(reasons.filter(task=row["task"]))
            each = pl.col("contribution", "points") / n
            tasks.append(self.task(mean, facts.with_columns(each)))
        return {"customers": max(totals["customers"], default=0), "tasks": tasks}

    def _facts(self, reasons: pl.DataFrame) -> pl.DataFrame:
        """Features of one fact as one reason, named by the strongest; the strongest facts first."""
        summed = reasons.group_by(REASON[:5], maintain_order=True).agg(
            pl.col("contribution", "points").sum()
        )
        facts = [self.wording.fact(name) for name in summed["feature"]]
        size = pl.col("contribution").abs()
        by_fact = (
            summed.with_columns(fact=pl.Series(facts, dtype=pl.String))
            .sort(size, descending=True)
            .group_by("task", "part", "fact", maintain_order=True)
        )
        first = pl.col("feature", "was", "now").first()
        totals = by_fact.agg(first, pl.col("contribution", "points").sum())
        ordered = totals.sort(pl.col("feature") == "", -size, maintain_order=True)
        return ordered.filter(pl.col("contribution") != 0).drop("fact")

    def task(self, row: Mapping[str, Any], reasons: pl.DataFrame) -> dict[str, Any]:
        """One task's change, its parts and its sentence."""
        causes = CAUSES if row["behaviour"] else {**CAUSES, "time": _NOTHING_NEW}
        parts = [
            {
                "part": part,
                "cause": causes[part],
                "contribution": row[part],
                "points": row[f"{part}_points"],
                "reasons": [self._reason(each) for each in reasons.filter(part=part).to_dicts()],
            }
            for part in PARTS
        ]
        change = {
            "task": row["task"],
            "unit": UNITS[row["task"]],
            "before": row["before"],
            "after": row["after"],
            "change": sum(row[part] for part in PARTS),
            "parts": parts,
        }
        return {**change, "sentence": self._sentence(change)}

    def _reason(self, row: Mapping[str, Any]) -> dict[str, Any]:
        name = row["feature"]
        title = _OTHERS[row["part"]] if not name else self._title(name)
        values = f": {row['now']}, {row['was']} before" if row["now"] or row["was"] else ""
        kept = {key: row[key] for key in ("feature", "was", "now", "contribution", "points")}
        return {**kept, "sentence": f"{title}{values}"}

    def _title(self, name: str) -> str:
        title = self.wording.title(name)
        return title if name == CORRECTED else f"{title[:1].lower()}{title[1:]}"

    def _sentence(self, change: Mapping[str, Any]) -> str:
        """As in "Churn probability up from 41% to 63%: +8.1 points because time passed (...)"."""
        write = self._money if change["task"] == "value" else formatting.percent
        was, now = write(change["before"]), write(change["after"])
        if was == now:
            head = f"{HEADINGS[change['task']]} unchanged at {now}"
        else:
            way = "up" if change["after"] > change["before"] else "down"
            head = f"{HEADINGS[change['task']]} {way} from {was} to {now}"
        added = [(self._write_part(change["task"], part), part) for part in change["parts"]]
        # What rounds to nothing is told in the table only.
        parts = [
            f"{text} {part['cause']}{_strongest_reasons(part)}"
            for text, part in added
            if any(digit in text for digit in "123456789")
        ]
        return f"{head}: {', '.join(parts)}." if parts else f"{head}."

    def _money(self, amount: float | None) -> str:
        return formatting.money(amount, self.currency)

    def _write_part(self, task: str, part: Mapping[str, Any]) -> str:
        points = part["points"]
        sign = "+" if points >= 0 else formatting.MINUS
        if task == "value":
            return f"{sign}{self._money(abs(points))}"
        return f"{sign}{formatting.decimal(abs(100 * points), 1)} points"


def _strongest_reasons(part: Mapping[str, Any]) -> str:
    """The strongest reasons of a part that work in its direction, in brackets."""
    reasons = [
        each["sentence"]
        for each in part["reasons"]
        if each["feature"] and each["contribution"] * part["contribution"] > 0
    ][:_NAMED]
    return f" ({'; '.join(reasons)})" if reasons else ""
