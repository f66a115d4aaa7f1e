"""Known holes of what is locked in ``requirements/``: ``python -m tests.holes``, after
``make .venv/security.stamp``.

pip-audit asks the package index. By itself it says "No known vulnerabilities found" where it could
not ask, too: here that is said, and fails nothing; a known hole does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

REQUIREMENTS = Path(__file__).resolve().parents[1] / "requirements"


def audit(locked: Path) -> str:
    """pip-audit's report, as JSON, or nothing where it gave up; then its reason is printed."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(locked), "--format", "json"]
    # No pip: the file says everything, and nothing has to be resolved or built.
    command += ["--disable-pip", "--require-hashes", "--progress-spinner", "off"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if not done.stdout:
        print(done.stderr[-500:])
    return done.stdout


def read(report: str) -> tuple[list[str], str]:
    """The known holes, a line for each, and how much was looked up."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except ValueError:
        return [], "COULD NOT BE LOOKED UP: nothing is known of it."
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, "
        f"mended in {', '.join(hole['fix_versions']) or 'no version yet'}"
        for package in packages
        for hole in package.get("vulns", [])
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if unknown:
        return holes, f"{len(unknown)} of {len(packages)} COULD NOT BE LOOKED UP."
    return holes, f"{len(packages)} packages looked up."


def main() -> int:
    found = False
    for locked in sorted(REQUIREMENTS.glob("*.txt")):
        holes, looked_up = read(audit(locked))
        found = found or bool(holes)
        print(f"{locked.name}: {looked_up}", *holes, sep="\n  ", flush=True)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
