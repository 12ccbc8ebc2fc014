"""Sign a file of readings and post it: ATRIUM_KEY=… python sign_call.py http://host body.json"""

import hashlib
import hmac
import os
import sys
import time
import urllib.request
from pathlib import Path


def signature(key: str, timestamp: int, sequence: int, body: bytes) -> str:
    secret = key.partition("_")[2]
    signing_key = hmac.digest(secret.encode(), b"atrium device signature v1", "sha256")
    text = "\n".join(
        [
            "ATRIUM-HMAC-SHA256",
            "POST",
            "/api/v1/readings",
            str(timestamp),
            str(sequence),
            hashlib.sha256(body).hexdigest(),
        ]
    )
    return hmac.new(signing_key, text.encode(), hashlib.sha256).hexdigest()


if __name__ == "__main__":
    host, path = sys.argv[1:]
    key = os.environ["ATRIUM_KEY"]
    body = Path(path).read_bytes()
    timestamp, sequence = int(time.time()), time.monotonic_ns()  # another number for each call
    call = urllib.request.Request(f"{host}/api/v1/readings", data=body)
    call.add_header("Content-Type", "application/json")
    call.add_header(
        "Authorization",
        f"Atrium-HMAC-SHA256 keyid={key.partition('_')[0]}, timestamp={timestamp}, "
        f"sequence={sequence}, signature={signature(key, timestamp, sequence, body)}",
    )
    with urllib.request.urlopen(call) as answer:
        print(answer.read().decode())
