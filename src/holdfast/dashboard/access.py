"""What whoever looks may do: a reader looks, an operator also exports and pushes."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import streamlit as st

from holdfast.storage import audit_log

ROLE = "Holdfast-Role"
"""The header in which the gate says the role; what a browser sends under this name is dropped."""
BY_PROVIDER = "by-provider"
_OPERATORS = ("operator", "admin")


def may_export() -> bool:
    """Whether audiences may be exported and pushed; not where nobody says so."""
    return _role() in _OPERATORS


def describe_viewer() -> str:
    """Whoever looks, for the audit log: the address that a provider knows, or the role."""
    if st.context.headers.get(ROLE) == BY_PROVIDER:
        return str(st.user.get("email"))
    return f"{_role()} at the dashboard"


def ask_to_sign_in(project: Path) -> bool:
    """Ask the provider that `.streamlit/secrets.toml` names, where it has to be asked; True while
    whoever looks is not let in.

    Raises
    ------
    HoldfastError
        The sign-in cannot be written to the project's audit log.
    """
    if st.context.headers.get(ROLE) != BY_PROVIDER:
        return False
    if (role := _role()) is not None:
        _record_sign_in(project, describe_viewer(), str(st.user.get("iat")), role)
        return False
    st.title("Holdfast")
    if not st.user.is_logged_in:
        st.markdown("Sign in to look at this shop's customers.")
        st.button("Sign in", on_click=st.login, type="primary")
        return True
    st.error(
        f"**{st.user.get('email')} may not look at this dashboard.** Add the address under "
        "[roles] in .streamlit/secrets.toml.",
        icon=":material/error:",
    )
    st.button("Sign out", on_click=st.logout)
    return True


def offer_to_sign_out() -> None:
    """In the sidebar, where somebody signed in."""
    if st.context.headers.get(ROLE) == BY_PROVIDER:
        st.sidebar.button("Sign out", on_click=st.logout, icon=":material/logout:")
    elif "holdfast-session" in st.context.cookies:
        st.sidebar.link_button("Sign out", "/sign-out", icon=":material/logout:")


@st.cache_resource(show_spinner=False, max_entries=10_000)
def _record_sign_in(_project: Path, who: str, issued_at: str, role: str) -> None:
    """Record a sign-in once: every page of the viewer's comes by here."""
    audit_log.record(_project, "sign-in", who=who, role=role)


def role_of(user: Mapping[str, Any], roles: Mapping[str, Sequence[str]]) -> str | None:
    """The role of whom the provider knows: the highest that lists the address; None where none
    does, or where the provider did not verify it.

    >>> roles = {"reader": ["*@shop.example"], "operator": ["ann@shop.example"]}
    >>> role_of({"email": "Ann@shop.example"}, roles), role_of({"email": "bob@shop.example"}, roles)
    ('operator', 'reader')
    >>> role_of({"email": "eve@else.example"}, roles) is None
    True
    """
    email = str(user.get("email") or "").lower()
    if not email or user.get("email_verified") is False:
        return None
    for role in ("operator", "reader"):
        if any(fnmatchcase(email, pattern.lower()) for pattern in roles.get(role, ())):
            return role
    return None


def _role() -> str | None:
    given = st.context.headers.get(ROLE)
    if given != BY_PROVIDER:
        return given
    return role_of(st.user.to_dict(), st.secrets.get("roles", {})) if st.user.is_logged_in else None
