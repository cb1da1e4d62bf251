"""Examples that several operations show in the documentation."""

from typing import Any

CUSTOMER = "CUST00001"
FEATURES: dict[str, Any] = {
    "summary": "A snapshot's columns, as the original system took them",
    "value": {
        "Recency": 45,
        "Frequency": 13,
        "Monetary": 1560.0,
        "Avg_Order_Value": 120.0,
        "Session_Count": 25,
        "Avg_Session_Duration": 8.5,
        "Pages_Viewed": 60,
        "Clicks": 120,
        "Campaign_Response": 1,
        "Wishlist_Adds": 4,
        "Cart_Abandon_Rate": 10.0,
        "Returns": 1,
        "Segment_Label": "Silver",
    },
}
HISTORY: dict[str, Any] = {
    "summary": "Raw orders and events",
    "value": {
        "customer_id": "new-1",
        "orders": [
            {
                "occurred_at": "2024-01-05T10:00:00",
                "order_id": "1",
                "product_id": "p1",
                "quantity": 2,
                "unit_price": 9.5,
            },
            {
                "occurred_at": "2024-02-01T12:30:00",
                "order_id": "2",
                "product_id": "p2",
                "quantity": 1,
                "unit_price": 24.0,
            },
        ],
        "events": [{"occurred_at": "2024-02-03T08:00:00", "kind": "session"}],
    },
}
BATCH: dict[str, Any] = {
    "summary": "Two customers",
    "value": {
        "customers": [
            {**FEATURES["value"], "customer_id": "a"},
            {**FEATURES["value"], "customer_id": "b"},
        ]
    },
}
WHAT_IF: dict[str, Any] = {
    "summary": "Dearer calls, a cautious rate",
    "value": {
        "segments": {"At-Risk VIP": {"cost": 80, "rate": 0.2, "low_rate": 0.1, "high_rate": 0.3}}
    },
}
STAMP = {
    "run_id": "20261123T021500Z-ab12cd34",
    "cutoff_day": 19783,
    "model_version": "3f2a90b1c4de",
    "scored_at": "2026-11-23T02:15:00Z",
}
PREDICTION = {
    "customer_id": CUSTOMER,
    "churn_probability": 0.0821,
    "churn_risk": "🟢 LOW",
    "predicted_ltv": 412.5,
    "ltv_tier": "Mid",
    "risk_score": 0.2113,
    "risk_rank": 0.41,
    "segment": "Promising",
    "actions": ["Recommend what goes with the last order"],
    "currency": "EUR",
    "cutoff_date": "2024-03-01",
    **STAMP,
}
SEGMENT = {
    "segment": "Promising",
    "customers": 510,
    "average_ltv": 402.1,
    "total_ltv": 205071.0,
    "average_churn_probability": 0.11,
    "average_risk_score": 0.2,
    "actions": ["Offer free delivery"],
}
SEGMENTS = {"total_customers": 1500, "currency": "EUR", "segments": [SEGMENT], **STAMP}
REASON = {
    "task": "churn",
    "rank": 1,
    "feature": "days_since_last_purchase",
    "value": "74",
    "contribution": 0.9,
    "sentence": "no order for 74 days; usually every 21 days, which raises the risk",
}
RUN = {
    "run_id": STAMP["run_id"],
    "created_at": "2026-11-23T02:15:00Z",
    "study": "shop",
    "champion": True,
}
