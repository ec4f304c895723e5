"""What the documents tell a reader to type does what they say."""
import os
import pathlib
import re
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]


def run(*words, **environment):
    done = subprocess.run([str(w) for w in words], env={**os.environ, **environment}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("walks") / "i"
    try:
        run(TREE / "tools/instance", "start", folder, "0", INSTANCE_RATE_LIMIT="off",
            INSTANCE_STRIPE="sandbox")
        run(TREE / "tools/instance", "demo", folder)
        yield folder
    finally:
        run(TREE / "tools/instance", "reset", folder)


def blocks(document):
    return re.findall(r"^```sh\n(.*?)^```", (TREE / document).read_text(), re.M | re.S)


def walk(folder, tmp_path, script):
    """The script as it stands, but for where this instance is."""
    home = pathlib.Path(folder).resolve()
    heard = tmp_path / "heard"
    port = run(TREE / "tools/instance", "port", folder).strip()
    for told, here in ((".dev/port-8443/tls", f"{home}/tls"),
                       ("127.0.0.1:8443", f"127.0.0.1:{port}"),
                       ("$(./dev token)", f"$('{TREE}/dev' token)"),
                       ('"$@"; echo; }', f'"$@" | tee -a {heard}; echo; }}')):
        assert told in script, told
        script = script.replace(told, here)
    script = re.sub(r"^ID=[0-9a-f-]{36} .*$",
                    f"ID=$(grep -o '\"booking_id\":\"[^\"]*' {heard} | tail -n 1 | cut -c15-)",
                    script, flags=re.M)
    return run("bash", "-euo", "pipefail", "-c", f"cd {tmp_path}\n{script}", DEV_DIR=str(folder))


def test_the_readme_can_be_pasted(folder, tmp_path):
    script, = [b for b in blocks("README.md") if "URL=" in b]
    told = walk(folder, tmp_path, script)
    assert "/docs/errors" not in told, told
    for part in ('"total_amount":120.00', '"status":"pending"', '"refund_percent":100',
                 '"status":"cancelled"', '"cancellation_reason":"Just trying"'):
        assert part in told, told


def test_the_api_guide_can_be_pasted(folder, tmp_path):
    told = walk(folder, tmp_path, "\n".join(blocks("docs/api.md")))
    assert "/docs/errors" not in told, told
    for part in ('"total_amount":255.00', '\netag: "2"', '\nlocation: /api/v1/bookings/',
                 '"total_amount":142.50', '"status":"cancelled"', "/checkin/"):
        assert part in told, told
    assert (tmp_path / "code.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "code.svg").read_text().startswith("<svg ")
