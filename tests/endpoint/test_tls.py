"""HTTPS beside HTTP: the local authority, the operator's own certificate, and real clients that verify."""

import asyncio
import contextlib
import datetime
import json
import os
import signal
import socket
import ssl
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import trustme
from cryptography import x509
from websockets.asyncio.client import connect

from host_tools.child_endpoint import ChildEndpoint
from host_tools.endpoint import tls
from host_tools.endpoint.errors import EndpointError
from host_tools.endpoint.tls import CA, CA_FOR_BOARDS, LocalAuthority, Pair, Tls, names_of
from host_tools.runtime import Runtime
from tests.plotly_client import PATIENCE_S, PlotlyClient

NAMES = {"localhost", "127.0.0.1", "192.168.7.7"}


def leaf_of(pair: Pair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate.read_bytes())


# The local authority


def test_the_certificate_is_for_this_machine_as_it_is_known_here_and_in_its_network(tmp_path: Path) -> None:
    assert names_of(leaf_of(LocalAuthority(tmp_path).leaf(NAMES))) == NAMES
    assert {"localhost", "127.0.0.1", "::1", socket.gethostname(), "10.0.0.5"} <= tls.local_names("10.0.0.5")


def test_only_the_owner_of_the_folder_may_read_the_keys(tmp_path: Path) -> None:
    LocalAuthority(tmp_path).leaf(NAMES)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.glob("*key*")}
    assert modes == {"ca-key.pem": 0o600, "tls-key.pem": 0o600}


def test_boards_get_the_same_authority_in_their_own_form(tmp_path: Path) -> None:
    LocalAuthority(tmp_path)
    pem, der = (tmp_path / CA).read_bytes(), (tmp_path / CA_FOR_BOARDS).read_bytes()
    assert x509.load_pem_x509_certificate(pem) == x509.load_der_x509_certificate(der)


def test_a_board_whose_clock_begins_in_2000_can_verify(tmp_path: Path) -> None:
    authority = LocalAuthority(tmp_path)
    for certificate in (authority.certificate, leaf_of(authority.leaf(NAMES))):
        assert certificate.not_valid_before_utc == datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)


def test_a_restart_keeps_authority_and_certificate(tmp_path: Path) -> None:
    first = LocalAuthority(tmp_path)
    before = first.leaf(NAMES).certificate.read_bytes()
    again = LocalAuthority(tmp_path)
    assert again.fingerprint == first.fingerprint
    assert again.leaf(NAMES - {"192.168.7.7"}).certificate.read_bytes() == before


def test_another_address_gets_another_certificate_of_the_same_authority(tmp_path: Path) -> None:
    authority = LocalAuthority(tmp_path)
    authority.leaf(NAMES)
    moved = NAMES - {"192.168.7.7"} | {"192.168.7.8"}
    leaf = leaf_of(authority.leaf(moved))
    assert names_of(leaf) == moved
    leaf.verify_directly_issued_by(authority.certificate)


def test_a_certificate_is_renewed_before_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_LEAF_LIFETIME", datetime.timedelta(days=29))
    authority = LocalAuthority(tmp_path)
    old = leaf_of(authority.leaf(NAMES))
    monkeypatch.undo()
    new = leaf_of(authority.leaf(NAMES))
    assert new.not_valid_after_utc - old.not_valid_after_utc > datetime.timedelta(days=300)
    assert leaf_of(authority.leaf(NAMES)) == new


@pytest.mark.parametrize("name", ["tls.pem", "tls-key.pem"])
def test_a_lost_certificate_or_key_is_made_again(tmp_path: Path, name: str) -> None:
    authority = LocalAuthority(tmp_path)
    authority.leaf(NAMES)
    (tmp_path / name).unlink()
    Tls(lambda: authority.leaf(NAMES))


