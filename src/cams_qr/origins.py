"""Web origins, as browsers write them in the header Origin."""

import re

_DEFAULT_PORTS = {"http": 80, "https": 443}
# The pages of apps made with Capacitor, Ionic and Tauri.
_SCHEMES = (*_DEFAULT_PORTS, "capacitor", "ionic", "tauri")
_ORIGIN = re.compile(r"([a-z]+)://(\[[0-9a-f:.]+\]|[^\[\]:/?#@\\%\s]+)(?::([0-9]{0,5}))?([/?#].*)?", re.IGNORECASE)
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_LIKE = "like https://shop.example.com or http://localhost:5173"


def normalise_origin(text: str) -> str:
    """The origin as browsers write it: lower case, punycode, no default port, no slash at the end.

    Raises ValueError, which says what to write, without the text.
    """
    found = _ORIGIN.fullmatch(text)
    scheme, host, port, rest = found.groups() if found else ("", "", "", "")
    scheme = scheme.lower()
    if scheme not in _SCHEMES:
        schemes = ", ".join(f"{scheme}://" for scheme in _SCHEMES)
        raise ValueError(f"an origin is one of {schemes} and a host, {_LIKE}; separate several by commas")
    if rest not in (None, "/"):
        raise ValueError(f"an origin has no path and no query; end it after the host or the port, {_LIKE}")
    if "*" in host:
        raise ValueError("an origin has no wildcard; list each subdomain, or write * alone to allow every origin")
    return f"{scheme}://{_ascii(host)}{_explicit(port, scheme)}"


def _explicit(port: str | None, scheme: str) -> str:
    """The port with its colon; nothing if it is the scheme's own."""
    if not port or int(port) == _DEFAULT_PORTS.get(scheme):
        return ""
    if not 1 <= int(port) <= 65535:
        raise ValueError("the port of an origin must be between 1 and 65535")
    return f":{int(port)}"


def _ascii(host: str) -> str:
    try:
        name = _compressed(host) if host.startswith("[") else host.lower() if host.isascii() else _punycode(host)
    except ValueError:
        name = ""
    if not name.startswith("[") and not _HOST.fullmatch(name):
        raise ValueError(f"the host of an origin is a domain (in punycode, xn--…, if need be) or an address, {_LIKE}")
    return name


def _compressed(address: str) -> str:
    # Hardly any origin needs this module, and the start has no time for it.
    from ipaddress import IPv6Address

    return f"[{IPv6Address(address[1:-1]).compressed}]"


def _punycode(host: str) -> str:
    # The same is true of this one.
    import idna

    return idna.encode(host, uts46=True).decode()
