"""Build the wheel, install it into an empty environment, and run the README's lines there: `make check-wheel`."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = {"clerk_ext", "clerk_sessions_api"}
TYPED = {"clerk_ext/py.typed", "clerk_sessions_api/py.typed"}


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


def main() -> int:
    """Build, install, run."""
    readme = (ROOT / "README.md").read_text("utf-8")
    as_it_stands = re.findall(r"^```python\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)[1]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder)
        (wheel,) = folder.glob("*.whl")
        check_contents(wheel)
        venv.create(folder / "venv", with_pip=True)
        python = folder / "venv" / "bin" / "python"
        run(python, "-m", "pip", "--disable-pip-version-check", "install", "-q", "-c", ROOT / "constraints.txt", wheel)
        (folder / "lines.py").write_text(as_it_stands, "utf-8")
        run(python, "-W", "error", folder / "lines.py", cwd=folder)
        run(python, "-c", "import clerk_ext\nfor name in clerk_ext.__all__: getattr(clerk_ext, name)", cwd=folder)
    print(f"{wheel.name} installs into an empty environment and runs the README's lines.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
