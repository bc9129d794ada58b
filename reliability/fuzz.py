"""`python -m reliability.fuzz [libFuzzer options] [corpus]`: looks for bytes that reach new code, from event to answer.

Coverage-guided, with atheris. Stops at an answer that breaks the contract, or any exception but QueryFailed.
"""

import os
import sys

import atheris

with atheris.instrument_imports(include=["cams_qr"]):
    from cams_qr.instance import Instance
    from local.fc import make_context
    from testing.contract import OFFLINE, invoke


def main() -> None:
    """Fuzz until the options say stop."""
    instance = Instance.start(OFFLINE)
    context = make_context("python3.12", timeout=0.02)
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115

    def one(data: bytes) -> None:
        invoke(instance, data, context, may_raise=True)

    atheris.Setup(sys.argv, one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
