"""control: /_control, by which tests and tools tell a sandbox what is to
happen, and ask what has happened.  JSON both ways."""
import json
import re

from .faults import Wrong

WAIT_MAX_S = 60
ADVANCE_MAX_S = 366 * 86400


class Missing(Wrong):
    """What is spoken of is not there."""


class Control:
    """routes: "METHOD /path/{id}" to a method that gets what was sent, then the
    ids.  refused: what else, besides Wrong, is no more than a 400."""

    routes = {}
    refused = ()

    def serve(self, request):
        """(status, what is answered)"""
        for endpoint, act in self.routes.items():
            method, _, path = endpoint.partition(" ")
            found = re.fullmatch(re.sub(r"\{id\}", "([^/]+)", path),
                                 request.path.removeprefix("/_control"))
            if not found or method != request.method:
                continue
            try:
                given = json.loads(request.body) if request.body else {}
                if not isinstance(given, dict):
                    raise Wrong("the body is an object")
                return 200, act(self, given, *found.groups())
            except Missing as e:
                return 404, {"error": str(e)}
            except (Wrong, *self.refused) as e:
                return 400, {"error": str(e)}
            except ValueError:
                return 400, {"error": "the body is not JSON"}
        return 404, {"error": "no such control", "controls": list(self.routes)}

    def index(self, given):
        return {"controls": list(self.routes)}


def seconds_of(given, field, default, longest):
    """How long: a number from 0."""
    value = given.get(field, default)
    if type(value) not in (int, float) or not 0 <= value <= longest:
        raise Wrong(f"{field} is 0..{longest}")
    return value


def advance_of(given):
    seconds = given.get("advance_s")
    if type(seconds) is not int or not 0 <= seconds <= ADVANCE_MAX_S:
        raise Wrong(f"advance_s is 0..{ADVANCE_MAX_S}")
    return seconds
