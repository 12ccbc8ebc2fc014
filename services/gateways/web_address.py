"""Where a provider is called."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class WebAddress:
    """`host` has its port, if one is named."""

    scheme: str
    host: str

    @classmethod
    def read(cls, text: str) -> "WebAddress":
        """From `https://sms.example.org`, or a name alone, which means https; empty: no host."""
        parts = urlsplit(text if "://" in text else f"https://{text}")
        return cls(parts.scheme, parts.netloc)
