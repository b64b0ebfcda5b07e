"""The installed package is complete: it serves any articles folder from any working directory."""

import os
import signal
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from tests.conftest import ROOT
from tests.e2e.conftest import Site
from tests.fake_desks import free_port
from tests.support import write_article


def test_an_installed_package_serves_any_folder(tmp_path: Path) -> None:
    """Build the package and install it into an empty environment that reuses our dependencies."""
    build = ["wheel", "--no-deps", "--no-build-isolation", "-w", str(tmp_path / "dist"), str(ROOT)]
    subprocess.run([sys.executable, "-m", "pip", "-q", *build], check=True)
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    target = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    (wheel,) = (tmp_path / "dist").glob("kb_app-*.whl")
    install = ["install", "--no-deps", "--target", target, str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "-q", *install], check=True)
    Path(target, "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    assert not list(Path(target).rglob("reset-password.md")), "the sample articles stay at home"

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    own = subprocess.run(
        [python, "-m", "kb_app", "init", str(tmp_path / "own")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert own.returncode == 0 and (tmp_path / "own" / ".gitignore").is_file(), own.stderr
    write_article(tmp_path / "faq", "ja/account/reset.md", "パスワードを忘れた", "再設定できます。")
    port, log = free_port(), tmp_path / "serve.log"
    arguments = ["serve", "--articles", str(tmp_path / "faq"), "--data", str(tmp_path / "data")]
    environment = {name: value for name, value in os.environ.items() if name[:3] != "KB_"}
    environment |= {"KB_EMBEDDING_MODEL": "off", "PYTHONPATH": ""}
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [python, "-m", "kb_app", *arguments, "--port", str(port), "--processes", "1"],
            cwd=elsewhere,
            env=environment,
            stdout=file,
            stderr=file,
            text=True,
        )
    served = Site(f"http://127.0.0.1:{port}", process, log, tmp_path / "faq", tmp_path / "data")
    try:
        served.wait(lambda: served.get("/readyz")[0] == 200, 60)
        status, page = served.get("/ja/search?q=%E3%83%91%E3%82%B9%E3%83%AF%E3%83%BC%E3%83%89")
        assert status == 200 and "を忘れた" in page and "記録について" in page
        assert served.get("/static/site.css")[0] == 200 and served.get("/en/")[0] == 200
        assert str(ROOT) not in log.read_text(encoding="utf-8")
        assert list(elsewhere.iterdir()) == [], "nothing is written beside the caller"
    finally:
        assert served.stop(signal.SIGTERM) == 0


def test_kb_prints_its_version() -> None:
    kb = Path(sys.executable).with_name("kb")
    shown = subprocess.run([kb, "--version"], capture_output=True, text=True, check=True).stdout
    assert shown.startswith("kb 0.")