@pytest.mark.parametrize(("name", "damage"), [("ca.pem", b"no PEM"), ("ca-key.pem", b"no PEM"), ("ca-key.pem", None)])
def test_a_damaged_authority_is_named_with_the_remedy_and_left_alone(tmp_path: Path, name: str, damage: bytes | None) -> None:
    LocalAuthority(tmp_path)
    if damage is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(damage)
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(EndpointError, match=r"ca(-key)?\.pem.*restore it, or remove ca\.pem"):
        LocalAuthority(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


# What the authority may sign for


def signed_for(authority: LocalAuthority, name: str, folder: Path) -> Pair:
    """A certificate that whoever has stolen the authority's key makes."""
    stolen = Pair(folder / "stolen.pem", folder / "stolen-key.pem")
    authority._issue(stolen, {name})
    return stolen


def verified(pair: Pair, authority: LocalAuthority, name: str) -> bool:
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=authority.path)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server.load_cert_chain(*pair)
    ends = [ssl.MemoryBIO() for _ in range(2)]
    asking = client.wrap_bio(ends[0], ends[1], server_hostname=name)
    answering = server.wrap_bio(ends[1], ends[0], server_side=True)
    for _ in range(4):
        for end in (asking, answering):
            with contextlib.suppress(ssl.SSLWantReadError):
                try:
                    end.do_handshake()
                except ssl.SSLCertVerificationError:
                    return False
    return True


@pytest.mark.parametrize(
    "name",
    [
        "localhost",
        "127.0.0.1",
        "10.1.2.3",
        "172.31.0.1",
        "192.168.7.7",
        "100.99.1.1",
        "fd00::1",
        "::1",
        "renamed.local",
        "pi.fritz.box",
    ],
)
def test_a_new_authority_signs_for_whatever_the_machine_is_called_in_a_network_of_its_own(tmp_path: Path, name: str) -> None:
    authority = LocalAuthority(tmp_path)
    assert verified(authority.leaf({name}), authority, name)


def test_a_new_authority_signs_for_what_the_machine_was_called_when_it_was_made(tmp_path: Path) -> None:
    authority = LocalAuthority(tmp_path, ["203.0.113.7", "plots.example.com"])
    for name in ("203.0.113.7", "plots.example.com", socket.gethostname()):
        assert verified(authority.leaf({name}), authority, name)


@pytest.mark.parametrize("name", ["bank.example", "localhost.bank.example", "evillocal", "8.8.8.8", "2001:db8::1"])
def test_nobody_can_be_a_site_of_the_world_with_its_key(tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture) -> None:
    authority = LocalAuthority(tmp_path)
    assert not verified(signed_for(authority, name, tmp_path), authority, name)
    assert names_of(leaf_of(authority.leaf({"localhost", name}))) == {"localhost"}
    authority.leaf({"localhost", name})
    assert [record.args[1] for record in caplog.records if isinstance(record.args, tuple)] == [name]


def test_boards_refuse_a_critical_constraint_so_it_is_none(tmp_path: Path) -> None:
    constraints = LocalAuthority(tmp_path).certificate.extensions.get_extension_for_class(x509.NameConstraints)
    assert constraints.critical is False


def test_an_authority_of_an_older_version_stays_and_signs_as_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_constraints", lambda names: x509.CertificatePolicies([]))
    monkeypatch.setattr(x509.CertificateBuilder, "add_extension", _without_policies(x509.CertificateBuilder.add_extension))
    old = LocalAuthority(tmp_path)
    monkeypatch.undo()
    again = LocalAuthority(tmp_path)
    assert again.fingerprint == old.fingerprint
    assert verified(again.leaf({"plots.example.com"}), again, "plots.example.com")


def _without_policies(add: Callable[..., Any]) -> Callable[..., Any]:
    return lambda builder, value, critical: (
        builder if isinstance(value, x509.CertificatePolicies) else add(builder, value, critical)
    )


# The operator's own certificate


@pytest.fixture(scope="module")
def issuer() -> trustme.CA:
    return trustme.CA()


def operators(folder: Path, certificate: trustme.LeafCert) -> Pair:
    pair = Pair(folder / "cert.pem", folder / "key.pem")
    pair.certificate.write_bytes(certificate.cert_chain_pems[0].bytes())
    assert pair.key is not None
    pair.key.write_bytes(certificate.private_key_pem.bytes())
    return pair


def refused(pair: Pair) -> str:
    with pytest.raises(EndpointError) as error:
        Tls(lambda: pair)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_certificate_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert f"cannot read {tmp_path / 'none.pem'}: No such file" in refused(Pair(tmp_path / "none.pem", None))


def test_a_file_that_is_no_certificate_is_named(tmp_path: Path) -> None:
    (tmp_path / "cert.pem").write_text("my diary")
    assert f"no certificate with its key in {tmp_path / 'cert.pem'}" in refused(Pair(tmp_path / "cert.pem", None))


def test_a_key_of_another_certificate_is_named(tmp_path: Path, issuer: trustme.CA) -> None:
    pair = operators(tmp_path, issuer.issue_cert("localhost"))
    assert pair.key is not None
    pair.key.write_bytes(issuer.issue_cert("localhost").private_key_pem.bytes())
    assert f"the key {pair.key} does not belong to the certificate {pair.certificate}" in refused(pair)


