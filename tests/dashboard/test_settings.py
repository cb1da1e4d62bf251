"""Streamlit is set up for this machine alone, and every option is one that it knows."""

from pathlib import Path

from streamlit import config

from holdfast.dashboard.settings import options


def test_every_option_is_known_to_streamlit() -> None:
    assert set(options(host="127.0.0.1", port=8501, project=Path("shop"))) <= set(
        config._config_options_template
    )


def test_the_address_is_as_asked_and_nothing_is_sent_out() -> None:
    given = options(host="127.0.0.1", port=9000, project=Path("shop"))
    assert (given["server.address"], given["server.port"]) == ("127.0.0.1", 9000)
    assert given["browser.gatherUsageStats"] is False
    assert given["client.showErrorDetails"] == "none"


def test_light_and_dark_have_a_palette_each() -> None:
    given = options(host="127.0.0.1", port=9000, project=Path("shop"))
    light, dark = (
        {
            key.split(".")[-1]: value
            for key, value in given.items()
            if key.startswith(f"theme.{mode}.")
        }
        for mode in ("light", "dark")
    )
    assert light.keys() == dark.keys() >= {"primaryColor", "backgroundColor", "textColor"}
    assert light["backgroundColor"] != dark["backgroundColor"]
