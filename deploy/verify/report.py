"""The report, as a file without secrets that people can attach to an issue: findings and observed behaviour."""

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from cams_qr.query import mask_phone_number
from deploy.table import Finding
from deploy.verify.rows import Target
from local.beliefs import BELIEFS


class Report(NamedTuple):
    """Everything that a run found."""

    findings: list[Finding]
    seen: Mapping[str, str]
    measured: Mapping[str, Any]

    def wrong_beliefs(self) -> dict[str, str]:
        """The observations that contradict a belief, by the belief's name."""
        return {name: value for name, value in self.seen.items() if BELIEFS[name].value != value}


def tell(report: Report) -> None:
    """Print where the platform differs from what the stand-ins assume."""
    for name, value in report.wrong_beliefs().items():
        belief = BELIEFS[name]
        print(f"≠ {name}: believed {belief.value}, seen {value} ({belief.about})\n  → {belief.where}")


def write(report: Report, target: Target, folder: Path) -> Path:
    """Write the report into the folder; returns the file."""
    document = {
        "stack": target.stack,
        "region": target.account.region,
        "runtime": target.parameters["Runtime"],
        "at": datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "findings": [finding._asdict() for finding in report.findings],
        "beliefs": [
            {"name": name, "seen": value, "holds": BELIEFS[name].value == value, **BELIEFS[name]._asdict()}
            for name, value in report.seen.items()
        ],
        "notSeen": sorted(set(BELIEFS) - set(report.seen)),
        **report.measured,
    }
    text = json.dumps(document, indent=2, ensure_ascii=False).replace(target.asked, mask_phone_number(target.asked))
    folder.mkdir(exist_ok=True)
    file = folder / f"verify-{target.stack}.json"
    file.write_text(text + "\n")
    return file
