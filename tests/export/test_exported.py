"""Running an exported file: ONNX Runtime reports nothing to its makers."""

import os
import subprocess
import sys
from pathlib import Path

from tests.project import ROOT

SCRIPT = """
import sys
from pathlib import Path
from brainseg.export.exported import open_exported
open_exported(Path(sys.argv[1]), threads=1)
"""


def test_onnx_runtime_is_started_without_its_telemetry(tmp_path: Path) -> None:
    """Otherwise it would keep an identifier of the device and unsent reports in the folder for caches."""
    home, model = tmp_path / "home", ROOT / "brainseg/released/unet.onnx"
    home.mkdir()
    kept = {
        name: value for name, value in os.environ.items() if name not in ("ORT_DISABLE_TELEMETRY", "XDG_CACHE_HOME")
    }
    environment = kept | {"HOME": str(home), "TMPDIR": str(home)}
    subprocess.run([sys.executable, "-c", SCRIPT, model], cwd=ROOT, env=environment, check=True)
    assert list(home.iterdir()) == []
