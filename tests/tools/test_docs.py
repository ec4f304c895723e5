"""The documents say what the tables say."""
import ast
import json
import pathlib
import re

TREE = pathlib.Path(__file__).resolve().parents[2]
HIDDEN = {("200", "ok")}


def read(name):
    return (TREE / name).read_text()


def test_every_error_is_told_to_clients_and_no_other():
    of_ours = re.findall(r'\{ (\d{3}), "([a-z_]+)"', read("src/base/err.c"))
    of_nginx = re.findall(r'return (\d{3}) .*"code":"([a-z_]+)"', read("nginx/problems.conf.in"))
    told = re.findall(r"^\| (\d{3}) \| `([a-z_]+)` \|", read("docs/api.md"), re.M)
    assert len(told) == len(set(told))
    assert set(told) == (set(of_ours) | set(of_nginx)) - HIDDEN


def test_the_layers_told_are_the_layers_held():
    rules = ast.literal_eval(
        re.search(r"^MAY_USE = (\{.*?^\})", read("tools/lint"), re.M | re.S)[1])
    told = dict(re.findall(r"^\| (\w+) \| `[\w/]+` \| [^|]+ \| ([\w, ]*)\|",
                           read("ARCHITECTURE.md"), re.M))
    assert {layer: set(uses.replace(",", " ").split()) for layer, uses in told.items()} == {
        layer: set(uses) for layer, uses in rules.items()}


def test_no_link_between_the_documents_is_dead():
    documents = list(TREE.glob("*.md")) + list((TREE / "docs").glob("*.md"))
    assert len(documents) >= 7
    for document in documents:
        for link in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (document.parent / link).exists(), f"{document.name}: {link}"
        for path in re.findall(r"`((?:src|tools|sql|tests|fcgi|ctl|docs)/[\w./-]+\.\w+)`",
                               document.read_text()):
            assert (TREE / path).exists(), f"{document.name}: {path}"


def test_the_code_that_style_shows_is_there():
    shown = re.findall(r"From `([\w/.]+)`:\n```\w+\n(.*?)```", read("STYLE.md"), re.S)
    assert len(shown) >= 4
    for name, code in shown:
        assert code in read(name), f"{name} no longer has:\n{code}"


def test_the_rights_told_for_aws_are_those_of_the_calls_that_are_made():
    policy, = re.findall(r"^```json\n(\{.*?^\})\n```", read("docs/operators.md"), re.M | re.S)
    allowed = set()
    for statement in json.loads(policy)["Statement"]:
        assert statement["Effect"] == "Allow" and "*" not in statement["Resource"][:-1]
        actions = statement["Action"]
        allowed |= {actions} if isinstance(actions, str) else set(actions)
    # SendMessageBatch asks for the right of SendMessage.
    calls = {"sqs:" + name.removesuffix("Batch")
             for name in re.findall(r'TARGET "(\w+)"', read("src/remote/sqs.c"))}
    calls |= {{"PUT": "s3:PutObject", "GET": "s3:GetObject", "DELETE": "s3:DeleteObject"}[method]
              for method in re.findall(r'\.method = "(\w+)"', read("src/remote/s3.c"))}
    # What the doctor asks for beside, and can do without.
    assert calls - allowed == {"sqs:GetQueueAttributes", "s3:GetObject"}
    assert not allowed - calls
