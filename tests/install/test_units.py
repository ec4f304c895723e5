"""The units that `make install` places: what systemd says of them, and that they
agree with the settings table, the topics of the relay and nginx's site."""

import os
import pathlib
import re
import shutil
import stat
import subprocess

import pytest

from units import BUILD, ROOT, TOPICS, Image

# A secret, and the units that need it.  One that is missing here, or that another
# unit is given, is a failure: see test_every_secret_reaches_...
WHO = {
    "AWS_ACCESS_KEY_ID": {"events", "documents"},
    # What ECS and EKS give a container; no unit runs in one.
    "AWS_CONTAINER_AUTHORIZATION_TOKEN": set(),
    "AWS_SECRET_ACCESS_KEY": {"events", "documents"},
    "AWS_SESSION_TOKEN": {"events", "documents"},
    "ENCRYPTION_KEYS": {"api", "events", "payments", "documents", "bookings"},
    "JWT_SECRET": {"api"},
    "LOOKUP_SECRET": {"api"},
    "SESSION_SECRET": {"api", "payments", "documents", "bookings"},
    "STRIPE_SECRET_KEY": {"api", "payments"},
    "STRIPE_WEBHOOK_SECRETS": {"api"},
}
# Not secret by themselves, but they may hold a password.
URLS = {"DATABASE_URL", "REDIS_URL"}
MEMORY = "/run/customer-booking/memory"


def run(*argv, **options):
    return subprocess.run(list(map(str, argv)), capture_output=True, text=True,
                          timeout=120, **options)


@pytest.fixture(scope="session")
def system(image, tmp_path_factory):
    """The image with what every unit leans on: systemd's own units, a shell's
    worth of programs."""
    root = tmp_path_factory.mktemp("system")
    shutil.copytree(image.root, root, dirs_exist_ok=True)
    shutil.copytree("/lib/systemd/system", root / "lib/systemd/system", symlinks=True,
                    dirs_exist_ok=True)
    (root / "bin").mkdir(exist_ok=True)
    for name in ("kill", "true"):
        shutil.copy(f"/bin/{name}", root / "bin")
    return root


@pytest.fixture(scope="session")
def manual():
    """{setting: what stands in brackets behind it}."""
    text = run(BUILD / "bookingctl", "config", "--manual").stdout
    found = dict(re.findall(r"^([A-Z][A-Z0-9_]+) \((.*)\)$", text, re.M))
    assert len(found) > 30
    return found


def of(image):
    """{"api" or a topic: its unit}."""
    return {"api": image.api, **{topic: image.relay(topic) for topic in TOPICS}}


# ---- what systemd says --------------------------------------------------------

def test_systemd_finds_nothing_to_complain_of(image, system):
    units = image.services() + ["booking-api.socket", "customer-booking.target"]
    done = run("systemd-analyze", "verify", "--man=no", f"--root={system}", *units)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_systemd_would_complain(image, system, tmp_path):
    """Of a setting that there is not, and of a program that is not there."""
    root = tmp_path / "root"
    shutil.copytree(system, root, symlinks=True)
    unit = root / image.units.relative_to(image.root) / "booking-api.service"
    unit.write_text(unit.read_text().replace("ProtectHome=", "ProtectHouse="))
    pathlib.Path(f"{root}{image.program('booking-api')}").unlink()
    done = run("systemd-analyze", "verify", "--man=no", f"--root={root}", unit.name)
    assert "ProtectHouse" in done.stderr and "booking-api is not executable" in done.stderr


def test_no_service_is_exposed_more_than_2_0(image, system):
    services = image.services()
    assert len(services) == 2 + len(TOPICS)
    for unit in services:
        done = run("systemd-analyze", "security", "--offline=true", "--threshold=20",
                   "--no-pager", f"--root={system}", unit)
        score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
        assert score, f"{unit}: {done.stdout}{done.stderr}"
        print(unit, score[1])
        assert done.returncode == 0 and float(score[1]) <= 2.0, done.stdout