def test_an_encrypted_key_is_refused_without_a_question(tmp_path: Path, issuer: trustme.CA) -> None:
    pair = operators(tmp_path, issuer.issue_cert("localhost"))
    subprocess.run(
        ["openssl", "pkcs8", "-topk8", "-in", "key.pem", "-passout", "pass:abc", "-out", "locked.pem"], cwd=tmp_path, check=True
    )
    assert "is encrypted: give one without a passphrase" in refused(Pair(pair.certificate, tmp_path / "locked.pem"))


def test_a_renewed_certificate_is_taken_over_without_a_restart(tmp_path: Path, issuer: trustme.CA) -> None:
    pair = operators(tmp_path, issuer.issue_cert("localhost"))
    kept = Tls(lambda: pair)
    assert kept.refresh() is False
    operators(tmp_path, issuer.issue_cert("localhost", "renewed.test"))
    assert kept.refresh() is True


# A running endpoint

Serve = Callable[..., ChildEndpoint]


@pytest.fixture
def secured(serve: Serve) -> ChildEndpoint:
    return serve("--tls-self-signed", "--tls-port", "0")


def trusting(endpoint: ChildEndpoint) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=endpoint.data / CA)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    return context


@contextlib.contextmanager
def connected(endpoint: ChildEndpoint) -> Iterator[ssl.SSLSocket]:
    url = urlsplit(endpoint.tls_url or "")
    plain = socket.create_connection((url.hostname or "", url.port or 0), timeout=PATIENCE_S)
    with plain, trusting(endpoint).wrap_socket(plain, server_hostname=url.hostname) as secured:
        yield secured


def read_all(connection: ssl.SSLSocket) -> bytes:
    answer = b""
    while block := connection.recv(65536):
        answer += block
    return answer


def begin(token: str) -> bytes:
    return f"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nplotly-streamtoken: {token}\r\n\r\n".encode()


CHUNK = b'e\r\n{"x":1,"y":2}\n\r\n'


def test_one_endpoint_speaks_http_and_https(secured: ChildEndpoint) -> None:
    path = PlotlyClient(secured).new_plot({"y": [1, 2]})
    pages = [
        urlopen(f"{secured.url}{path}.json", timeout=PATIENCE_S).read(),
        urlopen(f"{secured.tls_url}{path}.json", timeout=PATIENCE_S, context=trusting(secured)).read(),
    ]
    assert pages[0] == pages[1]
    assert json.loads(pages[0])["data"] == [{"y": [1, 2]}]


def test_a_client_that_trusts_others_only_refuses_the_endpoint(secured: ChildEndpoint) -> None:
    with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urlopen(secured.tls_url or "", timeout=PATIENCE_S, context=ssl.create_default_context())


def test_rest_over_https_answers_with_https_addresses(secured: ChildEndpoint) -> None:
    client = PlotlyClient(secured)
    form = "&".join(f"{key}={value}" for key, value in client.fields([{"y": [1]}]).items())
    with urlopen(f"{secured.tls_url}/clientresp", form.encode(), PATIENCE_S, context=trusting(secured)) as response:
        assert json.loads(response.read())["url"].startswith(f"{secured.tls_url}/~")


def test_a_stream_over_tls_is_stored_and_answered(secured: ChildEndpoint) -> None:
    client = PlotlyClient(secured)
    token = client.token()
    path = client.new_plot({"x": [], "y": [], "stream": {"token": token}})
    with connected(secured) as connection:
        connection.sendall(begin(token) + CHUNK * 3 + b"0\r\n\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 200 ")
    assert client.figure(path)["data"][0]["y"] == [2, 2, 2]


def test_a_refusal_over_tls_reaches_a_client_that_still_writes(secured: ChildEndpoint) -> None:
    with connected(secured) as connection:
        connection.sendall(begin("zzzzzzzzzz"))
        for _ in range(20):
            connection.sendall(CHUNK * 100)
        assert read_all(connection).startswith(b"HTTP/1.1 404 ")


