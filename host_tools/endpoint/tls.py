"""TLS: the operator's own certificate, or one of a local certificate authority that is made and renewed here."""

import contextlib
import ipaddress
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from . import machine
from .errors import EndpointError

logger = logging.getLogger(__name__)

CA = "ca.pem"
CA_FOR_BOARDS = "ca.der"  # the same: MicroPython on boards reads no PEM
_CA_KEY = "ca-key.pem"
_LEAF = "tls.pem"
_LEAF_KEY = "tls-key.pem"
SECRET_FILES = (_CA_KEY, _LEAF_KEY)

# A board verifies before it knows the time: its clock starts in 2000 (ESP32) or 2021 (Pico).
_NOT_BEFORE = datetime(2000, 1, 1, tzinfo=UTC)
_CA_YEARS = 20
_LEAF_LIFETIME = timedelta(days=365)
_RENEW = timedelta(days=30)

# What an authority may sign for, beside what the machine is called when it is made: names that no public authority gives, and
# addresses that are no public ones (RFC 6761, 6762, 8375, 1918, 6598, 3927, 4193, 4291), wherever the machine moves.
_PRIVATE_NAMES = ("localhost", "local", "lan", "home", "internal", "home.arpa", "fritz.box")
_PRIVATE_NETWORKS = (
    "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16",
    "::1/128", "fc00::/7", "fe80::/10",
)  # fmt: skip

_ANEW = f"restore it, or remove {CA} to begin anew: then clients must trust the new one"

_Key = ec.EllipticCurvePrivateKey


class Pair(NamedTuple):
    """A certificate and its key, both PEM; the key may stand in the certificate's file."""

    certificate: Path
    key: Path | None


class Tls:
    """What the TLS port shows to clients. `find` gives the files, and sees to it that they are good for a while."""

    def __init__(self, find: Callable[[], Pair]) -> None:
        """Raises EndpointError."""
        self._find = find
        self.names: set[str] = set()  # that the certificate is for
        self._loaded: list[bytes] = []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.set_alpn_protocols(["http/1.1"])
        self.refresh()

    def refresh(self) -> bool:
        """Take over files that have changed: new connections see them. False if they are the same. Raises EndpointError."""
        pair = self._find()
        content = [_read(path) for path in pair if path is not None]
        if content == self._loaded:
            return False
        load(self.context, pair)
        self.names = _names_in(content[0])
        self._loaded = content
        return True


def load(context: ssl.SSLContext, pair: Pair) -> None:
    """Raises EndpointError that names the file and the remedy."""

    def encrypted() -> str:
        raise EndpointError(f"the key {pair.key or pair.certificate} is encrypted: give one without a passphrase")

    try:
        context.load_cert_chain(pair.certificate, pair.key, encrypted)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise EndpointError(f"the key {pair.key} does not belong to the certificate {pair.certificate}") from None
        files = " and ".join(str(path) for path in pair if path is not None)
        raise EndpointError(f"no certificate with its key in {files}: both must be PEM; see --tls-cert and --tls-key") from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise EndpointError(f"cannot read {path}: {error.strerror}; see --tls-cert and --tls-key") from None