# What the score does not weigh, or could lose unnoticed.
HARDENING = {
    "CapabilityBoundingSet": [], "AmbientCapabilities": [], "NoNewPrivileges": ["yes"],
    "ProtectSystem": ["strict"], "MemoryDenyWriteExecute": ["yes"],
    "SystemCallFilter": ["@system-service", "~@privileged @resources"],
    "SystemCallArchitectures": ["native"], "UMask": ["0077"], "LimitCORE": ["0"],
    "PrivateUsers": ["yes"], "KeyringMode": ["private"], "RemoveIPC": ["yes"],
}


def test_every_service_is_hardened_alike(image):
    for name in image.services():
        unit = image.unit(name)
        for setting, value in HARDENING.items():
            assert setting in unit.settings and unit[setting] == value, (name, setting)
        for setting in ("Private", "Protect", "Restrict"):
            assert len([s for s in unit.settings if s.startswith(setting)]) >= 3
    for name in image.services()[1:]:
        assert image.unit(name).words("RestrictAddressFamilies") == [
            "AF_UNIX", "AF_INET", "AF_INET6"]


def test_every_wait_of_a_service_has_an_end(image):
    for who, unit in of(image).items():
        for setting in ("TimeoutStartSec", "TimeoutStopSec", "WatchdogSec", "TasksMax",
                        "MemoryMax", "RestartSec"):
            assert unit.one(setting).rstrip("GM").isdigit(), (who, setting)
        assert unit["Type"] == ["notify"] and unit["Restart"] == ["always"]
        # Never given up: a socket unit would end with the service.
        assert unit["StartLimitIntervalSec"] == ["0"]
    # Longer than the supervisor gives its workers, or a turn of a relay may last.
    source = (ROOT / "fcgi/slots.c").read_text() + (ROOT / "fcgi/worker.h").read_text()
    given = int(re.search(r"#define WORKER_STOP_US \((\d+) \* USEC_PER_SEC\)", source)[1])
    killed = int(re.search(r"#define ABORT_US \((\d+) \* USEC_PER_SEC\)", source)[1])
    assert int(image.api.one("TimeoutStopSec")) > given + killed
    turn = re.search(r"#define TURN_US \((\d+) \* USEC_PER_SEC\)",
                     (ROOT / "relay/loop.c").read_text())
    for topic in TOPICS:
        assert int(image.relay(topic).one("WatchdogSec")) >= 2 * int(turn[1])
        assert int(image.relay(topic).one("TimeoutStopSec")) > int(turn[1])


# ---- users and folders -----------------------------------------------------------

def mode_of(path):
    return oct(stat.S_IMODE(path.stat().st_mode))[2:]


def table(path):
    return {line.split(":")[0]: line.split(":") for line in path.read_text().splitlines()}


