"""The document: what an official validator says, and whether it is the truth."""
import json
import os
import pathlib
import re
import subprocess
import uuid

import pytest

from product import BUILD, TREE

HERE = pathlib.Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def validator():
    """The npm package, at the version of package-lock.json, in the build folder."""
    folder = BUILD / "openapi-validator"
    lock = (HERE / "package-lock.json").read_bytes()
    done = folder / "installed"
    if not done.exists() or done.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json", ".npmrc"):
            (folder / name).write_bytes((HERE / name).read_bytes())
        got = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder,
                             text=True, capture_output=True, timeout=180,
                             env={**os.environ, "npm_config_cache": str(folder / "cache")})
        assert got.returncode == 0, f"npm ci: {got.stdout}{got.stderr}"
        done.write_bytes(lock)
    return folder


def judge(validator, document):
    script = """
import { Validator } from '@seriousme/openapi-schema-validator';
import { readFileSync } from 'node:fs';
const validator = new Validator();
const result = await validator.validate(JSON.parse(readFileSync(0, 'utf8')));
console.log(JSON.stringify({ ...result, version: validator.version }));
"""
    got = subprocess.run(["node", "--input-type=module", "-e", script], cwd=validator, text=True,
                         input=json.dumps(document), capture_output=True, timeout=60)
    assert got.returncode == 0, got.stderr
    return json.loads(got.stdout)


def test_an_official_validator_accepts_the_document(world, validator):
    said = judge(validator, world.contract.document)
    assert said["valid"] is True, said
    assert said["version"] == "3.1"


def test_the_validator_would_have_said_no(world, validator):
    broken = json.loads(json.dumps(world.contract.document))
    broken["paths"]["/health"]["get"]["responses"] = {"200": {"content": {}}}
    assert judge(validator, broken)["valid"] is False


def test_the_document_says_where_and_how(world):
    document = world.contract.document
    assert document["openapi"].startswith("3.1.")
    assert [s["url"] for s in document["servers"]] == [world.url]
    schemes = document["components"]["securitySchemes"]
    assert {s["type"] for s in schemes.values()} == {"http", "apiKey"}
    ids = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids))
    for path, operations in document["paths"].items():
        for operation in operations.values():
            named = {p.get("name") for p in operation["parameters"]}
            assert set(re.findall(r"\{(\w+)\}", path)) <= named


def test_the_scopes_it_asks_for_are_enough_and_each_is_needed(world):
    # All scopes of one requirement are needed (OpenAPI 3.1, Security Requirement Object).
    scopes = ("booking:create", "booking:read", "booking:update")
    world.expect("payments_unavailable")
    for path, operations in world.contract.document["paths"].items():
        for method, operation in operations.items():
            ways = [way["bearerAuth"] for way in operation["security"] if "bearerAuth" in way]
            for scope in scopes if ways else ():
                answer = world.customer(scope=[scope]).send(
                    method.upper(), re.sub(r"\{\w+\}", lambda _: str(uuid.uuid4()), path))
                assert (answer.status != 403) is ([scope] in ways), (method, path, scope, answer)


@pytest.mark.parametrize("name", ["abcdefg", "abcdefgh", "x" * 64, "x" * 65])
def test_a_name_for_a_request_is_kept_if_it_is_as_the_document_says(world, name):
    parameter = world.contract.document["components"]["parameters"]["RequestId"]
    kept = re.search(parameter["schema"]["pattern"], name) is not None
    answer = world.anyone().get("/health", headers={"X-Request-Id": name}).ok()
    assert (answer.headers["X-Request-Id"] == name) is kept


def test_every_reference_leads_somewhere(world):
    document = world.contract.document

    def follow(value):
        if isinstance(value, dict):
            if "$ref" in value:
                target = document
                for step in value["$ref"].lstrip("#/").split("/"):
                    target = target[step]
            for inner in value.values():
                follow(inner)
        elif isinstance(value, list):
            for inner in value:
                follow(inner)
    follow(document)


def test_every_example_holds_by_its_own_schema(world):
    def walk(where, schema):
        if isinstance(schema, dict):
            for example in schema.get("examples", []) if isinstance(schema.get("examples"), list) else []:
                world.contract.hold(where, schema, example)
            for name, inner in schema.items():
                walk(f"{where}/{name}", inner)
        elif isinstance(schema, list):
            for number, inner in enumerate(schema):
                walk(f"{where}/{number}", inner)
    walk("schemas", world.contract.document["components"]["schemas"])


def test_the_customers_own_body_is_one_the_document_allows(world):
    world.contract.check_request("POST", "/api/v1/bookings", {
        "franchise_id": "00000000-0000-4000-8000-000000000001",
        "start_datetime": "2024-01-15T09:00:00Z", "end_datetime": "2024-01-15T17:00:00Z",
        "customer_info": {"name": "John Doe", "email": "john@example.com", "phone": "+1234567890",
                          "emergency_contact": "Jane Doe +1234567891"},
        "child_info": {"name": "Alice Doe", "age": 5, "special_needs": "None", "allergies": "Peanuts",
                       "pickup_authorization": "John Doe, Jane Doe",
                       "special_instructions": "Likes to draw"}})


def test_the_document_is_the_same_for_everybody_and_can_be_kept(world):
    first = world.anyone().get("/api/v1/openapi.json").ok()
    second = world.customer().get("/api/v1/openapi.json").ok()
    assert first.body == second.body and first.etag == second.etag
    assert pathlib.Path(TREE / "tests/http/package-lock.json").read_text().count("resolved") == 0