class LocalAuthority:
    """A certificate authority for one endpoint: `ca.pem` in its data folder, which clients are told to trust."""

    def __init__(self, folder: Path, names: Iterable[str] = ()) -> None:
        """Made when missing; one that is made now may sign for private names, for this machine's, and for `names`, and no others.

        Raises EndpointError when its files cannot be read or written.
        """
        self._folder = folder
        self._told_of: set[str] = set()
        with _told(folder / CA):
            if not (folder / CA).exists():
                self._make(local_names(*names))
            self.certificate = x509.load_pem_x509_certificate((folder / CA).read_bytes())
            self._key = _load_key(folder / _CA_KEY)
            if self._key.public_key() != self.certificate.public_key():
                raise ValueError("the key of another certificate")
            _write(folder / CA_FOR_BOARDS, self.certificate.public_bytes(serialization.Encoding.DER), 0o644)

    @property
    def path(self) -> Path:
        return self._folder / CA

    @property
    def path_for_boards(self) -> Path:
        return self._folder / CA_FOR_BOARDS

    @property
    def fingerprint(self) -> str:
        """SHA-256, in the notation of browsers and openssl."""
        return self.certificate.fingerprint(hashes.SHA256()).hex(":").upper()

    def leaf(self, names: set[str]) -> Pair:
        """A certificate for all the names and addresses that it may sign for; another one when it is near its end or lacks one.

        Raises EndpointError.
        """
        pair = Pair(self._folder / _LEAF, self._folder / _LEAF_KEY)
        names = self._allowed(names)
        with _told(pair.certificate):
            if not self._good(pair, names):
                self._issue(pair, names)
        return pair

    def _good(self, pair: Pair, names: set[str]) -> bool:
        if not pair.certificate.exists() or pair.key is None or not pair.key.exists():
            return False
        leaf = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        return (
            leaf.not_valid_after_utc - _RENEW > datetime.now(UTC)
            and names <= names_of(leaf)
            and leaf.public_key() == _load_key(pair.key).public_key()
            and _is_issued_by(leaf, self.certificate)
        )

    def _allowed(self, names: set[str]) -> set[str]:
        """Without those that it may not sign for: one of them would make the certificate worthless. That is told once."""
        allowed = {name for name in names if _may_sign(self.certificate, name)}
        for name in sorted(names - allowed - self._told_of):
            logger.warning(
                "%s may not sign for %s, which it was not made for; browsers and boards cannot use HTTPS by it", self.path, name
            )
        self._told_of |= names
        return allowed

    def _make(self, names: set[str]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"plotpost on {socket.gethostname()}"[:64])
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.BasicConstraints(ca=True, path_length=0), True),
            (_usage(signs_certificates=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (_constraints(names), False),  # critical, as RFC 5280 has it, mbedTLS on boards would refuse the certificate
        ]
        now = datetime.now(UTC)
        certificate = _sign(key, name, key, name, now.replace(year=now.year + _CA_YEARS, day=1), extensions)
        _write_key(self._folder / _CA_KEY, key)
        _write(self._folder / CA, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _issue(self, pair: Pair, names: set[str]) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        authority = self.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (x509.SubjectAlternativeName([_general_name(name) for name in sorted(names)]), False),
            (x509.BasicConstraints(ca=False, path_length=None), True),
            (_usage(signs_certificates=False), True),
            (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), False),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            (x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), False),
        ]
        end = datetime.now(UTC) + _LEAF_LIFETIME
        certificate = _sign(self._key, self.certificate.subject, key, _name("plotpost endpoint"), end, extensions)
        assert pair.key is not None
        _write_key(pair.key, key)
        _write(pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def names_of(certificate: x509.Certificate) -> set[str]:
    """The names and addresses that a certificate is for."""
    listed = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {*listed.get_values_for_type(x509.DNSName), *map(str, listed.get_values_for_type(x509.IPAddress))}


def _names_in(pem: bytes) -> set[str]:
    """Of the first certificate of a file; one of the old kind has none."""
    try:
        return names_of(x509.load_pem_x509_certificate(pem))
    except (ValueError, x509.ExtensionNotFound):
        return set()


def _constraints(names: set[str]) -> x509.NameConstraints:
    """Whoever steals the authority's key can be none of the sites of the world."""
    general = {_general_name(name) for name in names}
    addresses = {str(ipaddress.ip_network(each.value)) for each in general if isinstance(each, x509.IPAddress)}
    hosts = {each.value for each in general if isinstance(each, x509.DNSName)}
    return x509.NameConstraints(
        [
            *(x509.DNSName(name) for name in sorted({*_PRIVATE_NAMES, *hosts})),
            *(x509.IPAddress(ipaddress.ip_network(network)) for network in sorted({*_PRIVATE_NETWORKS, *addresses})),
        ],
        None,
    )


def _may_sign(authority: x509.Certificate, name: str) -> bool:
    """Whether its name constraints allow the name (RFC 5280 section 4.2.1.10); an authority of an older version has none."""
    try:
        permitted = authority.extensions.get_extension_for_class(x509.NameConstraints).value.permitted_subtrees or []
    except x509.ExtensionNotFound:
        return True
    wanted = _general_name(name)
    if isinstance(wanted, x509.IPAddress):
        networks = [each.value for each in permitted if isinstance(each, x509.IPAddress)]
        return any(wanted.value in network for network in networks)  # type: ignore[operator]  # addresses stand in none of these
    return any(isinstance(each, x509.DNSName) and f".{name.lower()}".endswith(f".{each.value.lower()}") for each in permitted)


def local_names(*more: str) -> set[str]:
    """What this machine is called by itself and, as far as it knows, by others; `more` are added."""
    host = socket.gethostname()
    names = {"localhost", "127.0.0.1", "::1", host, f"{machine.label()}.local", *more}
    return {name for name in names if _is_possible(name)}


def _is_possible(name: str) -> bool:
    return bool(name) and name.isascii() and len(name) <= 253 and "_" not in name


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(
    issuer_key: _Key,
    issuer: x509.Name,
    key: _Key,
    subject: x509.Name,
    end: datetime,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_NOT_BEFORE)
        .not_valid_after(end)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(issuer_key, hashes.SHA256())


def _is_issued_by(leaf: x509.Certificate, authority: x509.Certificate) -> bool:
    try:
        leaf.verify_directly_issued_by(authority)
    except Exception:  # ValueError, TypeError, InvalidSignature: all mean no
        return False
    return True


def _load_key(path: Path) -> _Key:
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    if not isinstance(key, _Key):
        raise ValueError("not a key of ours")
    return key


def _write_key(path: Path, key: _Key) -> None:
    form = serialization.PrivateFormat.PKCS8
    _write(path, key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()), 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """All of it or nothing, and never for a moment readable by more than the mode says."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Trouble with the authority's files as one line."""
    try:
        yield
    except OSError as error:
        raise EndpointError(f"cannot use {error.filename or path}: {error.strerror}; {_ANEW}") from None
    except ValueError:
        raise EndpointError(f"{path} and its key are damaged, or do not belong together; {_ANEW}") from None