def test_the_users_are_made_once_and_share_a_group(image, tmp_path):
    shutil.copytree(image.root, tmp_path / "root")
    root = tmp_path / "root"
    for folder in ("etc", "var/lib"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    dry = run("systemd-sysusers", f"--root={root}", "--dry-run")
    assert dry.returncode == 0 and "booking" in dry.stdout + dry.stderr
    if os.geteuid() != 0:
        return  # the rest writes files of root's; tests/boot does it too
    for _ in range(2):  # the second time changes nothing
        done = run("systemd-sysusers", f"--root={root}")
        assert done.returncode == 0 and "not a valid" not in done.stderr
        passwd, group = table(root / "etc/passwd"), table(root / "etc/group")
        assert {"booking_api", "booking_relay"} <= set(passwd)
        gid = group["booking"][2]
        for user in ("booking_api", "booking_relay"):
            assert passwd[user][3] == gid
            assert passwd[user][6] == "/usr/sbin/nologin"
            assert table(root / "etc/shadow")[user][1] in ("!", "!*")
        assert passwd["booking_api"][2] != passwd["booking_relay"][2]
    units = of(image)
    assert {u.one("Group") for u in units.values()} == {"booking"}
    assert {who: u.one("User") for who, u in units.items()} == {
        "api": "booking_api", **{topic: "booking_relay" for topic in TOPICS}}


def folders(image):
    """{path: (mode, user, group)} of what tmpfiles.d makes."""
    (path,) = image.root.glob("**/tmpfiles.d/customer-booking.conf")
    lines = [line.split() for line in path.read_text().splitlines() if line[:2] == "d "]
    return {line[1]: tuple(line[2:5]) for line in lines}


def test_the_folders_are_made_with_their_modes(image, tmp_path):
    root = tmp_path / "root"
    shutil.copytree(image.root, root)
    (conf,) = root.glob("**/tmpfiles.d/customer-booking.conf")
    assert folders(image) == {
        "/run/customer-booking": ("0755", "root", "root"),
        MEMORY: ("2770", "root", "booking"),
        image.conf: ("0755", "root", "root"),
        f"{image.conf}/credentials": ("0700", "root", "root")}
    if os.geteuid() == 0:
        (root / "etc").mkdir(exist_ok=True)
        assert run("systemd-sysusers", f"--root={root}").returncode == 0
    else:  # whose they are is said above; what modes they get is tried
        text = re.sub(r"(?m)^([dz] .* \d{4}) \S+ \S+", rf"\1 {os.getuid()} {os.getgid()}",
                      conf.read_text())
        conf.write_text(text)
    secret = root / f".{image.conf}/credentials/JWT_SECRET"
    secret.write_text("x")
    secret.parent.chmod(0o755)
    for _ in range(2):
        done = run("systemd-tmpfiles", f"--root={root}", "--create", conf.name)
        assert (done.returncode, done.stderr) == (0, "")
        for path, (mode, _, _) in folders(image).items():
            assert mode_of(root / f".{path}") == mode.lstrip("0"), path
        assert mode_of(secret) == "400"
        if os.geteuid() == 0:
            gid = int(table(root / "etc/group")["booking"][2])
            assert (root / f".{MEMORY}").stat().st_gid == gid
    # What lies in the shared memory's folder stays there.
    shared = root / f".{MEMORY}/shared"
    shared.write_text("x")
    run("systemd-tmpfiles", f"--root={root}", "--create", "--remove", "--clean", conf.name)
    assert shared.exists()


def test_units_name_only_what_is_there(image):
    made = folders(image)
    for name in image.services() + ["booking-api.socket"]:
        unit = image.unit(name)
        for line in unit["Documentation"]:
            assert image.path(line.removeprefix("file:")).is_file(), name
        for path in unit["EnvironmentFile"]:
            assert image.path(path).is_file(), name
        for path in unit.credentials().values():
            assert image.path(path).parent.is_dir(), name
        for path in unit.words("ReadWritePaths"):
            assert path in made, name
        for line in unit["ExecStart"]:
            program = line.split()[0]
            assert program == "/bin/true" or os.access(image.path(program), os.X_OK), name
        for path in unit["ListenStream"]:
            assert str(pathlib.Path(path).parent) in made
    assert mode_of(image.path(f"{image.conf}/credentials")) == "700"


def test_nginx_pool_and_socket_unit_mean_one_socket(image, manual):
    (socket,) = image.unit("booking-api.socket")["ListenStream"]
    site = image.path(f"{image.conf}/nginx/fastcgi-booking.conf").read_text()
    assert f"fastcgi_pass unix:{socket};" in site
    assert f"default {socket})" in manual["API_SOCKET"] + ")"
    unit = image.unit("booking-api.socket")
    assert unit.one("SocketMode") == "0660" and unit.one("SocketGroup") == "www-data"
    assert image.api.one("NonBlocking") == "yes"
    assert image.api["Sockets"] == ["booking-api.socket"]
    # The queue of the pool that has the most workers by itself.
    assert unit.one("Backlog") == "256"


# ---- settings and secrets -----------------------------------------------------

def test_every_secret_reaches_the_units_that_need_it_and_no_other(image, manual):
    secrets = {name for name, said in manual.items() if "; secret" in said}
    for name in sorted(secrets - set(WHO)):
        pytest.fail(
            f"{name} is a secret of src/app/settings.c that no unit knows: say in WHO of"
            " tests/install/test_units.py which of api, events, payments, documents and"
            f" bookings need it, and write @secret {name}@ into their units in systemd/"
            " (the relays' into booking-relay@TOPIC.service.d/topic.conf.in)")
    for name in sorted(set(WHO) - secrets):
        pytest.fail(f"{name} is in WHO of tests/install/test_units.py, and no secret of"
                    " src/app/settings.c")
    for who, unit in of(image).items():
        given = set(unit.credentials())
        needed = {name for name in WHO if who in WHO[name]}
        assert not needed - given, f"{unit.name} lacks @secret {needed - given}@"
        assert not given - needed - URLS, f"{unit.name} is given {given - needed - URLS}"
        for name in URLS | needed:
            assert unit.environment()[f"{name}_FILE"] == f"%d/{name}", unit.name
            # Where there is no such file it is as good as not set.
            assert f"{name}:\\n" in unit["SetCredential"], unit.name


def test_a_credential_is_a_file_of_its_name(image):
    files = {}
    for who, unit in of(image).items():
        for name, path in unit.credentials().items():
            assert os.path.dirname(path) == f"{image.conf}/credentials"
            files.setdefault(name, set()).add(os.path.basename(path))
    assert files.pop("DATABASE_URL") == {"DATABASE_URL.api", "DATABASE_URL.relay"}
    assert all(names == {name} for name, names in files.items())


def test_units_and_the_settings_file_speak_of_settings_that_there_are(image, manual):
    for who, unit in of(image).items():
        for name in unit.environment():
            assert name in manual or name.removesuffix("_FILE") in manual, (who, name)
    text = image.path(f"{image.conf}/environment").read_text()
    named = re.findall(r"(?m)^#?([A-Z][A-Z0-9_]*)=(.*)$", text)
    assert len(named) >= 4
    for name, value in named:
        assert name in manual and "secret" not in manual[name], name
        assert "@" not in value or "password" not in value
    # What has to be filled in is empty, so that nobody starts with an example.
    assert dict(named)["PUBLIC_URL"] == ""


# ---- topics ----------------------------------------------------------------------

def knows(topic):
    """Whether booking-relay has that topic; without settings it refuses all, and
    those it does not know in other words."""
    done = run(BUILD / "booking-relay", topic, env={"PATH": os.environ["PATH"]})
    assert done.returncode in (64, 78), done.stderr
    return done.returncode == 78


def test_the_target_wants_the_socket_the_pool_and_every_topic_there_is(image):
    wanted = image.unit("customer-booking.target").words("Wants")
    relays = [f"booking-relay@{topic}.service" for topic in TOPICS if knows(topic)]
    assert len(relays) >= 3
    missing = set(relays) - set(wanted)
    assert not missing, ("booking-relay knows that topic, so systemd/customer-booking.target"
                         f" has to want {missing}")
    assert sorted(wanted) == sorted(["booking-api.socket", "booking-api.service", *relays])
    for unit in of(image).values():
        assert unit["PartOf"] == ["customer-booking.target"]
    # Restarting the target must not take the socket away.
    socket = image.unit("booking-api.socket")
    assert socket["PartOf"] == [] and socket["StopPropagatedFrom"] == ["customer-booking.target"]


def test_each_topic_has_its_part_of_a_unit_and_no_other_has():
    parts = {path.name for path in (ROOT / "systemd").glob("booking-relay@*.service.d")}
    assert parts == {f"booking-relay@{topic}.service.d" for topic in TOPICS}
    assert not knows("none")


def test_the_relay_of_payments_waits_for_a_key_and_no_other_waits(image, tmp_path):
    waits = {topic: image.relay(topic)["ConditionFileNotEmpty"] for topic in TOPICS}
    assert [topic for topic in TOPICS if waits[topic]] == ["payments"]

    def starts(*files):
        for path in tmp_path.iterdir():
            path.unlink()
        for name, text in files:
            (tmp_path / name).write_text(text)
        return run("systemd-analyze", "condition", *(
            "ConditionFileNotEmpty=" + wait.replace(f"{image.conf}/credentials", str(tmp_path))
            for wait in waits["payments"])).returncode == 0

    key = "STRIPE_SECRET_KEY"
    assert not starts() and not starts((key, "")) and not starts(("LOOKUP_SECRET", "k"))
    # As it is, or encrypted by systemd-creds as docs/operators.md says.
    assert starts((key, "sk_test_1")) and starts((f"{key}.cred", "sealed"))


def test_only_the_relays_that_write_files_have_a_folder_for_them(image):
    kept = {who: unit["StateDirectory"] for who, unit in of(image).items()}
    folders = {"events": ["customer-booking"],
               "documents": ["customer-booking customer-booking/documents"]}
    assert kept == {who: folders.get(who, []) for who in kept}
    # nginx fetches by name from the one below; nobody lists either.
    for topic in folders:
        assert image.relay(topic)["StateDirectoryMode"] == ["0711"]


# ---- booking-env ---------------------------------------------------------------------

@pytest.fixture
def host(image, tmp_path):
    """booking-env over a folder of the test's: env(...) is what a command sees."""
    conf = tmp_path / "conf"
    (conf / "credentials").mkdir(parents=True)
    (conf / "environment").write_text("")

    def env(*argv, status=0, **given):
        done = run(image.path(image.program("booking-env")), *(argv or ("env", "-0")),
                   env={"PATH": os.environ["PATH"], "BOOKING_ENV_DIR": str(conf), **given})
        assert done.returncode == status, done.stderr
        if status:
            return done.stderr
        return dict(line.split("=", 1) for line in done.stdout.split("\0") if line)
    env.conf = conf
    return env


def test_a_command_sees_the_settings_as_a_unit_does(host):
    (host.conf / "environment").write_text(
        "# a comment\n; another\n\nPUBLIC_URL=https://a.example/x=y\n"
        'CORS_ORIGINS="https://a.example,https://b.example"  \n'
        "LOG_LEVEL='debug'\nJWT_ISSUER=\nDATABASE_URL=postgresql:///b?host=/run&x=$HOME\n")
    for name, text in {"JWT_SECRET": "a", "DATABASE_URL.api": "b", "REDIS_URL": "",
                       "DATABASE_URL.relay": "c", "note.txt": "d"}.items():
        (host.conf / "credentials" / name).write_text(text)
    seen = host()
    credentials = host.conf / "credentials"
    assert {n: v for n, v in seen.items() if n in (
        "PUBLIC_URL", "CORS_ORIGINS", "LOG_LEVEL", "JWT_ISSUER", "DATABASE_URL", "RUNTIME_DIR")
        or n.endswith("_FILE")} == {
        "PUBLIC_URL": "https://a.example/x=y",
        "CORS_ORIGINS": "https://a.example,https://b.example", "LOG_LEVEL": "debug",
        "DATABASE_URL": "postgresql:///b?host=/run&x=$HOME", "RUNTIME_DIR": MEMORY,
        "JWT_SECRET_FILE": f"{credentials}/JWT_SECRET",
        "DATABASE_URL_FILE": f"{credentials}/DATABASE_URL.api"}
    # Which the programs refuse, here as under systemd.
    said = host(BUILD / "bookingctl", "config", status=78)
    assert "DATABASE_URL and DATABASE_URL_FILE are both set" in said


def test_what_the_caller_sets_wins(host):
    (host.conf / "environment").write_text("LOG_LEVEL=info\nRUNTIME_DIR=/run/other\n")
    (host.conf / "credentials/JWT_SECRET").write_text("a")
    assert host()["RUNTIME_DIR"] == "/run/other"
    seen = host(LOG_LEVEL="debug", JWT_SECRET="mine", RUNTIME_DIR="/run/mine")
    assert (seen["LOG_LEVEL"], seen["JWT_SECRET"], seen["RUNTIME_DIR"]) == (
        "debug", "mine", "/run/mine")
    assert "JWT_SECRET_FILE" not in seen


@pytest.mark.parametrize("line, sentence", [
    ("LOG_LEVEL", "line 2, is not NAME=value"), ("export A=b", "line 2, is not NAME=value"),
    (r"A=b\tc", "line 2: no backslash"), ("A=b\\", "line 2: no backslash")])
def test_a_line_it_cannot_read_is_refused(host, line, sentence):
    (host.conf / "environment").write_text(f"# first\n{line}\n")
    assert sentence in host(status=78)


def test_it_says_that_it_needs_root(host):
    shutil.rmtree(host.conf / "credentials")
    assert "cannot be read: be root" in host(status=78)


def test_the_file_that_is_installed_can_be_read(image, host):
    shutil.copy(image.path(f"{image.conf}/environment"), host.conf)
    seen = host()
    assert seen["DATABASE_URL"] == "postgresql:///booking?host=/run/postgresql"
    assert "PUBLIC_URL" not in seen
    assert "PUBLIC_URL" in host(BUILD / "booking-api", "--check", status=78)


# ---- make install ------------------------------------------------------------------

def test_an_operators_settings_outlive_install_and_uninstall(tmp_path):
    image = Image.install(tmp_path)
    settings = image.path(f"{image.conf}/environment")
    template = settings.read_text()
    assert template == (ROOT / "systemd/environment").read_text()
    settings.write_text("PUBLIC_URL=https://mine.example\n")
    secret = image.path(f"{image.conf}/credentials/JWT_SECRET")
    secret.write_text("x")
    Image.install(tmp_path)
    assert settings.read_text() == "PUBLIC_URL=https://mine.example\n"

    def uninstall():
        done = run("make", "-C", BUILD, "-s", "uninstall", f"DESTDIR={tmp_path}")
        assert done.returncode == 0, done.stderr
        return {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if not p.is_dir()}
    assert uninstall() == {str(settings.relative_to(tmp_path)),
                           str(secret.relative_to(tmp_path))}
    # What nobody changed goes.
    secret.unlink()
    settings.write_text(template)
    assert uninstall() == set()


def configured(folder, *options):
    """{variable: value} of a Makefile of these options; and what configure said."""
    folder.mkdir()
    done = run(ROOT / "configure", *options, cwd=folder)
    assert done.returncode == 0, done.stderr
    text = (folder / "Makefile").read_text()
    return dict(re.findall(r"(?m)^(\w+) = (.*)$", text)), done.stdout


def test_configured_for_usr_units_go_where_systemd_says(tmp_path):
    made, said = configured(tmp_path / "usr", "--prefix=/usr", "--sysconfdir=/etc",
                            "--localstatedir=/var", "--with-nginx-group=nginx")
    said_by_it = run("pkg-config", "--variable=systemdsystemunitdir", "systemd").stdout.strip()
    assert made["systemdsystemunitdir"] == said_by_it and said_by_it in said
    done = run("make", "-C", tmp_path / "usr", "-s", "systemd/booking-api.service",
               "systemd/booking-api.socket")
    assert done.returncode == 0, done.stderr
    unit = (tmp_path / "usr/systemd/booking-api.service").read_text()
    assert "\nExecStart=/usr/sbin/booking-api\n" in unit
    assert "\nEnvironmentFile=/etc/customer-booking/environment\n" in unit
    assert not re.search(r"@\w+@", unit)
    assert "\nSocketGroup=nginx\n" in (tmp_path / "usr/systemd/booking-api.socket").read_text()


def test_configured_without_them_none_are_installed(tmp_path):
    made, said = configured(tmp_path / "none", "--without-systemdsystemunitdir")
    assert made["systemdsystemunitdir"] == "" and "no units" in said
    done = run("make", "-C", tmp_path / "none", "-n", "install-data-am", "install-exec-am",
               f"DESTDIR={tmp_path}")
    assert "systemd" not in done.stdout.replace(str(ROOT), "") and "install" in done.stdout
