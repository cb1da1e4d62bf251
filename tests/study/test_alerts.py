"""[[alert]] and [[alert_route]]: what goes together, and what is refused with what to do."""

from pathlib import Path

import pytest

from holdfast.errors import StudyError
from holdfast.study import Study

LOG = """
[study]
name = "shop"
[transactions]
path = "orders.csv"
[transactions.columns]
customer_id = "who"
occurred_at = "when"
amount = "paid"
"""
RULE = '[[alert]]\nname = "vip"\nopen = 0.7\nclose = 0.5\n'
ROUTE = '[[alert_route]]\nname = "crm"\nkind = "slack"\nurl = "${SLACK}"\n'


def read(folder: Path, text: str) -> Study:
    (folder / "holdfast.toml").write_text(LOG + text, encoding="utf-8")
    return Study.from_toml(folder / "holdfast.toml")


def test_a_rule_and_its_route_are_read(tmp_path: Path) -> None:
    study = read(tmp_path, RULE + 'to = ["crm"]\n' + ROUTE)
    (rule,), (route,) = study.alert, study.alert_route
    assert (rule.name, rule.when, rule.open, rule.close) == ("vip", "churn_probability", 0.7, 0.5)
    assert (rule.feature, rule.sign, rule.to) == (None, 1, ["crm"])
    assert (route.name, route.kind, route.url) == ("crm", "slack", "${SLACK}")


def test_a_contribution_names_its_feature(tmp_path: Path) -> None:
    study = read(tmp_path, RULE + 'when = "contribution:gap_mean"\n')
    assert study.alert[0].feature == "gap_mean"


def test_rules_change_no_figure_and_so_not_the_fingerprint(tmp_path: Path) -> None:
    assert read(tmp_path, RULE + ROUTE).fingerprint == read(tmp_path, "").fingerprint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (RULE.replace("0.5", "0.8"), "closes at 0.8, which is beyond its open 0.7; write a close"),
        (RULE + 'direction = "below"\n', "closes at 0.5, .* a close of at least 0.7"),
        (RULE + RULE, "two of \\[\\[alert\\]\\] are called 'vip'"),
        (RULE + ROUTE + ROUTE, "two of \\[\\[alert_route\\]\\] are called 'crm'"),
        (RULE + 'to = ["crm"]\n', "there is no \\[\\[alert_route\\]\\]"),
        (RULE + 'to = ["cmr"]\n' + ROUTE, "did you mean 'crm'\\?"),
        (RULE + "closes = 0.5\n", "no key 'alert.0.closes'; did you mean 'close'\\?"),
        (RULE + "only = \"getenv('HOME') = 'x'\"\n", "calls 'getenv'"),
        (RULE + 'runbook = "ftp://x"\n', "the link 'ftp://x' is no address"),
        (RULE + "close_after = 0\n", "alert.0.close_after"),
        (RULE.replace("0.7", "nan"), "alert.0.open"),
        (ROUTE.replace("${SLACK}", "https://hooks.example.com/T0"), "it may hold a secret"),
        (ROUTE.replace("slack", "email"), "a mail without readers or sender"),
        (ROUTE + 'to = ["ann@example.com"]\n', "is no mail, and has readers"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(StudyError, match=words):
        read(tmp_path, text)


def test_an_address_that_is_written_out_is_not_repeated(tmp_path: Path) -> None:
    with pytest.raises(StudyError) as raised:
        read(tmp_path, ROUTE.replace("${SLACK}", "https://hooks.example.com/s3cret"))
    assert "s3cret" not in str(raised.value)


def test_where_low_values_alarm_the_close_lies_above(tmp_path: Path) -> None:
    low = RULE.replace("0.5", "0.9") + 'direction = "below"\n'
    assert read(tmp_path, low).alert[0].sign == -1
