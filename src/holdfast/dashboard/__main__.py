"""Start the dashboard: `python -m holdfast.dashboard STUDY HOST PORT`, which is what `holdfast
dashboard` becomes.
"""

import os
import sys
from pathlib import Path

from streamlit import config
from streamlit.web import bootstrap

from holdfast.dashboard.preload import preload
from holdfast.dashboard.run_view import STUDY
from holdfast.dashboard.settings import options


def main(study: str, host: str, port: str) -> None:
    """Serve until it is stopped."""
    os.environ[STUDY] = study
    for name, value in options(host=host, port=int(port)).items():
        config.set_option(name, value)
    preload()
    sys.stderr.write(f"Dashboard: http://{host}:{port} (stop with Ctrl-C)\n")
    bootstrap.run(str(Path(__file__).with_name("app.py")), False, [], {})


if __name__ == "__main__":
    main(*sys.argv[1:])
