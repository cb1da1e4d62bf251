"""Everybody whom the study names is told, by real servers; what cannot be sent is said, written
down, and stops nothing.
"""

import json
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import pytest
from tests.receivers import mail_server, silent_server, web_server

from holdfast.decisions.message_words import tell_test
from holdfast.decisions.messages import Messenger
from holdfast.errors import DataError, NotHonest, StudyError
from holdfast.runs.schedule import Ended
from holdfast.storage import audit_log
from holdfast.storage.run_log import RunLog
from holdfast.study import Study

SECRETS = ("s3cret-smtp", "s3cret-hook", "s3cret-slack")


@dataclass
class Told:
    """A project whose study tells three receivers."""

    project: Path
    mail: Any
    web: Any
    said: list[str] = field(default_factory=list)
    waited: list[float] = field(default_factory=list)

    def messenger(self, **more: Any) -> Messenger:
        return Messenger(self.study(), say=self.said.append, sleep=self.waited.append, **more)

    def study(self, **messages: Any) -> Study:
        email = {"to": ["boss@example.com"], "sender": "shop@example.com", "smtp": "${T_SMTP}"}
        ways = {"email": email, "webhook": {"url": "${T_HOOK}"}, "slack": {"url": "${T_SLACK}"}}
        columns = {"customer_id": "c", "occurred_at": "t", "amount": "a"}
        return Study.from_dict(
            {
                "study": {"name": "shop", "time_zone": "Europe/Berlin"},
                "transactions": {"path": "o.csv", "columns": columns},
                "messages": ways | messages,
                "project_dir": str(self.project),
            }
        )

    @property
    def audited(self) -> list[dict[str, Any]]:
        return audit_log.entries(self.project)

    def mails(self) -> list[EmailMessage]:
        return [
            cast(EmailMessage, message_from_bytes(each, policy=policy.default))
            for each in self.mail.got
        ]


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with mail_server() as mail, web_server() as web:
        monkeypatch.setenv("T_SMTP", f"smtp://127.0.0.1:{mail.port}")
        monkeypatch.setenv("T_HOOK", web.at(f"/hook?key={SECRETS[1]}"))
        monkeypatch.setenv("T_SLACK", web.at(f"/services/{SECRETS[2]}"))
        yield Told(tmp_path, mail, web)


def test_a_test_message_reaches_all_three_and_each_answer_is_said(told: Told) -> None:
    assert told.messenger(**{}).test()
    assert told.said == [
        "e-mail: 127.0.0.1 accepted it for 1 of 1 readers",
        "webhook: 127.0.0.1 answered with HTTP 200",
        "Slack: 127.0.0.1 answered with HTTP 200",
    ]
    (mail,) = told.mails()
    assert (mail["Subject"], mail["From"], mail["To"]) == (
        "shop: a test", "shop@example.com", "boss@example.com"
    )  # fmt: skip
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert json.loads(told.web.got[0][1])["event"] == "test"
    assert json.loads(told.web.got[1][1])["text"].startswith("shop: a test")


