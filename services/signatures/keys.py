"""The keys that papers are signed with, and the authority that vouches for them.

The installation has one authority, each mall a seal certified by it; both are made when first
needed and kept in the folder of secrets, mode 0600. A person's key is made for one signature,
certified with the shop, the person and the contract in its subject, and kept nowhere.
A reader of papers needs the authority's certificate alone, which stands in every paper.
Belongs here: making, keeping and certifying keys. Not here: signing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from asn1crypto import keys as asn1_keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from pyhanko.sign.signers import SimpleSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from storage.settings import Settings, write_private

AUTHORITY = "paper_authority.pem"
# Authorities of before: their certificates alone, so that what they certified stays trusted.
FORMER_AUTHORITIES = "paper_authority.former.pem"
SEAL = "paper_seal_{mall_id}.pem"

KEY_BITS = 3072
# Leases outlive servers. Nothing is lost by long certificates: a person's key is gone at once.
YEARS = 40
# X.520 allows names of 64 characters; the library that writes them counts bytes of UTF-8.
NAME_BYTES = 64


@dataclass(frozen=True)
class CertifiedKey:
    """A key and its certificate."""

    key: rsa.RSAPrivateKey
    certificate: x509.Certificate


def open_authority(settings: Settings, *, now: datetime) -> CertifiedKey:
    """The installation's authority, made when there is none."""
    path = settings.secrets_dir / AUTHORITY
    if not path.exists():
        key = _new_key()
        name = _name(common="Atrium paper authority", organisation=settings.site)
        certificate = (
            _begun(name, name, key, first=now - timedelta(days=1), last=now + _years(YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(certifies=True), critical=True)
            .add_extension(_key_id(key), critical=False)
            .sign(key, hashes.SHA256())
        )
        write_private(path, _pem(CertifiedKey(key, certificate)))
    return _read(path)


def open_seal(settings: Settings, *, mall_id: int, mall_name: str, now: datetime) -> SimpleSigner:
    """The mall's seal, made when there is none or when the authority is a new one."""
    authority = open_authority(settings, now=now)
    path = settings.secrets_dir / SEAL.format(mall_id=mall_id)
    if path.exists():
        kept = _read(path)
        if kept.certificate.issuer == authority.certificate.subject and _is_from(kept, authority):
            return _signer(kept, authority)
        path.unlink()
    name = _name(common=mall_name, organisation=mall_name)
    write_private(path, _pem(_certified(authority, name, now)))
    return _signer(_read(path), authority)


def signer_for_one(
    settings: Settings, *, person: str, shop: str, contract: str, now: datetime
) -> SimpleSigner:
    """A key for one signature of a person in a shop's name under a contract; kept nowhere."""
    authority = open_authority(settings, now=now)
    name = _name(common=person, organisation=shop, unit=contract)
    return _signer(_certified(authority, name, now), authority)


def trusted_roots(settings: Settings, *, now: datetime) -> tuple[bytes, ...]:
    """DER of the certificates by which our papers are judged: the authority and former ones."""
    former = settings.secrets_dir / FORMER_AUTHORITIES
    known = [open_authority(settings, now=now).certificate]
    if former.exists():
        known.extend(x509.load_pem_x509_certificates(former.read_bytes()))
    return tuple(one.public_bytes(serialization.Encoding.DER) for one in known)


def _certified(authority: CertifiedKey, name: x509.Name, now: datetime) -> CertifiedKey:
    key = _new_key()
    issuer = authority.certificate
    certificate = (
        _begun(
            name,
            issuer.subject,
            key,
            # A clock set back must not make a key older than who vouches for it.
            first=max(now - timedelta(minutes=5), issuer.not_valid_before_utc),
            last=issuer.not_valid_after_utc,
        )
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(certifies=False), critical=True)
        .add_extension(_key_id(key), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()),
            critical=False,
        )
        .sign(authority.key, hashes.SHA256())
    )
    return CertifiedKey(key, certificate)


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: rsa.RSAPrivateKey,
    *,
    first: datetime,
    last: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(first.astimezone(UTC))
        .not_valid_after(last.astimezone(UTC))
    )


def _usage(*, certifies: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not certifies,
        content_commitment=not certifies,
        key_cert_sign=certifies,
        crl_sign=certifies,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _key_id(key: rsa.RSAPrivateKey) -> x509.SubjectKeyIdentifier:
    return x509.SubjectKeyIdentifier.from_public_key(key.public_key())


def _name(*, common: str, organisation: str, unit: str = "") -> x509.Name:
    parts: Iterable[tuple[x509.ObjectIdentifier, str]] = (
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.ORGANIZATIONAL_UNIT_NAME, unit),
        (NameOID.COMMON_NAME, common),
    )
    return x509.Name([x509.NameAttribute(kind, _cut(text)) for kind, text in parts if text.strip()])


def _cut(text: str) -> str:
    return text.encode()[:NAME_BYTES].decode(errors="ignore")


def _new_key() -> rsa.RSAPrivateKey:
    """RSA, because every reader of PDFs knows it."""
    return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)


def _years(count: int) -> timedelta:
    return timedelta(days=365 * count)


def _is_from(kept: CertifiedKey, authority: CertifiedKey) -> bool:
    try:
        kept.certificate.verify_directly_issued_by(authority.certificate)
    except Exception:  # noqa: BLE001 - whatever it is, this authority did not certify it
        return False
    return True


def _pem(known: CertifiedKey) -> str:
    key = known.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return (key + known.certificate.public_bytes(serialization.Encoding.PEM)).decode()


def _read(path: Path) -> CertifiedKey:
    data = path.read_bytes()
    key = serialization.load_pem_private_key(data, password=None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError(f"{path} holds no RSA key")
    return CertifiedKey(key, x509.load_pem_x509_certificate(data))


def _signer(known: CertifiedKey, authority: CertifiedKey) -> SimpleSigner:
    private = known.key.private_bytes(
        serialization.Encoding.DER,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    # The authority's certificate goes into the paper too: a reader has the whole chain.
    chain = SimpleCertificateStore()  # type: ignore[no-untyped-call]
    chain.register(_asn1(authority.certificate))
    return SimpleSigner(
        signing_cert=_asn1(known.certificate),
        signing_key=asn1_keys.PrivateKeyInfo.load(private),
        cert_registry=chain,
    )


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
