"""The report: complete, self-contained, safe and readable by machines that read to people."""

import re
from base64 import b64encode
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from holdfast.report.charts import CHARTS
from holdfast.report.pages import report_page
from holdfast.report.render import Drawing
from holdfast.report.report_data import Report

VOID = {"meta", "br", "hr", "img", "input", "link"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and insists on proper nesting."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data if self.open and self.open[-1] not in ("style", "script") else ""

    def attributes(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.tags if name in attrs]


@pytest.fixture(scope="module")
def html(report: Report, drawn: Sequence[Drawing]) -> str:
    return report_page(report, drawn)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def bare_page(bare: Report, drawn_bare: Sequence[Drawing]) -> Page:
    return Page(report_page(bare, drawn_bare))


def test_the_file_loads_nothing(html: str, page: Page) -> None:
    assert not page.attributes("src")
    assert all(target.startswith("#") for target in page.attributes("href"))
    assert set(re.findall(r"https?://[^\s\"'<)]+", html)) <= {"http://www.w3.org/2000/svg"}
    assert "@import" not in html
    assert "default-src 'none'" in html


def test_only_our_script_may_run(html: str) -> None:
    (script,) = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    assert f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in html


def test_names_from_the_data_cannot_become_markup(html: str, page: Page) -> None:
    assert "<script>alert" not in html
    assert "<i>&</i>" not in html
    assert "<cart>" not in html
    assert "\x00" not in html
    for tag in ("b", "i", "the", "unreadable"):
        assert tag not in {name for name, _ in page.tags}
    assert "shop <i>&</i>" in page.text


def test_every_target_exists_once(page: Page) -> None:
    found = Counter(page.attributes("id"))
    assert not [name for name, n in found.items() if n > 1]
    assert all(target.removeprefix("#") in found for target in page.attributes("href"))
    assert all(name in found for name in page.attributes("aria-labelledby"))


def test_every_chart_is_there_with_words_for_those_who_do_not_see_it(page: Page) -> None:
    assert set(CHARTS) <= set(page.attributes("id"))
    images = [attrs for tag, attrs in page.tags if tag == "svg"]
    assert len(images) == len(CHARTS)
    assert all(attrs["role"] == "img" and len(str(attrs["aria-label"])) > 20 for attrs in images)


def test_landmarks_and_headings_give_the_page_its_order(page: Page) -> None:
    names = Counter(tag for tag, _ in page.tags)
    assert {
        name: names[name] for name in ("header", "main", "nav", "footer", "h1")
    } == dict.fromkeys(("header", "main", "nav", "footer", "h1"), 1)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert ("html", {"lang": "en"}) in page.tags


def test_tables_name_their_columns_and_rows(page: Page) -> None:
    scopes = Counter(attrs.get("scope") for tag, attrs in page.tags if tag == "th")
    assert set(scopes) == {"col", "row"}


def test_a_manager_reads_the_headline_first(page: Page) -> None:
    said = " ".join(page.text.split())
    assert (
        "Of 400 customers, 100 (25.0%) are likely to leave over the next 90 days. All customers "
        "are expected to bring £100,000 over the next 180 days; keeping all who have not left yet "
        "would add £12,345, the revenue at stake." in said
    )
    assert "How good the predictions proved, beside a naive rule: mean and range of 2 tests" in said
    assert (
        "Churn, ROC-AUC: how often a leaver is ranked above a stayer; 0.5 is "
        "random 0.800 (0.750 to 0.850) 0.700 better" in said
    )


def test_an_order_no_better_than_random_is_said_wherever_customers_are_ordered(
    report: Report, drawn: Sequence[Drawing]
) -> None:
    churn = {**report.summary["churn"], "ranks_by_chance": True}
    html = report_page(replace(report, summary={**report.summary, "churn": churn}), drawn)
    warning = "customers ordered by risk came out no better than in random order"
    assert html.count(warning) == 4
    # Three sections are grey, so that nobody takes from a picture what the words take back.
    assert html.count('class="section unproved"') == 3
    sound = report_page(report, drawn)
    assert warning not in sound
    assert 'unproved"' not in sound


def test_a_fatal_finding_is_stamped_at_the_top_also_when_acknowledged(page: Page) -> None:
    assert page.text.index("Read this first (acknowledged in the study)") < page.text.index(
        "Of 400 customers"
    )
    assert page.text.index("Fatal, acknowledged in the study") < page.text.index("Note")


def test_page_one_counts_the_findings_that_are_told_after_the_money(page: Page) -> None:
    said = " ".join(page.text.split())
    counted = said.index("2 things to know before using the figures: circular label")
    money = said.index("Money: what is at stake and what would pay")
    assert counted < money < said.index("What to know before using the figures")


def test_what_is_assumed_is_stamped(page: Page) -> None:
    assert "Assumed, not measured." in page.text
    assert page.text.count("assumed") >= 3


def test_rows_read_add_up(page: Page, report: Report, drawn: Sequence[Drawing]) -> None:
    assert "1,000 rows read = 900 accepted + 88 set aside + 12 quarantined." in page.text
    wrong = dict(report.summary) | {
        "rows": {"read": 1001, "accepted": 900, "set_aside": 88, "quarantined": 12}
    }
    assert "These do not add up" in report_page(replace(report, summary=wrong), drawn)


def test_those_with_the_most_at_stake_come_first_with_their_reasons(
    html: str, page: Page, report: Report
) -> None:
    first, second = report.scores.sort("at_stake", descending=True)["customer_id"][:2]
    names = [name for name in re.findall(r'<th scope="row"[^>]*><bdi>(C\d+)<', html)]
    assert names[:2] == names[5:7] == [first, second]
    assert (
        "No order for 74 days; usually every 21\nNo order for 148 days; usually every 21"
        in page.text
    )


def test_the_day_that_raises_the_risk_most_stands_among_the_reasons(
    report: Report, drawn: Sequence[Drawing]
) -> None:
    first = report.scores.sort("at_stake", descending=True)["customer_id"][0]
    told = {first: "the order of 3 May 2024 (<b>5</b>) was small after a large one"}
    html = report_page(replace(report, worst_days=told), drawn)
    assert Page(html).text.count("The order of 3 May 2024 (<b>5</b>) was small") == 1
    reasons = "usually every 21\nNo order for 148 days; usually every 21"
    assert f"{reasons}\nThe order of 3 May 2024 (&lt;b&gt;5" in html
    assert f"{reasons}</bdi>" in html[html.index("3 May 2024") :]


def test_candidates_are_listed_where_they_were_compared(page: Page, bare_page: Page) -> None:
    assert "CatBoost" in page.text
    assert "Algorithms compared" not in bare_page.text


def test_a_snapshot_says_that_nothing_was_proved_in_time(bare_page: Page) -> None:
    assert "A snapshot has no later time to be proved on" in bare_page.text
    assert "Nothing could be proved" in bare_page.text
    assert "The checks found nothing to object to." in bare_page.text
    assert "Expected revenue over" not in bare_page.text


def test_both_themes_and_paper_are_provided_for(html: str) -> None:
    assert "prefers-color-scheme:dark" in html
    assert "@media print" in html
    assert 'fill="var(--' in html
    assert not re.search(r'(?:fill|stroke)="#', html)


def test_the_file_stays_small_and_the_same(
    html: str, report: Report, drawn: Sequence[Drawing]
) -> None:
    assert len(html.encode()) < 3_000_000
    assert html == report_page(report, drawn)