def test_several_requests_on_one_tls_connection(secured: ChildEndpoint) -> None:
    client = PlotlyClient(secured)
    token = client.token()
    client.new_plot({"x": [], "y": [], "stream": {"token": token}})
    stream = begin(token).replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n")
    with connected(secured) as connection:
        connection.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: x\r\n\r\n" + (stream + CHUNK + b"0\r\n\r\n") * 2)
        connection.sendall(b"GET /static/icon.svg HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_all(connection).count(b"HTTP/1.1 200 ") == 4


def test_viewers_are_fed_over_tls(secured: ChildEndpoint) -> None:
    path = PlotlyClient(secured).new_plot({"y": [7]})
    address = (secured.tls_url or "").replace("https://", "wss://")

    async def first_message() -> Any:
        # Not websockets.sync: it reads and writes one SSL object in two threads, which loses a handshake now and then.
        async with asyncio.timeout(PATIENCE_S), connect(f"{address}{path}/ws", ssl=trusting(secured)) as viewer:
            return json.loads(await viewer.recv())

    assert asyncio.run(first_message())["figure"]["data"] == [{"y": [7]}]


def test_a_stop_answers_streams_over_tls(secured: ChildEndpoint) -> None:
    client = PlotlyClient(secured)
    token = client.token()
    client.new_plot({"x": [], "y": [], "stream": {"token": token}})
    with connected(secured) as connection:
        connection.sendall(begin(token).replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n"))
        assert connection.recv(4096).startswith(b"HTTP/1.1 100 ")
        assert secured.pid
        os.kill(secured.pid, signal.SIGINT)
        assert read_all(connection).startswith(b"HTTP/1.1 408 ")


def test_a_tls_client_at_the_plain_port_is_told(secured: ChildEndpoint) -> None:
    with pytest.raises(URLError, match=r"(?i)wrong.version.number"):
        urlopen(secured.url.replace("http:", "https:"), timeout=PATIENCE_S, context=trusting(secured))


def test_a_plain_client_at_the_tls_port_leaves_no_trace_in_the_log(secured: ChildEndpoint) -> None:
    with pytest.raises(OSError, match=r"."):
        urlopen((secured.tls_url or "").replace("https:", "http:"), timeout=PATIENCE_S)
    assert secured.log.read_text() == ""


def test_an_operators_certificate_is_served(serve: Serve, tmp_path: Path, issuer: trustme.CA) -> None:
    pair = operators(tmp_path, issuer.issue_cert("127.0.0.1"))
    endpoint = serve("--tls-cert", str(pair.certificate), "--tls-key", str(pair.key), "--tls-port", "0")
    context = ssl.create_default_context()
    issuer.configure_trust(context)
    assert urlopen(endpoint.tls_url or "", timeout=PATIENCE_S, context=context).status == 200
    assert not (endpoint.data / CA).exists()


# MicroPython, with the TLS that boards have

PROGRAM = """
import socket, sys, tls
ca, host, port, name = sys.argv[1:]
context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
context.verify_mode = tls.CERT_REQUIRED
with open(ca, "rb") as file:
    context.load_verify_locations(file.read())
plain = socket.socket()
plain.connect(socket.getaddrinfo(host, int(port))[0][-1])
try:
    secured = context.wrap_socket(plain, server_hostname=name)
    secured.write(b"GET /static/icon.svg HTTP/1.0\\r\\n\\r\\n")
    print(secured.read(15))
except (OSError, ValueError) as error:
    print("refused:", *error.args)
"""


def ask_from_micropython(runtime: Runtime, folder: Path, endpoint: ChildEndpoint, name: str, ca: Path) -> str:
    program = folder / "program.py"
    program.write_text(PROGRAM)
    url = urlsplit(endpoint.tls_url or "")
    argv = runtime.command(str(program), str(ca), url.hostname or "", str(url.port), name)
    return subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE_S, check=True).stdout


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_micropython_trusts_the_endpoint_by_name_and_by_address(
    runtime: Runtime, tmp_path: Path, secured: ChildEndpoint, name: str
) -> None:
    said = ask_from_micropython(runtime, tmp_path, secured, name, secured.data / CA_FOR_BOARDS)
    assert said == "b'HTTP/1.1 200 OK'\n"


def test_micropython_refuses_a_wrong_name_and_a_wrong_authority(runtime: Runtime, tmp_path: Path, secured: ChildEndpoint) -> None:
    (tmp_path / "other").mkdir()
    LocalAuthority(tmp_path / "other")
    for name, ca in (("elsewhere.test", secured.data), ("10.9.8.7", secured.data), ("localhost", tmp_path / "other")):
        said = ask_from_micropython(runtime, tmp_path, secured, name, ca / CA_FOR_BOARDS)
        assert said.startswith("refused: "), said
