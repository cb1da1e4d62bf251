"""Messages: who the study names is told how each scheduled run went.

Nothing here fails a run or stops the schedule: a message that cannot be sent is said, and recorded
in the audit log. Each try has ten seconds; one that is late may still arrive, so a mail keeps its
Message-ID and a post its Idempotency-Key.
"""

import hashlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from holdfast.decisions.message_words import (
    Failure,
    comparable,
    tell_failure,
    tell_refused,
    tell_run,
    tell_test,
)
from holdfast.errors import HoldfastError, StudyError
from holdfast.io.files import fill_variables
from holdfast.io.mail import send_mail
from holdfast.io.message import Message, one_line
from holdfast.io.time_limit import send_within
from holdfast.io.webhook import post_json
from holdfast.runs.run_history import run_before
from holdfast.runs.schedule import NOT_PUBLISHED, Ended, Say
from holdfast.storage import audit_log
from holdfast.storage.run_log import find_log
from holdfast.storage.runs import Registry, Run
from holdfast.study import Study
from holdfast.study.messages import MessageReceiver, Messages

SECONDS = 10
PAUSES = (5, 25)
"""Seconds before the second try and the third."""
_AGAIN = timedelta(days=1)


class Messenger:
    """Tells of each run that has ended.

    Parameters
    ----------
    say
        Is told what became of a message that could not be sent.
    reread
        Reads the study as a run does: what is wrong with it by now, it raises.
    """

    def __init__(
        self,
        study: Study,
        *,
        say: Say,
        reread: Callable[[], object] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._study, self._say, self._reread, self._sleep = study, say, reread, sleep
        self._project = Path(study.project_dir)
        self._registry = Registry(self._project / "runs")
        self._told: tuple[str, datetime] | None = None

    @property
    def _messages(self) -> Messages:
        assert self._study.messages is not None
        return self._study.messages

    def tell(self, ended: Ended) -> None:
        """Tell of a run. The same failure, tried again, is told once a day."""
        try:
            message = self._message(ended)
            if message is not None:
                self.send(message)
        # The schedule goes on, whatever a message stumbles over.
        except Exception as error:
            self._say(f"nobody was told of the run: {one_line(error)}")

    def test(self) -> bool:
        """Send a message to everybody and say what each answered; whether all took it."""
        return self.send(tell_test(self._study), pauses=())

    def send(self, message: Message, *, pauses: tuple[int, ...] = PAUSES) -> bool:
        """Send a message by each way of the study; whether all took it."""
        message = replace(message, link=self._messages.link)
        return all([self._send(*way, message, pauses) for way in _ways(self._messages, message)])

    def _send(
        self, way: str, post: Callable[[], str], message: Message, pauses: tuple[int, ...]
    ) -> bool:
        tries, answer, is_sent = _try(post, pauses, self._sleep)
        words = one_line(answer, at_most=300)
        if not is_sent:
            n = f"{tries} {'try' if tries == 1 else 'tries'}"
            self._say(f"the message by {way} was not sent, in {n}: {words}")
        elif message.event == "test":
            self._say(f"{way}: {words}")
        self._record(way, message, tries=tries, answer=words, is_sent=is_sent)
        return is_sent

    def _record(self, way: str, message: Message, *, is_sent: bool, **facts: Any) -> None:
        what = "message" if is_sent else "message failed"
        run = {"run_id": message.facts["run_id"]} if "run_id" in message.facts else {}
        try:
            audit_log.record(self._project, what, by=way, about=message.event, **run, **facts)
        except HoldfastError as error:
            self._say(one_line(error))

    def _message(self, ended: Ended) -> Message | None:
        if ended.code == 0:
            self._told = None
            return self._tell_success(ended) if "success" in self._messages.on else None
        if "failure" not in self._messages.on:
            return None
        if ended.code == NOT_PUBLISHED:
            self._told = None
            return tell_refused(self._find_run(ended), self._study)
        failure = self._find_failure(ended)
        now = datetime.now(UTC)
        if self._told and self._told[0] == failure.problem and now - self._told[1] < _AGAIN:
            return None
        self._told = failure.problem, now
        return tell_failure(failure, self._study)

    def _tell_success(self, ended: Ended) -> Message:
        run = self._find_run(ended)
        return tell_run(run, comparable(run, run_before(self._registry, run)), self._study)

    def _find_run(self, ended: Ended) -> Run:
        _, lines = find_log(self._registry.folder, process=ended.process, since=ended.begun)
        return self._registry.open(lines[-1]["run_id"])

    def _find_failure(self, ended: Ended) -> Failure:
        now = datetime.now(ZoneInfo(self._study.time_zone))
        try:
            path, lines = find_log(self._registry.folder, process=ended.process, since=ended.begun)
        except LookupError:
            log, (problem, fix) = "", self._explain_without_log(ended)
        else:
            log, (problem, fix) = str(path.resolve()), _explain(lines, ended)
        return Failure(
            problem=problem,
            fix=fix,
            exit_code=ended.code,
            at=f"{now:%Y-%m-%d %H:%M %Z}",
            log=log,
            next_try=f"in {ended.pause_seconds // 60} min",
        )

    def _explain_without_log(self, ended: Ended) -> tuple[str, str]:
        """What kept a run from beginning: mostly the study."""
        try:
            self._reread()
        except HoldfastError as error:
            return error.problem, error.fix
        return f"the run did not begin (exit code {ended.code})", "see what the scheduler printed"


def _explain(lines: list[dict[str, Any]], ended: Ended) -> tuple[str, str]:
    """What the log of a run says of its end. What the audit saw may name a customer: what it means
    is told instead.
    """
    last = lines[-1]
    if findings := last.get("findings"):
        problem = "; ".join(f"{each['name']}: {each['meaning']}" for each in findings)
        return problem, last["fix"]
    if "problem" in last:
        return last["problem"], last["fix"]
    if "traceback" in last:
        kind = last["traceback"].strip().splitlines()[-1].partition(":")[0]
        problem = f"something went wrong that Holdfast did not expect: {kind}"
        return problem, "see the log, and report it"
    steps = [line["step"] for line in lines if line["event"] == "started"]
    during = f" during '{steps[-1]}'" if steps else ""
    if ended.code < 0:
        name = signal.Signals(-ended.code).name
        fix = "where the memory did not suffice, give it more, or less data"
        return f"the run was ended by {name}{during}", fix
    return f"the run ended with exit code {ended.code}{during}", "see what the scheduler printed"


def _ways(messages: Messages, message: Message) -> Iterator[tuple[str, Callable[[], str]]]:
    if messages.email is not None:
        mail = message.mail(sender=messages.email.sender, to=messages.email.to)
        yield "e-mail", partial(send_mail, mail, messages.email.smtp)
    if messages.webhook is not None:
        body = message.webhook()
        yield "webhook", partial(_post, messages.webhook, body, key="messages.webhook.url")
    if messages.slack is not None:
        yield "Slack", partial(_post, messages.slack, message.slack(), key="messages.slack.url")


def _post(receiver: MessageReceiver, body: bytes, *, key: str) -> str:
    url = fill_variables(receiver.url, where=key)
    headers = {"Idempotency-Key": hashlib.sha256(body).hexdigest()}
    return post_json(url, body, headers=headers, allow=receiver.allow, key=key)


def _try(
    post: Callable[[], str], pauses: tuple[int, ...], sleep: Callable[[float], None]
) -> tuple[int, str, bool]:
    """Send until it is taken; the number of tries, the last answer, and whether it was."""
    for number, pause in enumerate((*pauses, None), start=1):
        answer = send_within(SECONDS, post)
        if isinstance(answer, str):
            return number, answer, True
        # What the study says wrongly stays wrong.
        if pause is None or isinstance(answer, StudyError):
            break
        sleep(pause)
    return number, f"{answer}", False
