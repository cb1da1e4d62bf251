"""Start the dashboard: `python -m holdfast.dashboard STUDY HOST PORT [ALLOWED_HOST ...]`, which is
what `holdfast dashboard` becomes.
"""

import os
import sys
from contextlib import suppress
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware
from streamlit.web import bootstrap

from holdfast.dashboard.gate import Gate
from holdfast.dashboard.preload import preload
from holdfast.dashboard.run_view import STUDY
from holdfast.dashboard.settings import options
from holdfast.dashboard.sign_in import SignIn
from holdfast.io.network import is_loopback, say_once_listening


def main(study: str, host: str, port: str, *allowed_hosts: str) -> None:
    """Serve until it is stopped."""
    os.environ[STUDY] = study
    project = Path(study).parent
    config = options(host=host, port=int(port), project=project)
    bootstrap.load_config_options(config)
    preload()
    elsewhere = bool(allowed_hosts) or not is_loopback(host)
    sign_in = SignIn(project) if elsewhere else None
    by_provider = elsewhere and _has_provider()
    shown = f"{host}:{port}" if is_loopback(host) else f"127.0.0.1:{port}"
    address = f"https://{allowed_hosts[0]}" if allowed_hosts else f"http://{shown}"
    lines = [f"Dashboard: {address} (stop with Ctrl-C)"]
    if by_provider:
        lines.append("Sign in with the provider that .streamlit/secrets.toml names.")
    elif sign_in is not None:
        lines += [
            "Sign in with an API key (`holdfast keys create --role reader`), or as an operator at",
            f"  {address}/?token={sign_in.token}",
        ]
    gate = Middleware(Gate, hosts=[host, *allowed_hosts], sign_in=sign_in, by_provider=by_provider)
    app = st.App(Path(__file__).with_name("app.py"), middleware=[gate])
    say_once_listening(host, int(port), lines)
    with suppress(KeyboardInterrupt):
        app.run(config=config)


def _has_provider() -> bool:
    """Whether the secrets name an OpenID Connect provider."""
    return st.secrets.load_if_toml_exists() and "auth" in st.secrets


if __name__ == "__main__":
    main(*sys.argv[1:])
