"""`holdfast serve`, `keys` and `dashboard`: the REST API, who may ask it, and the runs in a
browser.
"""

import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from holdfast.cli.output import Config, Json, console, print_json, print_rows, study_from

keys = typer.Typer(
    no_args_is_help=True,
    help="API keys: create, list, revoke. A key is shown once; its hash is kept.",
)

KEY_TIMES = {"created": "Made", "last_used": "Last used", "revoked": "Revoked"}


def serve(
    config: Config = "holdfast.toml",
    host: Annotated[
        str, typer.Option(help="Address to listen on; without keys only this machine's.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes that answer.")] = 1,
    rate: Annotated[
        str, typer.Option(help="Requests per key, over all workers, as 100/second.")
    ] = "6000/minute",
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may ask; may be repeated. None: no site may."),
    ] = None,
    log: Annotated[
        bool, typer.Option("--log/--no-log", help="A JSON line per request on stderr.")
    ] = True,
) -> None:
    """Serve the published run: predictions, customers, segments, evidence, as a REST API with its
    docs at /docs.
    """
    from holdfast.api import server

    settings = server.Settings(
        project=str(Path(config).parent.resolve()),
        workers=workers,
        rate=rate,
        cors_origins=tuple(cors_origin or ()),
        log=log,
    )
    server.serve(settings, host=host, port=port)


def dashboard(
    config: Config = "holdfast.toml",
    host: Annotated[
        str, typer.Option(help="Address to listen at; the default is this machine only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen at.")] = 8501,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(help="A name that a proxy asks it by; may be repeated. Asks for a sign-in."),
    ] = None,
) -> None:
    """Look at the runs in a browser, from the overview to the data's health.

    On this machine nobody signs in. Listening anywhere else, or behind a proxy (--allowed-host), it
    asks for an API key of the project or for the token that it prints.
    """
    from holdfast.errors import MissingExtra
    from holdfast.io.network import require_free_port

    if find_spec("streamlit") is None:
        raise MissingExtra("dashboard", needed_for="holdfast dashboard")
    study_from(config, None)
    require_free_port(host, port)
    # The surfaces do not know one another: this process becomes the other one.
    arguments = ["-m", "holdfast.dashboard", str(Path(config).resolve()), host, str(port)]
    arguments += allowed_host or []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])


@keys.command(epilog="Example: holdfast keys create --role reader --name dashboard")
def create(
    role: Annotated[
        str,
        typer.Option(
            help="reader: ask. operator: also promote and roll back. admin: also see keys."
        ),
    ],
    name: Annotated[str, typer.Option(help="Whose it is.")] = "",
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Make a key and show it, this once."""
    from holdfast.storage.keys import KeyFile

    text, key = KeyFile(Path(config).parent).create(role=role, name=name)
    if json:
        print_json({"key": text, **key.public()})
        return
    console().print(
        f"{text}\n\nKey {key.key_id} of role {role}. Keep it: only its SHA-256 was written down."
    )


@keys.command(name="list", epilog="Example: holdfast keys list")
def list_keys(config: Config = "holdfast.toml", json: Json = False) -> None:
    """List the keys: role, name, made, last used, revoked."""
    from holdfast.report.table_columns import Col
    from holdfast.storage.keys import KeyFile

    rows = [key.public() for key in KeyFile(Path(config).parent).keys().values()]
    times = (Col(f"{what}_at", words) for what, words in KEY_TIMES.items())
    none = "there are no keys; make one with `holdfast keys create --role reader`"
    print_rows(rows, Col("key_id", "Key"), "role name", *times, json=json, none=none)


@keys.command(epilog="Example: holdfast keys revoke 1f2e3d4c")
def revoke(
    key_id: Annotated[str, typer.Argument(help="As `holdfast keys list` shows it.")],
    config: Config = "holdfast.toml",
    json: Json = False,
) -> None:
    """Make a key useless, at once and for good."""
    from holdfast.storage.keys import KeyFile

    key = KeyFile(Path(config).parent).revoke(key_id)
    if json:
        print_json(key.public())
    else:
        console().print(f"revoked {key.key_id} at {key.revoked_at}")
