"""The services of a team, real ones: a sweep through them, who is refused, what anybody can see, what is left."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from services import answers, needs_postgres
from sweeping import SPEC, Left, assert_whole, wait_for
from teamwork import ROOT, Team, environ_of, segments, team

from cluster.private import make_folder
from cluster.processes import MARK
from cluster.services.certificate import certificate
from sweeps.search.database import engine_of

pytestmark = [
    pytest.mark.slow,
    needs_postgres,
    pytest.mark.filterwarnings("ignore:::mlflow", "ignore:::alembic", "ignore:::optuna"),
]
SHARED = """storage: ${env:SWEEPS_STORAGE}
studies: ${env:STUDIES_URL}
tracking: ${env:MLFLOW_TRACKING_URI}
"""
ROUTES = [
    "/",
    "/version",
    "/api/2.0/mlflow/experiments/search?max_results=5",
    "/api/2.0/mlflow/experiments/get?experiment_id=0",
    "/ajax-api/2.0/mlflow/experiments/search?max_results=5",
    "/api/2.0/mlflow-artifacts/artifacts?path=",
    "/api/2.0/mlflow-artifacts/artifacts/1",
    "/ajax-api/2.0/mlflow-artifacts/artifacts?path=",
    "/get-artifact?run_uuid=x&path=y",
    "/model-versions/get-artifact?name=x&version=1&path=y",
    "/api/2.0/mlflow/registered-models/search",
    "/api/2.0/mlflow/users/get?username=admin",
    "/api/2.0/mlflow/users/list",
    "/ajax-api/3.0/jobs/x",
    "/ajax-api/3.0/mlflow/gateway/endpoints/list",
    "/ajax-api/3.0/mlflow/assistant/config",
    "/signup",
]
CHANGES = [
    ("/api/2.0/mlflow/experiments/create", {"name": "planted"}),
    ("/api/2.0/mlflow/runs/create", {"experiment_id": "0"}),
    ("/api/2.0/mlflow/users/create", {"username": "planted", "password": "planted-password"}),
    ("/graphql", {"query": '{ mlflowSearchRuns(input: {experimentIds: ["0"]}) { runs { info { runId } } } }'}),
    ("/ajax-api/3.0/jobs/", {"job_name": "x", "params": {}}),
    ("/gateway/x/mlflow/invocations", {"messages": []}),
    ("/v1/traces", {}),
]


def ask(
    address: str,
    login: tuple[str, str] | None = None,
    about: Any = None,
    method: str | None = None,
    host: str | None = None,
) -> tuple[int, bytes]:
    """Status and body of the answer."""
    headers = {"Content-Type": "application/json", **({"Host": host} if host else {})}
    if login is not None:
        headers["Authorization"] = "Basic " + b64encode(":".join(login).encode()).decode()
    data = None if about is None else about if isinstance(about, bytes) else json.dumps(about).encode()
    try:
        request = urllib.request.Request(address, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


@pytest.fixture(scope="module")
def services() -> Iterator[Team]:
    with team() as made:
        yield made


@pytest.fixture(scope="module")
def environment(services: Team) -> dict[str, str]:
    return services.environment()


@pytest.fixture(scope="module")
def address(environment: dict[str, str]) -> str:
    return environment["MLFLOW_TRACKING_URI"]


@pytest.fixture(scope="module")
def sweeps_user(environment: dict[str, str]) -> tuple[str, str]:
    return environment["MLFLOW_TRACKING_USERNAME"], environment["MLFLOW_TRACKING_PASSWORD"]


@pytest.fixture(scope="module")
def admin(services: Team) -> tuple[str, str]:
    return "admin", services.secret("mlflow-admin")


@pytest.fixture(scope="module")
def left(services: Team, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Left:
    """A sweep through the services, begun and finished as their own words tell."""
    place = tmp_path_factory.mktemp("driver")
    (place / "spec.yaml").write_text(SPEC + SHARED)
    command = [sys.executable, "-m", "sweeps", "run", str(place / "spec.yaml"), "--serial", "--plain"]
    said: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}, **said)
    services.said += done.stdout
    assert done.returncode == 0, done.stdout
    return Left(Path(environment["SWEEPS_STORAGE"]), "calm", environment["STUDIES_URL"])


def test_a_sweep_is_in_all_three_places(
    left: Left, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    assert not (left.folder / "studies.db").exists() and not (left.storage / "mlflow.db").exists()
    assert_whole(left)
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, environment[name])
    client = MlflowClient(environment["MLFLOW_TRACKING_URI"])
    experiment = client.get_experiment_by_name("calm")
    assert experiment is not None and experiment.artifact_location.startswith("mlflow-artifacts:/")
    runs = client.search_runs([experiment.experiment_id])
    assert Counter(run.data.tags["key"] for run in runs) == Counter([*left.trials(), "summary"])
    assert {run.info.status for run in runs} == {"FINISHED"}
    compared = 0
    for run in runs:
        for folder in client.list_artifacts(run.info.run_id, "checkpoint"):
            got = Path(client.download_artifacts(run.info.run_id, folder.path, str(tmp_path)))
            kept = left.record(run.data.tags["key"]).last_checkpoint()
            assert kept is not None
            if kept.step == int(got.name):
                assert all((got / name).read_bytes() == data for name, data in kept.contents.items())
                compared += 1
    assert compared == len(left.trials())


def test_folders_are_their_owners_alone(services: Team, left: Left) -> None:
    for path in services.folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISSOCK(mode) or stat.S_ISLNK(mode) or left.folder in path.parents:
            continue
        allowed = 0o711 if path.name == "config" else 0o700 if path.is_dir() else 0o600
        assert not stat.S_IMODE(mode) & ~allowed, f"{path}: {stat.S_IMODE(mode):o}"
    assert stat.S_IMODE(left.folder.stat().st_mode) == stat.S_IMODE(left.storage.stat().st_mode) == 0o700


def test_no_server_is_roots(services: Team) -> None:
    found = services.processes()
    assert len(found) > 5 and all(0 not in process.uids() for process in found)
    for process in found:
        status = Path(f"/proc/{process.pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        assert os.geteuid() != 0 or "NoNewPrivs:\t1" in status


def test_memory_is_bounded(services: Team) -> None:
    server = psutil.Process(services.pids()["MLflow"])
    for process in (server, *server.children(recursive=True)):
        assert re.search(r"Max data size +2000000000 +2000000000 ", Path(f"/proc/{process.pid}/limits").read_text())


@pytest.mark.parametrize("login", [None, ("sweeps", "wrong"), ("admin", "password1234"), ("nobody", "")])
def test_without_a_login_nothing_of_mlflow_answers(address: str, left: Left, login: tuple[str, str] | None) -> None:
    answered = {route: ask(address + route, login)[0] for route in ROUTES}
    answered |= {f"POST {route}": ask(address + route, login, about)[0] for route, about in CHANGES}
    answered["PUT"] = ask(f"{address}/api/2.0/mlflow-artifacts/artifacts/planted", login, b"planted", "PUT")[0]
    refused = {route: code for route, code in answered.items() if code not in (401, 403, 404, 405)}
    assert not refused, refused
    assert answered["POST /api/2.0/mlflow/experiments/create"] == answered["PUT"] == 401
    assert answered["/api/2.0/mlflow-artifacts/artifacts?path="] == 401
    assert ask(f"{address}/health") == (200, b"OK")


def test_what_is_open_tells_no_secret(services: Team, address: str) -> None:
    code, body = ask(f"{address}/api/3.0/mlflow/server-info")
    assert code == 200 and not any(secret.encode() in body for secret in services.secrets().values())


def test_another_host_name_is_refused(address: str, sweeps_user: tuple[str, str]) -> None:
    route = f"{address}/api/2.0/mlflow/experiments/search?max_results=5"
    assert ask(route, sweeps_user)[0] == 200
    assert ask(route, sweeps_user, host="rebound.example.org")[0] == 403


def test_users_do_not_see_each_others_sweeps(
    address: str, left: Left, admin: tuple[str, str], sweeps_user: tuple[str, str]
) -> None:
    other = ("other", "another-password")
    about = {"username": other[0], "password": other[1]}
    assert ask(f"{address}/api/2.0/mlflow/users/create", sweeps_user, about)[0] == 403
    assert ask(f"{address}/api/2.0/mlflow/users/create", admin, about)[0] == 200
    mine = json.loads(ask(f"{address}/api/2.0/mlflow/experiments/search?max_results=9", sweeps_user)[1])["experiments"]
    number = next(each["experiment_id"] for each in mine if each["name"] == "calm")
    theirs = json.loads(ask(f"{address}/api/2.0/mlflow/experiments/search?max_results=9", other)[1])
    assert "calm" not in [each["name"] for each in theirs.get("experiments", [])]
    for route in (f"mlflow/experiments/get?experiment_id={number}", f"mlflow-artifacts/artifacts?path={number}"):
        assert ask(f"{address}/api/2.0/{route}", sweeps_user)[0] == 200
        assert ask(f"{address}/api/2.0/{route}", other)[0] == 403
    changed = {**about, "password": "yet-another-password"}
    assert ask(f"{address}/api/2.0/mlflow/users/update-password", admin, changed, "PATCH")[0] == 200
    assert ask(f"{address}/version", other)[0] == 401, "the old password still opens"


def test_what_could_run_code_is_off(services: Team, address: str, admin: tuple[str, str]) -> None:
    server = psutil.Process(services.pids()["MLflow"])
    for process in (server, *server.children(recursive=True)):
        told = process.environ()
        assert told["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
        assert told["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
        assert told["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert len(server.children(recursive=True)) == 1, "job runners"
    assert ask(f"{address}/gateway/x/mlflow/invocations", admin, {"messages": []})[0] == 501
    assert ask(f"{address}/ajax-api/3.0/jobs/", admin, {"job_name": "x", "params": {}})[0] >= 400


def test_each_role_reaches_its_own_database_alone(services: Team, environment: dict[str, str]) -> None:
    url = environment["STUDIES_URL"]
    login, where = url.removeprefix("postgresql://").removesuffix("/studies").split("@")
    with psycopg.connect(url) as connection:
        asked = connection.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolname = current_user")
        assert asked.fetchone() == ("studies", False)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT pg_read_file('/etc/passwd')")
    refused = [(login, "mlflow"), (login, "postgres"), ("studies:wrong", "studies"), ("studies", "studies")]
    for role in ("admin", "mlflow"):  # through the socket alone
        refused += [(f"{role}:{services.secret(f'postgres-{role}')}", name) for name in ("studies", "mlflow")]
    for other, database in refused:
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"postgresql://{other}@{where}/{database}", passfile="/nowhere").close()


def test_secrets_are_nowhere(services: Team, left: Left) -> None:
    """What any process shows, what was said and logged, what lies in records, artifacts and the database itself."""
    services.run("status")
    told = services.secrets()
    assert set(told) >= {"mlflow-admin", "mlflow-sweeps", "mlflow-key", "postgres-admin", "postgres-studies"}
    seen = {f"/proc/{pid}/cmdline": Path(f"/proc/{pid}/cmdline") for pid in psutil.pids()}
    shown = {name: path.read_bytes() for name, path in seen.items() if path.exists()}
    assert any(b"mlflow\0server" in words for words in shown.values())
    shown |= {"said": services.said.encode(), "logs": services.logs().encode()}
    for place in ("postgres", "artifacts", "runs", "home"):
        paths = [path for path in (services.folder / place).rglob("*") if path.is_file() and not path.is_symlink()]
        shown |= {str(path): path.read_bytes() for path in paths}
    tables = [data for name, data in shown.items() if "/postgres/" in name]
    assert any(b"extragradient" in data for data in tables), "the tables were not read"
    hits = {name: secret for name, data in shown.items() for secret, value in told.items() if value.encode() in data}
    assert not hits, hits


@pytest.mark.skipif(os.geteuid() != 0, reason="being another user takes root")
def test_others_see_no_environment(services: Team) -> None:
    for process in services.processes():
        assert environ_of(process.pid, "nobody") is None
        held = environ_of(process.pid, process.username()) or b""
        hits = [name for name, value in services.secrets().items() if value.encode() in held]
        assert hits in ([], ["mlflow-key"]), hits


def test_up_again_changes_nothing(services: Team) -> None:
    before, secrets = services.pids(), services.secrets()
    services.run("up")
    assert services.pids() == before and services.secrets() == secrets
    assert "other settings; `services-down` first" in services.run("up", "--port", "5999", code=1)
    assert services.pids() == before


@pytest.mark.parametrize("server", ["MLflow", "PostgreSQL"])
def test_a_killed_server_is_brought_up_again(
    services: Team, left: Left, address: str, sweeps_user: tuple[str, str], server: str
) -> None:
    before = services.pids()
    os.kill(before[server], signal.SIGKILL)
    assert wait_for(lambda: server not in services.pids(), 30)
    services.run("status", code=1)
    services.run("up")
    now = services.pids()
    assert now[server] != before[server]
    route = f"{address}/api/2.0/mlflow/experiments/search?max_results=9"
    assert wait_for(lambda: ask(route, sweeps_user)[0] == 200, 30)
    assert b'"calm"' in ask(route, sweeps_user)[1]
    assert_whole(left)


def test_a_backup_brings_all_back_elsewhere(
    services: Team, left: Left, environment: dict[str, str], sweeps_user: tuple[str, str], tmp_path: Path
) -> None:
    """The commands of docs/cluster.md, word for word but for the port."""
    section = (ROOT / "docs" / "cluster.md").read_text().partition("### Backup")[2]
    save, restore = re.findall(r"```sh\n(.*?)```", section, re.DOTALL)[:2]
    port = environment["STUDIES_URL"].split(":")[-1].split("/")[0]
    other = Team(services.folder.with_name(f"{services.folder.name}-b"))
    backup = services.folder.with_name(f"{services.folder.name}-backup")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def follow(script: str, folder: Path) -> None:
        known = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), "SERVICES": str(folder), "BACKUP": str(backup)}
        words = ["sh", "-euc", script.replace("5433", port)]
        done = subprocess.run(words, env=known, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr

    try:
        follow(save, services.folder)
        before = services.environment()
        services.run("down")
        follow(restore, other.folder)
        assert other.environment() == {**before, "SWEEPS_STORAGE": str(other.folder / "runs")}
        assert_whole(left)
        found = ask(
            f"{environment['MLFLOW_TRACKING_URI']}/api/2.0/mlflow/experiments/search?max_results=9", sweeps_user
        )
        assert b'"calm"' in found[1]
        kept = {path.relative_to(services.artifacts) for path in services.artifacts.rglob("*")}
        assert kept == {path.relative_to(other.artifacts) for path in other.artifacts.rglob("*")} and len(kept) > 50
        assert not any(secret in other.logs() + other.said for secret in services.secrets().values())
    finally:
        if (other.folder / "settings.json").exists():
            other.run("down")
        for folder in (other.folder, backup):
            shutil.rmtree(folder, ignore_errors=True)
        services.run("up")


def test_nothing_is_left(services: Team, left: Left, environment: dict[str, str]) -> None:
    """Also of a PostgreSQL that was killed, and had no time to clean up."""
    state = json.loads((services.folder / "state.json").read_text())
    lock = services.folder / "postgres" / "postmaster.pid"
    segment = lock.read_text().splitlines()[6].split()[1]
    ours = services.processes()
    mapped = {line.split()[-1] for process in ours for line in _maps(process.pid) if "/dev/shm/" in line}
    ports = [int(environment[name].split(":")[-1].split("/")[0]) for name in ("STUDIES_URL", "MLFLOW_TRACKING_URI")]
    assert segment in segments() and all(map(answers, ports)) and not mapped
    os.kill(services.pids()["PostgreSQL"], signal.SIGKILL)
    services.run("down")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in ours)
    assert not [process.pid for process in psutil.process_iter() if _mark(process) == state["mark"]]
    assert segment not in segments() and not any(map(answers, ports))
    names = {path.name for path in services.folder.iterdir()}
    assert names == {"artifacts", "lock", "logs", "postgres", "runs", "secrets", "settings.json"}
    assert services.run("status", code=1).count("does not run") == 2
    services.run("down")


def test_data_and_passwords_outlive_it(services: Team, left: Left, environment: dict[str, str]) -> None:
    services.run("up")
    assert services.environment() == environment
    assert_whole(left)


def test_tables_of_an_older_mlflow_are_brought_to_this_version(
    services: Team, left: Left, address: str, sweeps_user: tuple[str, str]
) -> None:
    """As MLflow's own way back makes them: refused, then, on a word, upgraded with all that is in them."""
    services.run("up")
    settings = services.folder / "settings.json"
    known = json.loads(settings.read_text())
    newest = _revision(services)
    place = f"host={services.folder / 'socket'}&port={known['postgres_port']}"
    script = (
        "from alembic.command import downgrade; from mlflow.store.db.utils import _get_alembic_config\n"
        f"downgrade(_get_alembic_config('postgresql+psycopg://mlflow@/mlflow?{place}'), '-1')"
    )
    login = {**os.environ, "PGPASSWORD": services.secret("postgres-mlflow")}
    done = subprocess.run([sys.executable, "-c", script], env=login, capture_output=True, text=True)
    assert done.returncode == 0 and _revision(services) != newest, done.stderr
    services.run("down")
    settings.write_text(json.dumps({**known, "mlflow": "3.16.0"}))
    said = services.run("up", code=1)
    assert f"MLflow 3.16.0 wrote the tables in {services.folder}, and {known['mlflow']} is installed; --up" in said
    services.run("up", "--upgrade")
    assert _revision(services) == newest and json.loads(settings.read_text()) == known
    assert b'"calm"' in ask(f"{address}/api/2.0/mlflow/experiments/search?max_results=9", sweeps_user)[1]
    assert_whole(left)
    services.run("up", "--upgrade")  # and where there is nothing to do, nothing is done


