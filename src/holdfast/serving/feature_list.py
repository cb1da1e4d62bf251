"""Feature list: every column that a run's models may be given, what it means and how much it
counts.
"""

from collections import defaultdict
from typing import Any

import polars as pl

from holdfast.features.catalogue import FEATURES_BY_NAME
from holdfast.serving.load import read_table
from holdfast.serving.scorer import Scorer
from holdfast.tables import json_rows


def list_features(scorer: Scorer) -> list[dict[str, Any]]:
    """List the columns of a run: of an order log the features made of it, of a snapshot its own.

    Returns
    -------
    list of dict
        name, group, unit, sentence, kind, needed (by the models) and importance by task, 0..1.
    """
    importance: dict[str, dict[str, float]] = defaultdict(dict)
    for row in json_rows(read_table(scorer.run, "importance")):
        importance[row["feature"]][row["task"]] = row["relative"]
    return [
        {**_describe(scorer, name), "importance": importance.get(name, {})}
        for name in dict.fromkeys([*scorer.kinds, *scorer.formulas])
    ]


def _describe(scorer: Scorer, name: str) -> dict[str, Any]:
    """The study's own formulas have no type here: they give numbers, and need not be given."""
    dtype = scorer.kinds.get(name)
    kind = "word" if dtype == pl.String else "yes or no" if dtype == pl.Boolean else "number"
    more = {"kind": kind, "needed": name in scorer.needed}
    feature = None if scorer.study.snapshot else FEATURES_BY_NAME.get(name)
    if feature is not None:
        return {key: getattr(feature, key) for key in ("name", "group", "unit", "sentence")} | more
    sentence = f"'{name}' of the business's own data"
    if name in scorer.formulas:
        sentence = f"the study's formula '{name}'"
    elif not more["needed"]:
        sentence += ", which no model reads"
    return {"name": name, "group": "given", "unit": "as given", "sentence": sentence} | more
