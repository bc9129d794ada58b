"""`python -m reliability.fuzz [libFuzzer's options] [corpus]`: bytes that reach new code, from event to answer.

Coverage-guided, with atheris. An answer that is none of the contract's, or any exception but QueryFailed, ends it.
"""

import os
import sys

import atheris

with atheris.instrument_imports(include=["cams_qr"]):
    from cams_qr.instance import Instance
    from local.fc import make_context
    from reliability.contract import invoke

# Nothing listens there: what is asked for fails fast.
SETTINGS = {
    "CAMS_ENDPOINT": "127.0.0.1:9",
    "CAMS_PROTOCOL": "HTTP",
    "CAMS_QPS": "10000",
    "ALLOWED_ORIGINS": "https://shop.example.com",
    "CUST_SPACE_HEADER": "X-Cust-Space",
}


def main() -> None:
    """Fuzz until the options say stop."""
    instance = Instance.start(SETTINGS)
    context = make_context("python3.12", timeout=0.02)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115

    def one(data: bytes) -> None:
        invoke(instance, data, context, may_raise=True)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
