"""A mail goes to the one server that the study names, encrypted and by a certificate that was
checked.
"""

import smtplib
import ssl
from contextlib import closing, suppress
from email.message import EmailMessage
from urllib.parse import SplitResult, unquote, urlsplit

from holdfast.errors import HoldfastError, StudyError
from holdfast.io.files import fill_variables
from holdfast.io.network import is_loopback

_SECONDS = 10
_PORTS = {"smtp": 587, "smtps": 465}
_SHOWN = 200
"""Characters of what a server answers."""


def send_mail(mail: EmailMessage, smtp: str, *, key: str = "messages.email.smtp") -> str:
    """Hand a mail over, once.

    Parameters
    ----------
    smtp
        smtp://user:password@host:587 or smtps://...; `${VAR}` is filled in from the environment.
    key
        Of the study, that the address is from.

    Returns
    -------
    str
        For how many of its readers it was accepted.

    Raises
    ------
    StudyError
        The address uses a variable that is not set, or is none.
    HoldfastError
        The server cannot be reached, offers no encryption, or refused. Neither the user's name nor
        the password is in it.
    """
    parts = _read_address(fill_variables(smtp, where=key), key)
    try:
        with closing(_connect(parts)) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            refused = server.send_message(mail)
            # It has the mail: how it says goodbye changes nothing.
            with suppress(smtplib.SMTPException, OSError):
                server.quit()
    except (smtplib.SMTPException, OSError, ValueError) as error:
        raise HoldfastError(f"{parts.hostname} {_describe(error)}") from None
    n = len(str(mail["To"]).split(","))
    return f"{parts.hostname} accepted it for {n - len(refused)} of {n} readers"


def _read_address(url: str, key: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        parts, host = SplitResult("", "", "", "", ""), None
    if parts.scheme not in _PORTS or not host or parts.path not in ("", "/"):
        # It is not shown: the password is in it.
        raise StudyError(
            f"the address of {key} is not understood",
            fix="write it as smtp://user:password@host:587 or smtps://user:password@host, with %40 "
            "for an @ in the password, and so on",
        )
    return parts


def _connect(parts: SplitResult) -> smtplib.SMTP:
    """Connect; encrypted, unless nothing leaves this machine."""
    host, port = str(parts.hostname), parts.port or _PORTS[parts.scheme]
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=_SECONDS, context=context)
    server = smtplib.SMTP(host, port, timeout=_SECONDS)
    if is_loopback(host):
        return server
    try:
        server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _describe(error: Exception) -> str:
    """What went wrong; of a refused login not the server's words, which may repeat the secret."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return f"refused the user's name or password (SMTP {error.smtp_code})"
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return "offers no STARTTLS, or no login: use smtps://, or another server"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, words = next(iter(error.recipients.values()))
        return f"refused every reader: {_answer(code, words)}"
    if isinstance(error, smtplib.SMTPResponseException):
        return f"answered {_answer(error.smtp_code, error.smtp_error)}"
    if isinstance(error, UnicodeError):
        return "cannot be asked: the user's name or password is not plain ASCII"
    return f"cannot be reached: {getattr(error, 'strerror', None) or error}"


def _answer(code: int, words: bytes | str) -> str:
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"{code} {printable}"[:_SHOWN]