def _revision(services: Team) -> str:
    port = json.loads((services.folder / "settings.json").read_text())["postgres_port"]
    about = {"host": str(services.folder / "socket"), "port": port, "password": services.secret("postgres-mlflow")}
    with psycopg.connect(user="mlflow", dbname="mlflow", **about) as connection:
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return str(revision[0])


def _maps(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/maps").read_text().splitlines()


def _mark(process: psutil.Process) -> str | None:
    try:
        return None if process.status() == psutil.STATUS_ZOMBIE else process.environ().get(MARK)
    except psutil.Error:
        return None


def test_beyond_the_loopback_there_is_tls_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On another address: Optuna and MLflow's client come in by what `exports` says, and by nothing else."""
    from mlflow import MlflowClient

    with team("--host", "127.0.0.2", "--name", "localhost") as made:
        told = made.environment()
        engine = engine_of(told["STUDIES_URL"])
        with engine.connect() as connection:
            used = connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()
        engine.dispose()
        assert used is True
        in_the_clear = told["STUDIES_URL"].partition("?")[0] + "?sslmode=disable"
        with pytest.raises(psycopg.OperationalError, match="no encryption"):
            psycopg.connect(in_the_clear).close()
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        client = MlflowClient(told["MLFLOW_TRACKING_URI"])
        run = client.create_run(client.create_experiment("over-tls")).info.run_id
        (tmp_path / "file").write_text("over TLS")
        client.log_artifact(run, str(tmp_path / "file"))
        got = Path(client.download_artifacts(run, "file", str(make_folder(tmp_path / "got"))))
        assert got.read_text() == "over TLS"
        other = certificate(make_folder(tmp_path / "other"), ["127.0.0.2"])
        (tmp_path / "other.pem").write_text(other.certificate)
        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", str(tmp_path / "other.pem"))
        with pytest.raises(Exception, match=r"certificate verify failed|SSLError"):
            client.search_experiments()
        with pytest.raises(OSError):
            ask(told["MLFLOW_TRACKING_URI"].replace("https", "http"))
