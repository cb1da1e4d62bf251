"""The pages, as the menu lists them; a page is its module and its line here."""

from holdfast.dashboard.views import (
    actions,
    cohorts,
    customer,
    health,
    overview,
    performance,
    recovery,
    segments,
)

PAGES = tuple(
    module.PAGE
    for module in (
        overview,
        customer,
        segments,
        recovery,
        performance,
        actions,
        cohorts,
        health,
    )
)
