"""A mail is handed over encrypted or on this machine alone, and no error holds the password."""

import shutil
import subprocess
from email.message import EmailMessage
from pathlib import Path

import pytest
from tests.conftest import missing
from tests.receivers import mail_server, silent_server

from holdfast.errors import HoldfastError, StudyError
from holdfast.io.mail import send_mail


def mail(*to: str) -> EmailMessage:
    made = EmailMessage()
    made["Subject"], made["From"], made["To"] = "shop", "holdfast@example.com", ", ".join(to)
    made.set_content("2,316 customers")
    return made


def test_a_server_on_this_machine_takes_a_mail_unencrypted() -> None:
    with mail_server() as server:
        answer = send_mail(mail("a@example.com"), f"smtp://127.0.0.1:{server.port}")
    assert answer == "127.0.0.1 accepted it for 1 of 1 readers"
    assert b"2,316 customers" in server.got[0]


def test_another_server_that_offers_no_encryption_gets_nothing() -> None:
    # A way to write 127.0.0.1 that is not recognised as this machine.
    with mail_server() as server, pytest.raises(HoldfastError, match=r"127\.1 offers no STARTTLS"):
        send_mail(mail("a@example.com"), f"smtp://127.1:{server.port}")
    assert server.got == []


def certificate(folder: Path, name: str) -> Path:
    """A certificate of a name that nobody has signed, with its key."""
    if not shutil.which("openssl"):
        missing("there is no openssl")
    path = folder / "certificate.pem"
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mail"
    more = ["-addext", f"subjectAltName={name}", "-keyout", str(path), "-out", "-"]
    done = subprocess.run([*command.split(), *more], capture_output=True, check=True)
    with path.open("ab") as file:
        file.write(done.stdout)
    return path


def test_another_server_gets_a_mail_once_it_is_encrypted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificate(tmp_path, "DNS:127.1")
    with mail_server(own, later=True) as server:
        at = f"smtp://127.1:{server.port}"
        with pytest.raises(HoldfastError, match="certificate verify failed"):
            send_mail(mail("a@example.com"), at)
        assert server.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        assert "accepted it for 1 of 1" in send_mail(mail("a@example.com"), at)


def test_a_certificate_is_checked_and_so_is_the_name_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = certificate(tmp_path, "DNS:localhost")
    with mail_server(own) as server:
        at = f"smtps://localhost:{server.port}"
        with pytest.raises(HoldfastError, match="certificate verify failed"):
            send_mail(mail("a@example.com"), at)
        monkeypatch.setenv("SSL_CERT_FILE", str(own))
        with pytest.raises(HoldfastError, match="certificate verify failed"):
            send_mail(mail("a@example.com"), at.replace("localhost", "127.0.0.1"))
        assert server.got == []
        assert "accepted it for 1 of 1" in send_mail(mail("a@example.com"), at)


def test_a_refused_login_shows_neither_the_password_nor_what_the_server_says() -> None:
    with mail_server() as server, pytest.raises(HoldfastError) as refused:
        send_mail(mail("a@example.com"), f"smtp://user:pa%25ss@127.0.0.1:{server.port}")
    assert str(refused.value) == "127.0.0.1 refused the user's name or password (SMTP 535)"


def test_readers_who_are_refused_are_counted() -> None:
    with mail_server() as server:
        at = f"smtp://127.0.0.1:{server.port}"
        answer = send_mail(mail("nobody@example.com", "a@example.com"), at)
        assert answer.endswith("for 1 of 2 readers")
        with pytest.raises(HoldfastError, match=r"refused every reader: 550 unknown \[2J$"):
            send_mail(mail("nobody@example.com"), at)


@pytest.mark.parametrize(
    "address",
    ["http://u:s3cret@host", "u:s3cret@host", "smtp://u:s3cret@host:x", "smtp://u:s3/cret@host"],
)
def test_what_is_no_address_of_a_server_is_refused_and_not_shown(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_SMTP", address)
    with pytest.raises(StudyError, match="is not understood") as refused:
        send_mail(mail("a@example.com"), "${SHOP_SMTP}")
    assert "cret" not in str(refused.value)


def test_a_server_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holdfast.io.mail._SECONDS", 0.2)
    given_up = pytest.raises(HoldfastError, match=r"cannot be reached: .*timed out")
    with silent_server() as port, given_up:
        send_mail(mail("a@example.com"), f"smtp://127.0.0.1:{port}")
