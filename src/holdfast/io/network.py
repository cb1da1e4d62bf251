"""Names and addresses: which of them mean this machine, and which are not the public's.

A Host or an Origin comes from whoever asks, so it is read strictly: a name, perhaps a port, and
nothing else.
"""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")
FORWARDING = ("forwarded", "via", "x-real-ip", "x-forwarded-")
"""How the headers begin that a proxy adds: who asks through one is not on this machine."""
_HOST = re.compile(r"(?:\[([0-9a-f:.]+)\]|([0-9a-z_.-]+))(?::\d{1,5})?", re.ASCII)

Address = IPv4Address | IPv6Address


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
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def is_public(address: Address) -> bool:
    """Whether an address is anybody's on the internet: not private, link-local (which clouds answer
    with their machines' secrets), reserved or of a group.

    >>> [is_public(ip_address(each)) for each in ("169.254.169.254", "10.1.2.3", "1.1.1.1")]
    [False, False, True]
    """
    return address.is_global and not address.is_multicast
