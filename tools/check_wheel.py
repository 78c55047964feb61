"""Build the wheel, install it into an empty environment, run the README's lines and tests there: `make check-wheel`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
SECTION = "## Without an account"
PACKAGES = {"clerk_ext", "clerk_sessions_api"}
TYPED = {"clerk_ext/py.typed", "clerk_sessions_api/py.typed"}
EVERY_NAME = """
import clerk_ext, clerk_ext.testing
for package in (clerk_ext, clerk_ext.testing):
    for name in package.__all__:
        getattr(package, name)
"""


def run(*command: str | Path, cwd: Path = ROOT) -> None:
    """Run a command; what it prints is shown when it fails."""
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(str(part) for part in command)} failed:\n{done.stdout}{done.stderr}")


def check_contents(wheel: Path) -> None:
    """The wheel holds both packages, marked as typed, and nothing else that could be imported."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    top = {name.partition("/")[0] for name in names if ".dist-info/" not in name}
    if top != PACKAGES or not names >= TYPED:
        sys.exit(f"{wheel.name}: holds {sorted(top)}, and of {sorted(TYPED)} only {sorted(TYPED & names)}")


def examples(readme: str) -> tuple[str, str]:
    """Return the lines that the README says run as they stand, and its test file."""
    section = readme.partition(f"\n{SECTION}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```python\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    lines = [block for block in blocks if "def test_" not in block]
    tests = [block for block in blocks if "def test_" in block]
    if len(lines) != 1 or len(tests) != 1:
        sys.exit(f"README.md: '{SECTION}' has {len(lines)} blocks of lines and {len(tests)} of tests, not one of each")
    return lines[0], tests[0]


def main() -> int:
    """Build, install, run."""
    lines, tests = examples(README.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
        (wheel,) = folder.glob("*.whl")
        check_contents(wheel)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        install = (python, "-m", "pip", "--disable-pip-version-check", "install", "-q", "-c", ROOT / "constraints.txt")
        run(*install, wheel)
        (folder / "lines.py").write_text(lines, "utf-8")
        run(python, "-W", "error", folder / "lines.py", cwd=folder)
        run(python, "-c", EVERY_NAME, cwd=folder)
        run(*install, "pytest")
        project = folder / "project"
        project.mkdir()
        (project / "test_readme.py").write_text(tests, "utf-8")
        run(python, "-m", "pytest", "-W", "error", cwd=project)
    print(f"{wheel.name} installs into an empty environment and runs the README's lines and its tests.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
