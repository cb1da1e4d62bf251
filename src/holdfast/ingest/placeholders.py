"""Placeholders: what stands in a column of customers where nobody is known."""

from holdfast.ingest import sql

_WORDS = (
    *("unknown", "guest", "guests", "anonymous", "null", "none", "nan", "n/a", "na", "undefined"),
    *("0", "-1", "test", "walk-in", "walk-in customer", "cash sale", "no customer", "deleted"),
    *("gast", "invité", "invitado", "convidado", "ospite", "ゲスト", "游客", "匿名"),
)
# The part of an address before its @.
_MAILBOX = (
    "^(guests?|gast|anonymous|unknown|nobody|none|null|test|walk-?in|no[._-]?e?-?mail|"
    "no[._-]?reply|do[._-]?not[._-]?reply|noreply)[._+-]?[0-9]*@"
)


def placeholder_sql(text: str) -> str:
    """Whether a text (SQL) names no customer: a word for nobody, or a shop's own mailbox."""
    word = f"lower(trim({text}))"
    return f"({word} IN {sql.literals(_WORDS)} OR regexp_matches({word}, {sql.literal(_MAILBOX)}))"
