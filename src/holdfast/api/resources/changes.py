"""Changes: why scores are not what they were in an earlier run."""

from typing import Annotated

from fastapi import APIRouter, Query, Response

from holdfast.api.answers.changes import ChangesAnswer, CustomerChangesAnswer
from holdfast.api.deps import CurrentRequest, CurrentRun, answer, route
from holdfast.api.resources.predict import CustomerId
from holdfast.api.schemas import Segment
from holdfast.runs.changes_since import all_changes, customer_changes

router = APIRouter(tags=["changes"])
# Before the route of one customer, whose name may have slashes.
_OF_CUSTOMER = "/customers/{customer_id:path}/changes"
Since = Annotated[
    str | None,
    Query(max_length=80, description="An earlier run; by default the one published before"),
]


# Before the route of one customer, whose name may have slashes.
@route(
    router, "GET", "/customers/{customer_id:path}/changes", 404, 422, model=CustomerChangesAnswer
)
def one_customer(
    customer_id: CustomerId, request: CurrentRequest, served: CurrentRun, since: Since = None
) -> Response:
    """Why a customer's scores changed since an earlier run: parts by reason that add up."""
    registry = request.context.store.registry
    return answer(served, customer_changes(registry, served.run, customer_id, since=since))


@route(router, "GET", "/changes", 404, 422, model=ChangesAnswer)
def everybody(
    request: CurrentRequest,
    served: CurrentRun,
    since: Since = None,
    segment: Annotated[Segment | None, Query(description="Of one segment only")] = None,
) -> Response:
    """Why the scores of all customers and of each segment changed since an earlier run."""
    registry = request.context.store.registry
    return answer(served, all_changes(registry, served.run, since=since, segment=segment))
