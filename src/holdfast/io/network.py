"""Names and addresses: which of them mean this machine, and which are not the public's.

A Host or an Origin comes from whoever asks, so it is read strictly: a name, perhaps a port, and
nothing else.
"""

import errno
import re
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from threading import Thread

from holdfast.errors import InputError

_PAUSE_SECONDS = 0.1
LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
FORWARDING = ("forwarded", "via", "x-real-ip", "x-forwarded-")
"""How the headers begin that a proxy adds: who asks through one is not on this machine."""
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9a-z_.-]+))(?::\d{1,5})?", re.ASCII)
_NAT64 = IPv6Network("64:ff9b::/96")
_NOBODYS = [ip_network(each) for each in ("192.0.0.0/24", "64:ff9b:1::/48", "2001::/32")]
"""Of protocols, clouds' own machines and tunnels; Python calls some of them global."""

Address = IPv4Address | IPv6Address


def require_free_port(host: str, port: int) -> None:
    """Raise unless a server may listen at a port.

    Raises
    ------
    InputError
        Another program listens there, or this user may not, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as tried:
            # As servers do: a connection that has just ended does not count.
            tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            tried.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} on {host} is in use by another program",
                fix="stop that one, or give another --port",
                port=port,
            ) from None
        raise InputError(
            f"nothing can listen on {host}, port {port}: {error.strerror or error}",
            fix="give another --host or --port",
            port=port,
        ) from None


def say_once_listening(host: str, port: int, lines: Sequence[str]) -> None:
    """Write lines to stderr as soon as a server of this process, or of a child, takes connections;
    returns at once.
    """
    reached = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    Thread(target=_wait_and_say, args=(reached, port, lines), daemon=True).start()


def _wait_and_say(host: str, port: int, lines: Sequence[str]) -> None:
    while True:
        with suppress(OSError), socket.create_connection((host, port), timeout=1):
            break
        time.sleep(_PAUSE_SECONDS)
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.stderr.flush()


def host_name(host: str) -> str | None:
    """The name in a Host header, in lower case; None where it holds anything but a name and a port.

    >>> host_name("[::1]:8000"), host_name("LocalHost"), host_name("localhost:1@example.com")
    ('::1', 'localhost', None)
    """
    match = _HOST.fullmatch(host.lower())
    return (match[1] or match[2]) if match else None


def is_same_origin(origin: str, host: str) -> bool:
    """Whether a page's origin is the server that it asks: name and port, not the name alone.

    >>> is_same_origin("http://localhost:8000", "localhost:8000")
    True
    >>> is_same_origin("http://localhost:3000", "localhost:8000")
    False
    """
    return origin.lower() in (f"http://{host.lower()}", f"https://{host.lower()}")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address.

    >>> (is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("localhost"),
    ...  is_loopback("0.0.0.0"))
    (True, True, True, False)
    """
    if host == "localhost":
        return True
    address = read_address(host)
    return address is not None and address.is_loopback


def read_address(host: str) -> Address | None:
    """An address written out; None for a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return _unwrap(address)


def _unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    translated = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else None
    return address.ipv4_mapped or address.sixtofour or translated or address


def is_public(address: Address) -> bool:
    """Whether an address is anybody's on the internet: not private, link-local (which clouds answer
    with their machines' secrets), reserved or of a group.

    >>> [is_public(ip_address(each)) for each in ("169.254.169.254", "10.1.2.3", "1.1.1.1")]
    [False, False, True]
    """
    at = _unwrap(address)
    return at.is_global and not at.is_multicast and not any(at in net for net in _NOBODYS)