def test_what_a_server_refuses_at_first_is_sent_again_with_the_same_key(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("T_HOOK", told.web.at("/flaky"))
    study = told.study(email=None, slack=None)
    messenger = Messenger(study, say=told.said.append, sleep=told.waited.append)
    assert messenger.send(tell_test(study))
    assert told.waited == [5, 25]
    assert len({key for _, _, key in told.web.got}) == 1
    assert [(each["what"], each["tries"]) for each in told.audited] == [("message", 3)]


def test_who_refuses_hangs_or_is_gone_stops_nobody_else_and_is_written_down_without_secrets(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holdfast.decisions.messages.SECONDS", 0.3)
    with ExitStack() as stack:
        port = stack.enter_context(silent_server())
        monkeypatch.setenv("T_SMTP", f"smtp://user:{SECRETS[0]}@127.0.0.1:{port}")
        monkeypatch.setenv("T_HOOK", told.web.at(f"/silent?key={SECRETS[1]}"))
        monkeypatch.setenv("T_SLACK", f"http://127.0.0.1:9/{SECRETS[2]}")
        begun = time.monotonic()
        assert not told.messenger().send(tell_test(told.study()))
        assert time.monotonic() - begun < 20
    silent = "nobody answered within 0.3 seconds"
    gone = "127.0.0.1 cannot be reached: Connection refused"
    assert told.said == [
        f"the message by e-mail was not sent, in 3 tries: {silent}",
        f"the message by webhook was not sent, in 3 tries: {silent}",
        f"the message by Slack was not sent, in 3 tries: {gone}",
    ]
    assert [(e["what"], e["by"], e["tries"], e["answer"]) for e in told.audited] == [
        ("message failed", "e-mail", 3, silent),
        ("message failed", "webhook", 3, silent),
        ("message failed", "Slack", 3, gone),
    ]
    everything = "".join(told.said) + (told.project / audit_log.LOG).read_text()
    assert not [secret for secret in SECRETS if secret in everything]


def test_a_variable_that_is_not_set_is_said_at_once_and_the_others_are_told(
    told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("T_SMTP")
    monkeypatch.setenv("T_HOOK", "https://169.254.169.254/latest")
    assert not told.messenger().send(tell_test(told.study()))
    assert told.waited == []
    assert "in 1 try: messages.email.smtp uses the environment variable T_SMTP" in told.said[0]
    assert "write allow" in told.said[1]
    assert "under [messages.webhook]" in told.said[1]
    assert [path for path, _, _ in told.web.got] == [f"/services/{SECRETS[2]}"]


def log_of(told: Told, error: BaseException | None, *, process: int = 7) -> None:
    """The log that a run leaves which ends in this way."""
    try:
        with RunLog(told.project / "runs") as log:
            log.write("began", process=process)
            log.start("Learn")
            if error is not None:
                raise error
    except Exception:
        pass


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def failed(code: int = 2, *, process: int = 7) -> Ended:
    return Ended(process=process, code=code, begun=LONG_AGO, pause_seconds=60)


def test_a_failure_is_told_by_what_the_command_line_said_and_names_its_log(told: Told) -> None:
    log_of(told, DataError("o.csv is empty (0 bytes)", fix="name a file with rows"))
    log_of(told, DataError("another run's"), process=8)
    told.messenger().tell(failed())
    (mail,) = told.mails()
    body = mail.get_body(("plain",))
    assert body is not None
    text = body.get_content()
    assert mail["Subject"] == "shop: the run failed"
    for line in (
        "What failed: O.csv is empty (0 bytes)",
        "What to do: Name a file with rows",
        "Next try: In 1 min",
    ):
        assert line in text
    assert ".jsonl" in text
    facts = json.loads(told.web.got[0][1])
    assert (facts["event"], facts["exit_code"]) == ("failed", 2)
    assert Path(facts["log"]).is_file()
    assert facts["at"].endswith(("CET", "CEST"))


def problem(told: Told) -> str:
    return str(json.loads(told.web.got[0][1])["problem"])


def test_a_study_that_cannot_be_read_any_more_is_told(told: Told) -> None:
    def reread() -> None:
        raise StudyError("there is no holdfast.toml", fix="write one")

    told.messenger(reread=reread).tell(failed())
    assert problem(told) == "there is no holdfast.toml"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (None, -signal.SIGKILL, "the run was ended by SIGKILL during 'Learn'"),
        (None, 1, "the run ended with exit code 1 during 'Learn'"),
        (KeyError("C00000001"), 1, "something went wrong that Holdfast did not expect: KeyError"),
        (
            NotHonest(
                "leaky: customer C00000001 left",
                fix="drop it",
                findings=[{"name": "leaky", "meaning": "a column knows who left"}],
            ),
            2,
            "leaky: a column knows who left",
        ),
    ],
)
def test_an_end_that_nobody_expected_is_told_without_traceback_or_customer(
    told: Told, error: Exception | None, code: int, said: str
) -> None:
    log_of(told, error)
    told.messenger().tell(failed(code))
    assert problem(told) == said
    everything = b"".join([*told.mail.got, *(body for _, body, _ in told.web.got)])
    assert b"C00000001" not in everything
    assert b"Traceback" not in everything


def test_the_same_failure_tried_again_is_told_once_and_another_one_is_told(told: Told) -> None:
    messenger = told.messenger()
    for number, text in enumerate(["a", "a", "b", "b", "a"], start=1):
        log_of(told, DataError(text), process=number)
        messenger.tell(failed(process=number))
    hooks = [body for path, body, _ in told.web.got if path.startswith("/hook")]
    assert [json.loads(each)["problem"] for each in hooks] == ["a", "b", "a"]


def test_who_wants_to_hear_of_failures_alone_hears_of_nothing_else(told: Told) -> None:
    messenger = Messenger(told.study(on=["failure"]), say=told.said.append)
    messenger.tell(Ended(process=7, code=0, begun=LONG_AGO))
    assert (told.mail.got, told.web.got, told.said) == ([], [], [])


def test_a_run_that_cannot_be_found_is_said_and_stops_nothing(told: Told) -> None:
    told.messenger().tell(Ended(process=7, code=0, begun=LONG_AGO))
    assert told.said == ["nobody was told of the run: process 7 has begun no log"]
