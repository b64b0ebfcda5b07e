"""What is deployed: each file is one that its program takes, and names what the site has."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

import kb_app.metrics  # noqa: F401, registers what is measured
from kb_app.settings import Settings

DEPLOY = Path(__file__).resolve().parents[1] / "deploy"
PROGRAMS = Path(sys.executable).parent


def ran(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / name).read_text(encoding="utf-8")))


def test_the_dockerfile_is_clean() -> None:
    ran(PROGRAMS / "hadolint", DEPLOY / "Dockerfile")
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    assert "USER 10001" in text and "HEALTHCHECK" in text
    for copied in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE):
        for name in copied.split():
            assert (DEPLOY.parent / name).exists(), name
            assert f"!{name}" in (DEPLOY.parent / ".dockerignore").read_text(encoding="utf-8")


def test_the_kubernetes_manifest_is_valid() -> None:
    ran(PROGRAMS / "kubernetes-validate", "--strict", DEPLOY / "kubernetes" / "kb.yaml")
    (pod,) = [
        each["spec"]["template"]["spec"]
        for each in documents("kubernetes/kb.yaml")
        if each["kind"] == "Deployment"
    ]
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["enableServiceLinks"] is False, "KB_PORT would be a URL"


def test_the_compose_file_keeps_what_a_site_needs() -> None:
    (compose,) = documents("compose.yml")
    site = compose["services"]["site"]
    assert site["read_only"] and site["cap_drop"] == ["ALL"]
    named = {mount.partition(":")[0] for mount in site["volumes"]} | {"database"}
    assert set(compose["volumes"]) <= named


@pytest.mark.parametrize("path", sorted(DEPLOY.rglob("*.*")), ids=lambda path: path.name)
def test_every_setting_that_is_named_is_one(path: Path) -> None:
    known = {f"KB_{name.upper()}" for name in Settings.model_fields}
    known |= {"KB_CONFIG"}
    named = set(re.findall(r"\bKB_[A-Z_]+", path.read_text(encoding="utf-8")))
    assert named <= known


def test_the_units_are_hardened() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    said = ran(program, "security", "--offline=true", DEPLOY / "systemd" / "kb.service")
    level = re.search(r"exposure level for kb.service: ([0-9.]+)", said)
    assert level is not None and float(level.group(1)) < 2


def test_the_service_is_refused_what_it_may_not_do_and_not_killed_for_it() -> None:
    # OpenBLAS places memory (mbind) at its start; the default kills whoever asks.
    unit = (DEPLOY / "systemd" / "kb.service").read_text(encoding="utf-8")
    assert "SystemCallErrorNumber=EPERM" in unit.splitlines()


def test_the_proxy_takes_its_file(tmp_path: Path) -> None:
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
    if program is None:
        pytest.skip("haproxy is not installed")
    text = (DEPLOY / "haproxy" / "haproxy.cfg").read_text(encoding="utf-8")
    # A certificate is the operator's own.
    text = text.replace("bind :443 ssl crt /etc/haproxy/site.pem alpn h2,http/1.1", "bind :8443")
    file = tmp_path / "haproxy.cfg"
    file.write_text(text, encoding="utf-8")
    ran(program, "-c", "-f", file)


def measured() -> set[str]:
    names = {metric.name for metric in REGISTRY.collect() if metric.name.startswith("kb_")}
    return {f"{name}{end}" for name in names for end in ("", "_total", "_bucket", "_count", "_sum")}


def test_alerts_and_dashboard_ask_for_what_is_measured() -> None:
    (alerts,) = documents("prometheus/alerts.yml")
    rules = alerts["groups"][0]["rules"]
    dashboard = json.loads((DEPLOY / "grafana" / "dashboard.json").read_text(encoding="utf-8"))
    asked = [rule["expr"] for rule in rules]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    assert all(rule["annotations"]["what"] for rule in rules)
    for expression in asked:
        assert set(re.findall(r"\bkb_[a-z_]+", expression)) <= measured(), expression
