"""Where customers come from, and what winning one there costs."""

from typing import Annotated

from pydantic import Field

from holdfast.study.sections import Section


class Acquisition(Section):
    """By which channel a customer was won, and at what cost."""

    channel: str
    """One of `customers.attributes`. Of several rows of a customer the first known counts."""
    cost: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = {}
    """Channel -> cost per customer won, in the currency. A channel without one has its value shown,
    and no payback."""
