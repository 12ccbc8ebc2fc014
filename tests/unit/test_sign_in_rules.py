"""The rules of signing in: how long sessions live and lockouts last, which passwords are good."""

from datetime import UTC, datetime, timedelta

import pytest

from domain.people import Role
from domain.sign_in import (
    PasswordFault,
    SessionEnd,
    lockout_length,
    needs_second_factor,
    session_end,
)
from services.operations import passwords
from services.operations.passwords import (
    WeakPassword,
    advice,
    hash_password,
    judge_password,
    verify_password,
)
from webapp.account.agents import browser_and_system

AT = datetime(2026, 4, 15, 9, tzinfo=UTC)
ABOUT = ("王敏", "Wang Min", "wang.min@example.org", "南湖天街")


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def test_session_rests_thirty_minutes_and_no_longer() -> None:
    assert session_end(AT, AT + minutes(60), AT + minutes(89.9)) is None
    assert session_end(AT, AT + minutes(60), AT + minutes(90)) == (
        AT + minutes(90),
        SessionEnd.IDLE,
    )


def test_session_ends_after_eight_hours_however_busy() -> None:
    seen = AT + minutes(479)
    assert session_end(AT, seen, AT + minutes(479.9)) is None
    assert session_end(AT, seen, AT + minutes(480)) == (AT + minutes(480), SessionEnd.TOO_OLD)


def test_lockout_doubles_up_to_a_day() -> None:
    lengths = [lockout_length(times) for times in range(1, 10)]
    assert lengths[:3] == [minutes(15), minutes(30), minutes(60)]
    assert lengths == sorted(lengths)
    assert lengths[-1] == lockout_length(1000) == timedelta(hours=24)


def test_second_factor_is_for_those_who_manage_people_and_money() -> None:
    assert {role for role in Role if needs_second_factor(role)} == {Role.SUPER_ADMIN, Role.FINANCE}
    assert not needs_second_factor(None)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "云朵 咖啡 螺丝刀 二十七",
        "a passphrase with ﬁ and é",
        "Tr0ub4dor&3-elephant",
        "my mall has nine lifts",
        "x" * 3 + "lamp river quietly seven " * 5,
    ],
)
def test_long_password_of_any_characters_is_good(password: str) -> None:
    assert judge_password(password, about=ABOUT) == ()


@pytest.mark.parametrize(
    ("password", "fault"),
    [
        ("elevenchars", PasswordFault.TOO_SHORT),
        ("短短短短短短短短短短短", PasswordFault.TOO_SHORT),
        ("long " * 26, PasswordFault.TOO_LONG),
        ("1qaz2wsx3edc4rfv", PasswordFault.COMMON),
        ("password12345678", PasswordFault.COMMON),
        ("wang.min@example.org", PasswordFault.ABOUT_YOU),
        ("wangminatrium2026", PasswordFault.ABOUT_YOU),
        ("南湖天街南湖天街2026王敏", PasswordFault.ABOUT_YOU),
        ("aaaaaaaaaaaaaaaa", PasswordFault.REPEAT),
        ("密码密码密码密码密码密码", PasswordFault.REPEAT),
        ("abcdefghijklmnop", PasswordFault.SEQUENCE),
        ("12.04.1985!!!!", PasswordFault.DATE),
        ("zxcvbnm,./zxcv", PasswordFault.KEYBOARD),
    ],
)
def test_password_that_is_guessed_soon_is_refused_with_its_reason(
    password: str, fault: PasswordFault
) -> None:
    assert judge_password(password, about=ABOUT)[0] is fault


def test_length_is_counted_to_the_edge() -> None:
    text = "lamp river quietly seven " * 6
    assert judge_password(text[:128]) == ()
    assert judge_password(text[:129]) == (PasswordFault.TOO_LONG,)
    assert judge_password("lamp-river-7") == ()
    assert judge_password("lamp-river-") == (PasswordFault.TOO_SHORT,)


def test_every_fault_has_a_sentence_in_both_languages() -> None:
    for locale in ("en", "zh_CN"):
        sentences = advice(PasswordFault, locale)
        assert len(set(sentences)) == len(PasswordFault)
        assert not any("{" in sentence for sentence in sentences)
    assert advice([PasswordFault.TOO_SHORT], "zh_CN") == [
        "至少 12 个字符，可以是几个词语或一句话。"
    ]


def test_weak_password_is_never_hashed() -> None:
    with pytest.raises(WeakPassword) as refused:
        hash_password("password12345678", "salt")
    assert refused.value.faults[0] is PasswordFault.COMMON


def test_hash_is_argon2id_keyed_and_normalised() -> None:
    hashed = hash_password("a passphrase with ﬁ and é", "salt")
    assert hashed.startswith("$argon2id$")
    assert verify_password("a passphrase with fi and e\u0301", hashed, "salt")
    assert not verify_password("a passphrase with fi and e", hashed, "salt")
    assert not verify_password("a passphrase with ﬁ and é", hashed, "other salt")


def test_unknown_person_costs_a_whole_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[str] = []
    verify = passwords._hasher.verify

    class Counting:
        def verify(self, known: str, password: bytes) -> bool:
            computed.append(known)
            return verify(known, password)

        hash = staticmethod(passwords._hasher.hash)

    monkeypatch.setattr(passwords, "_hasher", Counting())
    assert not verify_password("whatever it may be", None, "salt")
    known = passwords._hasher.hash(b"x")
    assert not verify_password("whatever it may be", known, "salt")
    assert [one.rsplit("$", 2)[0] for one in computed] == [known.rsplit("$", 2)[0]] * 2


def test_text_that_is_no_unicode_is_a_wrong_password_and_no_error() -> None:
    hashed = hash_password("correct horse battery", "salt")
    assert not verify_password("\ud800 lone surrogate", hashed, "salt")
    assert not verify_password("", hashed, "salt")


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
            "Chrome/126.0.0.0 Safari/537.36 Edg/126.0",
            "Edge · Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 "
            "(KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1",
            "Safari · iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile "
            "Safari/537.36 MicroMessenger/8.0",
            "WeChat · Android",
        ),
        ("", ""),
        ("<script>", ""),
    ],
)
def test_browser_is_named_in_words(agent: str, words: str) -> None:
    assert browser_and_system(agent) == words
