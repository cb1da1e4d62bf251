"""A message: one text for a person, in each of the forms in which it leaves.

It leaves for other programs. So each text in it is one short line, and each form of it escapes what
means something there.
"""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from html import escape
from typing import Any, Literal

Event = Literal["run", "failed", "refused", "test", "opened", "closed", "flood"]
Lines = Iterable[tuple[str, str]]
_LONGEST = 1000
_TITLE = 140
_SLACK_TITLE, _SLACK_SECTION, _SLACK_TEXT = 150, 2800, 20_000
"""Characters that Slack takes, or fewer."""


def one_line(text: object, *, at_most: int = _LONGEST) -> str:
    r"""Write a text of anybody's in one line, without what steers a terminal or a mail.

    >>> one_line("shop\r\nBcc: x@example.com\x1b[2J"), one_line("abcdef", at_most=3)
    ('shop Bcc: x@example.com [2J', 'ab…')
    """
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text))
    line = " ".join(printable.split())
    return line if len(line) <= at_most else f"{line[: at_most - 1]}…"


@dataclass(frozen=True)
class Message:
    """One message, in the forms in which it leaves.

    Attributes
    ----------
    lines
        Heading -> sentence.
    facts
        The same as values, for the webhook.
    link
        Where more is to be seen; may be empty.
    """

    event: Event
    title: str
    lines: Mapping[str, str]
    facts: Mapping[str, Any]
    link: str = ""

    @classmethod
    def of(cls, event: Event, title: str, lines: Lines, **facts: Any) -> "Message":
        """Make one of texts that may hold anything."""
        plain = {label: one_line(text) for label, text in lines}
        return cls(event, one_line(title, at_most=_TITLE), plain, _plain(facts))

    def text(self) -> str:
        """For a mail, or a terminal."""
        lines = [f"{label}: {text}" for label, text in self._lines_and_link()]
        return "\n".join([self.title, "", *lines, ""])

    def html(self) -> str:
        """For a mail."""
        rows = [
            f"<p><b>{escape(label)}</b><br>{escape(text)}</p>" for label, text in self.lines.items()
        ]
        if self.link:
            rows.append(f'<p><a href="{escape(self.link)}">{escape(self.link)}</a></p>')
        head = f'<h1 style="font-size:1.2em">{escape(self.title)}</h1>'
        return "\n".join(
            ['<html><body style="font-family:sans-serif">', head, *rows, "</body></html>"]
        )

    def mail(self, *, sender: str, to: Sequence[str]) -> EmailMessage:
        """As text and as HTML; no holiday notice answers it."""
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = self.title, sender, ", ".join(to)
        mail["Date"] = format_datetime(datetime.now(UTC))
        mail["Message-ID"] = make_msgid(domain=sender.partition("@")[2])
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(self.text(), cte="quoted-printable")
        mail.add_alternative(self.html(), subtype="html", cte="quoted-printable")
        return mail

    def slack(self) -> bytes:
        """As Slack reads it, and those that read its `text` alone."""
        title = _escape_slack(self.title, at_most=_SLACK_TITLE)
        sections = [
            {"type": "mrkdwn", "text": f"*{label}*\n{_escape_slack(text)}", "verbatim": True}
            for label, text in self._lines_and_link()
        ]
        blocks = [
            {"type": "header", "text": {"type": "plain_text", "text": title, "emoji": False}},
            *({"type": "section", "text": each} for each in sections),
        ]
        text = _escape_slack(self.text(), at_most=_SLACK_TEXT)
        return json.dumps({"text": text, "blocks": blocks}).encode()

    def webhook(self) -> bytes:
        """Its figures."""
        content = {"event": self.event, "title": self.title, **self.facts, "link": self.link}
        return json.dumps(content, allow_nan=False).encode()

    def _lines_and_link(self) -> list[tuple[str, str]]:
        return [*self.lines.items(), *([("See", self.link)] if self.link else [])]


def _plain(value: Any) -> Any:
    """A value with each text in it in one line."""
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return one_line(value) if isinstance(value, str) else value


def _escape_slack(text: str, *, at_most: int = _SLACK_SECTION) -> str:
    """Write what Slack would take for a mention or a link as the letters that it is.

    >>> _escape_slack("<!channel> & @here")
    '&lt;!channel&gt; &amp; @\\u200bhere'
    >>> _escape_slack("a<b", at_most=4)
    'a'
    """
    for letter, written in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("@", "@\u200b")):
        text = text.replace(letter, written)
    # No letter is cut in two.
    return text if len(text) <= at_most else re.sub(r"&[a-z]*$", "", text[:at_most])
