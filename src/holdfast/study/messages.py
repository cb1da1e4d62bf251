"""Who is told how a scheduled run went, and by which way."""

import re
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from holdfast.errors import StudyError
from holdfast.study.sections import Section

_ADDRESS = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9.-]{1,255}", re.ASCII)
_VARIABLE = re.compile(r"\$\{\w+\}")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text):
        raise StudyError(
            f"{text!r:.80} is not an e-mail address", fix="write it as name@example.com"
        )
    return text


def _variable(text: str) -> str:
    # What was found is not shown: it may be the secret.
    if not _VARIABLE.fullmatch(text):
        raise StudyError(
            "an address of a message is written out, and it may hold a secret",
            fix='write "${NAME}" and export NAME',
        )
    return text


def _link(text: str) -> str:
    if text and not _is_web_address(text):
        raise StudyError(
            f"the link {text!r:.80} is no address", fix="write it as https://host/path"
        )
    return text


Address = Annotated[str, AfterValidator(_address)]
Variable = Annotated[str, AfterValidator(_variable)]
Link = Annotated[str, AfterValidator(_link)]


class Email(Section):
    """A mail, as text and as HTML."""

    to: list[Address] = Field(min_length=1, max_length=50)
    """Who reads it."""
    sender: Address
    """Whom it is from."""
    smtp: Variable
    """"${NAME}" of an environment variable with smtp://user:password@host:587, which must offer
    STARTTLS unless it is on this machine, or smtps://. What is special in a URL is written as %40
    and the like.
    """


class MessageReceiver(Section):
    """Where a message is posted as JSON: to `webhook` its figures, to `slack` text and blocks, as
    Slack and those like it read them.
    """

    url: Variable
    """"${NAME}" of an environment variable with the address: https, or http on this machine."""
    allow: list[str] = []
    """Names or addresses of receivers inside your own network; any other private address is
    refused.
    """


class Messages(Section):
    """Who is told how each run of `holdfast schedule` went; read when it starts."""

    on: list[Literal["success", "failure"]] = Field(["success", "failure"], min_length=1)
    """After which runs."""
    link: Link = ""
    """Where the readers open the dashboard or the report; every message has it."""
    email: Email | None = None
    webhook: MessageReceiver | None = None
    slack: MessageReceiver | None = None

    def _check(self) -> None:
        if not (self.email or self.webhook or self.slack):
            raise StudyError(
                "[messages] tells nobody", fix="add email, webhook or slack, or drop [messages]"
            )


def _is_web_address(link: str) -> bool:
    try:
        parts = urlsplit(link)
    except ValueError:
        return False
    plain = len(link) <= 500 and link.isprintable() and not re.search(r"[\s<>|\"'`\\]", link)
    return plain and parts.scheme in ("http", "https") and bool(parts.hostname)
