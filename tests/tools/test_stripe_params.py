"""Every parameter the Stripe adapter can send exists, with a fitting type, in
the type definitions of Stripe's own client (sandbox/stripe/params.json)."""
import pathlib
import re
import sys
import urllib.parse

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "sandbox"))
from stripe import params  # noqa: E402


def requests():
    """(endpoint, [(name, value)]) of each in stripe_requests.h."""
    text = (TREE / "tests/unit/stripe_requests.h").read_text()
    found = []
    for line in re.findall(r'^\t"(.*)",$', text, re.M):
        if re.match(r"(GET|POST) /v1/", line):
            found.append((line, []))
        else:
            name, _, value = line.partition("=")
            found[-1][1].append((name, urllib.parse.unquote(value)))
    return found


def nested(pairs):
    out = {}
    for name, value in pairs:
        first, *inner = re.split(r"\]?\[", name.removesuffix("]"))
        at = out
        for part, after in zip([first] + inner, inner):
            at = at.setdefault(part, {})
        at[([first] + inner)[-1]] = value
    return out


def test_the_adapters_version_is_the_one_the_types_are_of():
    header = (TREE / "src/remote/stripe.h").read_text()
    assert re.search(r'#define STRIPE_VERSION "(.*)"', header)[1] == params.API_VERSION


def test_there_are_requests_to_look_at():
    assert len(requests()) == 7 and all(pairs for _, pairs in requests())


@pytest.mark.parametrize("endpoint, pairs", requests(), ids=lambda v: v if isinstance(v, str) else "")
def test_every_parameter_is_one_of_stripes(endpoint, pairs):
    params.check(endpoint, nested(pairs))


@pytest.mark.parametrize("endpoint, pairs", requests(), ids=lambda v: v if isinstance(v, str) else "")
def test_a_parameter_that_stripe_does_not_know_would_be_found(endpoint, pairs):
    with pytest.raises(Exception, match="nonsense"):
        params.check(endpoint, nested(pairs + [("nonsense", "1")]))
