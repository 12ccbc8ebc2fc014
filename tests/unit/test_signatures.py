"""What a device signs: one text for one call, one header, one window."""

import contextlib
import hashlib
import hmac
import runpy
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.signatures import (
    MalformedSignature,
    canonical_text,
    is_in_time,
    is_signed,
    parse_signature,
    sign,
    signing_key,
)
from services.operations.signing_vault import CannotOpen, SigningVault
from webapp.api.signing_guide import EXAMPLES, KEY, SIGNING_KEY, VECTORS, Vector

NOW = datetime(2026, 1, 16, 15, tzinfo=UTC)
HEX = "ab" * 32
GOOD = f"keyid=0123456789abcdef, timestamp=1768575600, sequence=42, signature={HEX}"
CALLS = st.fixed_dictionaries(
    {
        "method": st.sampled_from(["GET", "POST", "PUT"]),
        "target": st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=12).map(
            "/".__add__
        ),
        "timestamp": st.integers(0, 2_000_000_000),
        "sequence": st.integers(0, 2**63 - 1),
        "body": st.binary(max_size=40),
    }
)


def text_of(call: dict) -> bytes:
    facts = {name: value for name, value in call.items() if name != "body"}
    return canonical_text(**facts, body_sha256=hashlib.sha256(call["body"]).digest())


@given(CALLS, CALLS)
def test_two_different_calls_never_share_a_text(one: dict, other: dict) -> None:
    assume(one != other)
    assert text_of(one) != text_of(other)


@given(CALLS, st.sampled_from(["method", "target", "timestamp", "sequence", "body"]), CALLS)
def test_every_fact_of_a_call_is_signed(call: dict, fact: str, other: dict) -> None:
    assume(call[fact] != other[fact])
    key = signing_key("secret")
    changed = {**call, fact: other[fact]}
    assert is_signed(key, text_of(call), sign(key, text_of(call)))
    assert not is_signed(key, text_of(changed), sign(key, text_of(call)))


@given(CALLS)
def test_text_reads_back_as_the_call(call: dict) -> None:
    """Six lines that can be taken apart again: nothing in one can pass for another."""
    scheme, *facts = text_of(call).decode("ascii").split("\n")
    assert scheme == "ATRIUM-HMAC-SHA256"
    assert facts == [
        call["method"],
        call["target"],
        str(call["timestamp"]),
        str(call["sequence"]),
        hashlib.sha256(call["body"]).hexdigest(),
    ]


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST\nGET", "/x"),
        ("post", "/x"),
        ("", "/x"),
        ("POST", "/x\n1"),
        ("POST", "/x y"),
        ("POST", "http://host/x"),
        ("POST", "/收银"),
        ("POST", ""),
    ],
)
def test_line_breaks_and_strange_targets_cannot_be_signed(method: str, target: str) -> None:
    with pytest.raises(ValueError, match="no call that can be signed"):
        canonical_text(method=method, target=target, timestamp=1, sequence=1, body_sha256=bytes(32))


def test_header_is_read_with_or_without_quotes() -> None:
    for text in (GOOD, GOOD.replace("=0123456789abcdef", '="0123456789abcdef"')):
        header = parse_signature(text)
        assert (header.keyid, header.timestamp, header.sequence) == (
            "0123456789abcdef",
            1768575600,
            42,
        )
        assert header.signature == bytes.fromhex(HEX)
        assert header.signed_at == NOW


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("sequence=42, ", ""), "sequence missing"),
        (("sequence=42", "sequence=42, sequence=43"), "each once"),
        (("sequence=42", "sequence=-1"), "2\\^63-1"),
        (("sequence=42", "sequence=042"), "2\\^63-1"),
        (("sequence=42", f"sequence={2**63}"), "2\\^63-1"),
        (("sequence=42", "sequence=٤٢"), "not expected"),
        (("timestamp=1768575600", "timestamp=1768575600.5"), "not expected"),
        (("timestamp=1768575600", "timestamp=999999999999999"), "Unix seconds"),
        ((HEX, HEX[:-1]), "64 hexadecimal"),
        ((HEX, HEX[:-1] + "g"), "64 hexadecimal"),
        (("keyid", "realm"), "not expected"),
        ((GOOD, ""), "not expected"),
    ],
)
def test_header_of_another_form_is_refused(change: tuple[str, str], says: str) -> None:
    with pytest.raises(MalformedSignature, match=says):
        parse_signature(GOOD.replace(*change))


@given(st.text(max_size=200))
def test_no_header_breaks_the_reader(text: str) -> None:
    with contextlib.suppress(MalformedSignature):
        parse_signature(text)


@pytest.mark.parametrize(
    ("seconds", "is_taken"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)]
)
def test_window_is_three_hundred_seconds_either_way(seconds: int, is_taken: bool) -> None:
    assert is_in_time(NOW + timedelta(seconds=seconds), NOW) is is_taken


@pytest.mark.parametrize("vector", VECTORS)
def test_printed_vectors_are_what_we_compute(vector: Vector) -> None:
    key = signing_key(KEY.partition("_")[2])
    assert key.hex() == SIGNING_KEY
    digest = hashlib.sha256(vector.body.encode()).digest()
    text = canonical_text(
        method="POST",
        target=vector.target,
        timestamp=vector.timestamp,
        sequence=vector.sequence,
        body_sha256=digest,
    )
    assert text.decode() == vector.text
    assert sign(key, text).hex() == vector.signature


@pytest.mark.parametrize("vector", VECTORS)
def test_printed_vectors_are_what_openssl_computes(vector: Vector) -> None:
    def openssl(text: str, *options: str) -> str:
        command = ["openssl", "dgst", "-sha256", *options, "-r"]
        done = subprocess.run(command, input=text.encode(), capture_output=True, check=True)
        return done.stdout.decode().split()[0]

    secret = KEY.partition("_")[2]
    assert openssl("atrium device signature v1", "-hmac", secret) == SIGNING_KEY
    assert openssl(vector.body) == vector.body_sha256
    mac = ("-mac", "HMAC", "-macopt", f"hexkey:{SIGNING_KEY}")
    assert openssl(vector.text, *mac) == vector.signature


def test_printed_program_signs_as_the_vector_says() -> None:
    vector = VECTORS[0]
    program = runpy.run_path(str(EXAMPLES / "sign_call.py"))
    made = program["signature"](KEY, vector.timestamp, vector.sequence, vector.body.encode())
    assert made == vector.signature


def test_signing_key_is_not_what_is_kept_of_the_secret() -> None:
    """The SHA-256 of the secret lies in the database: it must sign nothing."""
    secret = KEY.partition("_")[2]
    assert signing_key(secret) not in (
        hashlib.sha256(secret.encode()).digest(),
        hmac.digest(b"atrium device signature v1", secret.encode(), "sha256"),
    )


def test_vault_opens_what_it_sealed_and_only_in_its_place() -> None:
    vault = SigningVault("now")
    sealed = vault.seal(b"k" * 32, public_id="a")
    assert b"k" * 8 not in sealed
    assert vault.seal(b"k" * 32, public_id="a") != sealed
    assert vault.open(sealed, public_id="a") == b"k" * 32
    assert SigningVault("next", "now").open(sealed, public_id="a") == b"k" * 32
    for other, text, name in (
        (SigningVault("other"), sealed, "a"),
        (vault, sealed, "b"),
        (vault, sealed[:-1] + bytes([sealed[-1] ^ 1]), "a"),
        (vault, b"", "a"),
    ):
        with pytest.raises(CannotOpen):
            other.open(text, public_id=name)
