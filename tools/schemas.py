"""Make web/cams-qr/schemas.d.ts: the lists and problems of docs/openapi.json as TypeScript."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOOLS = ROOT / "examples" / "typescript" / "node_modules" / ".bin"
SCHEMAS = ["QrCode", "QrCodeList", "Problem"]


def schemas() -> str:
    """The declarations. Raises CalledProcessError where the tool fails."""
    described = json.loads((ROOT / "docs" / "openapi.json").read_text())
    kept = {name: described["components"]["schemas"][name] for name in SCHEMAS}
    with tempfile.TemporaryDirectory() as folder:
        described |= {"paths": {}, "components": {"schemas": kept}}
        source, made = Path(folder) / "openapi.json", Path(folder) / "schemas.d.ts"
        source.write_text(json.dumps(described))
        subprocess.run([TOOLS / "openapi-typescript", source, "-o", made], check=True, capture_output=True, timeout=50)
        return made.read_text()


if __name__ == "__main__":
    sys.stdout.write(schemas())
