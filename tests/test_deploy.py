"""What a host starts with: the settings of the server, and the files of assets/deploy as far as they can be read without their programs."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from attnlab.figures.provenance import LARGEST
from attnlab.models.inhouse.zipped import PARAMETERS, TOKENS
from attnlab.ui.own_models import EACH

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "assets" / "deploy"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def test_the_server_listens_here_alone_tells_no_visitor_of_itself_and_looks_at_no_file():
    settings = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))
    assert settings["server"]["address"] == "127.0.0.1"
    assert settings["server"]["fileWatcherType"] == "none"  # it lists every imported module at each visitor's first run
    assert settings["server"]["maxUploadSize"] == 20  # also of files that no widget asked for
    assert settings["client"]["showErrorDetails"] == "none"
    assert not settings["browser"]["gatherUsageStats"]


def test_the_limits_are_those_that_the_readme_tells():
    said = (ROOT / "README.md").read_text("utf-8")
    assert f"{PARAMETERS // 10**6} million parameters" in said
    assert f"{TOKENS:,} tokens" in said
    assert (LARGEST, EACH) == (8 * 2**20, 3)


def test_several_servers_stand_behind_one_proxy_that_lets_no_figures_out():
    parts = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))["services"]
    assert set(parts) == {"app", "redis", "nginx"}
    assert parts["app"]["read_only"] is True
    assert parts["app"]["environment"]["ATTNLAB_REDIS"].startswith("redis://redis")
    nginx = (DEPLOY / "nginx.conf").read_text("utf-8")
    for line in (
        "hash $visitor consistent;",
        "client_max_body_size 21m;",
        "location /_stcore/metrics { deny all; }",
        "proxy_read_timeout 1h;",
    ):
        assert line in nginx


def test_kubernetes_is_told_in_documents_that_can_be_read():
    text = (DEPLOY / "kubernetes.md").read_text("utf-8").partition("```yaml\n")[2].partition("```")[0]
    kinds = [each["kind"] for each in yaml.safe_load_all(text)]
    assert kinds == ["Deployment", "Service"]


@pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
def test_nginx_takes_its_configuration(tmp_path):
    (tmp_path / "nginx.conf").write_text(f"pid {tmp_path}/pid;\n" + (DEPLOY / "nginx.conf").read_text("utf-8"), "utf-8")
    done = subprocess.run([NGINX, "-t", "-q", "-c", str(tmp_path / "nginx.conf"), "-p", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
