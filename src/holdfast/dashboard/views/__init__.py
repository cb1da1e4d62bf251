"""The pages, as the menu lists them; a page is its module and its line here."""

from holdfast.dashboard.views import (
    actions,
    campaigns,
    cohorts,
    comparison,
    customer,
    health,
    live,
    overview,
    performance,
    plan,
    recovery,
    segments,
)

PAGES = tuple(
    module.PAGE
    for module in (
        overview,
        live,
        customer,
        segments,
        plan,
        actions,
        campaigns,
        recovery,
        performance,
        cohorts,
        comparison,
        health,
    )
)
