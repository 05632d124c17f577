"""`plotpost serve`: the endpoint."""

import logging
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from host_tools import output
from host_tools.cli import options

if TYPE_CHECKING:
    from host_tools.endpoint.fault import Fault
    from host_tools.endpoint.proxies import Network
    from host_tools.endpoint.server import Endpoint, TlsConfig


def _faults(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> "list[Fault]":
    from host_tools.endpoint.fault import parse

    try:
        return [parse(text) for text in texts]
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _names(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if not re.fullmatch(r"[A-Za-z0-9_.-]+", text):
            raise click.BadParameter(
                f"{text!r} is no name: use one such as plots.example.com, without http:// and without a port"
            )
    return texts


def _proxies(context: click.Context, option: click.Parameter, texts: tuple[str, ...]) -> "list[Network]":
    from host_tools.endpoint.proxies import parse_proxy

    try:
        return [parse_proxy(text) for text in texts]
    except ValueError:
        raise click.BadParameter("use an address such as 127.0.0.1, or a network such as 172.17.0.0/16") from None


@click.command(short_help="Run the endpoint that boards send to and browsers look at.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; 0.0.0.0 lets boards of your network in."
)
@click.option("--port", type=click.IntRange(0, 65535), default=options.DEFAULT_PORT, show_default=True, help="Port; 0 takes any.")
@click.option("--tls-self-signed", is_flag=True, help="Serve HTTPS too, with a certificate that is made and renewed here.")
@click.option(
    "--tls-cert",
    type=click.Path(path_type=Path),
    help="Serve HTTPS too, with this certificate (PEM, with those between it and its root).",
)
@click.option("--tls-key", type=click.Path(path_type=Path), help="Its key (PEM), if it is not in the same file.")
@click.option(
    "--tls-port",
    type=click.IntRange(0, 65535),
    help="Port for HTTPS; 0 takes any.",
    show_default=str(options.DEFAULT_TLS_PORT),
)
@click.option(
    "--name",
    "names",
    multiple=True,
    callback=_names,
    help="Another name that browsers know this endpoint by, such as plots.example.com. May be given several times.",
)
@click.option(
    "--trusted-proxy",
    "proxies",
    multiple=True,
    metavar="ADDRESS",
    callback=_proxies,
    help="Address, or network, of a proxy of yours: it is believed for whom and under which name it asks. May be given several times.",
)
@options.data
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:HOW OFTEN]",
    callback=_faults,
    help="Misbehave on purpose towards boards, to test them: stall, reset, half-open, slow, or a status such as 503; each stream,"
    " every third with :3, one in ten at random with :0.1. ask: only when a kind is typed. See docs/faults.md.",
)
@options.as_json
def serve(
    host: str,
    port: int,
    tls_self_signed: bool,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_port: int | None,
    names: tuple[str, ...],
    proxies: "list[Network]",
    data: Path,
    faults: "list[Fault]",
    as_json: bool,
) -> None:
    """Run the endpoint that boards send to and browsers look at, until Ctrl-C.

    The first start makes a user and prints the API key, which cannot be shown again.

    \b
    Examples:
      plotpost serve                     for this machine only
      plotpost serve --host 0.0.0.0      for the boards and browsers of your network
      plotpost serve --tls-self-signed   HTTPS too, on port 8443
      plotpost serve --trusted-proxy 127.0.0.1   behind an nginx of this machine
      plotpost serve --fault reset:0.2   one stream in five is reset, at a random moment
    """
    from host_tools.endpoint.fault import Faults
    from host_tools.endpoint.server import EndpointConfig
    from host_tools.endpoint.server import serve as run

    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname).1s %(name)s %(message)s")
    bad = Faults(faults, output.note) if faults else None

    def ready(endpoint: "Endpoint") -> None:
        _greet(endpoint, as_json)
        if bad is not None:
            bad.listen(sys.stdin)

    tls = _tls(port, tls_self_signed, tls_cert, tls_key, tls_port)
    run(EndpointConfig(data, host, port, faults=bad, tls=tls, names=names, proxies=tuple(proxies)), ready)


def _tls(port: int, self_signed: bool, cert: Path | None, key: Path | None, tls_port: int | None) -> "TlsConfig | None":
    from host_tools.endpoint.server import TlsConfig
    from host_tools.endpoint.tls import Pair

    if self_signed and (cert or key):
        raise click.UsageError("--tls-self-signed makes its own certificate: leave --tls-cert and --tls-key away")
    if not self_signed and cert is None:
        if key or tls_port is not None:
            raise click.UsageError("HTTPS needs --tls-self-signed, or --tls-cert and --tls-key")
        return None
    chosen = options.DEFAULT_TLS_PORT if tls_port is None else tls_port
    if chosen == port != 0:
        raise click.UsageError("--port and --tls-port must differ")
    return TlsConfig(chosen, Pair(cert, key) if cert else None)


def _greet(endpoint: "Endpoint", as_json: bool) -> None:
    if as_json:
        output.line(_facts(endpoint))
        return
    ports = [endpoint.http, *([endpoint.https] if endpoint.https else [])]
    output.say(f"Plots:    {'   '.join(port.url for port in ports)}   (Ctrl-C ends it)")
    if endpoint.lan_url:
        output.say(f"Boards:   {'   '.join(port.lan_url for port in ports if port.lan_url)}")
        output.say(
            f"          {'   '.join(port.local_url for port in ports if port.local_url)}   (stays when the address changes)"
        )
    output.say(f"Data:     {endpoint.config.data}")
    if endpoint.authority:
        _tell_trust(endpoint)
    user = endpoint.new_user
    if user:
        output.say(f"User:     {user.name}, API key {user.api_key}   (write it down, it is not shown again)")


def _facts(endpoint: "Endpoint") -> dict[str, str | None]:
    http, https = endpoint.http, endpoint.https
    facts = {"url": http.url, "lan_url": http.lan_url, "local_url": http.local_url, "data": str(endpoint.config.data)}
    if https:
        facts |= {"tls_url": https.url, "tls_lan_url": https.lan_url, "tls_local_url": https.local_url}
    if endpoint.authority:
        facts |= {"ca": str(endpoint.authority.path), "ca_sha256": endpoint.authority.fingerprint}
    if endpoint.new_user:
        facts |= {"user": endpoint.new_user.name, "api_key": endpoint.new_user.api_key}
    return facts


def _tell_trust(endpoint: "Endpoint") -> None:
    """How clients come to trust a certificate that nobody else has signed."""
    authority = endpoint.authority
    assert authority is not None
    output.say("Trust:    HTTPS works where this endpoint's own certificate authority is trusted:")
    output.say(f'          boards     copy {authority.path_for_boards} to the board, and name it under "ca" in secrets.json')
    output.say(f"          browsers   import {authority.path} as an authority for websites")
    output.say("          programs   curl --cacert FILE, SSL_CERT_FILE, REQUESTS_CA_BUNDLE or NODE_EXTRA_CA_CERTS with that file")
    output.say(f"          its SHA-256 fingerprint is {authority.fingerprint}")
