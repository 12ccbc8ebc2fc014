"""Numbers of articles as contracts write them."""

_DIGITS = "零一二三四五六七八九"


def article_number(number: int, locale: str) -> str:
    """第十二条 or Article 12, from 1 to 99."""
    return f"第{_chinese(number)}条" if locale == "zh_CN" else f"Article {number}"


def _chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    words = "" if not tens else "十" if tens == 1 else f"{_DIGITS[tens]}十"
    return words + (_DIGITS[ones] if ones else "")
