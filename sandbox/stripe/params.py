"""params: hold a request's parameters against params.json, the table made of
the type definitions of Stripe's own client."""
import json
import pathlib
import re

from .errors import malformed

TABLE = json.loads((pathlib.Path(__file__).parent / "params.json").read_text())
API_VERSION = TABLE["api_version"]
STRING_MAX = 5000
INT_MAX = 2**63 - 1
METADATA_MAX, METADATA_NAME_MAX, METADATA_VALUE_MAX = 50, 40, 500
INTEGER = re.compile(r"-?[0-9]{1,19}\Z")
DECIMAL = re.compile(r"-?[0-9]{1,20}(\.[0-9]{1,12})?\Z")


def check(endpoint, given):
    """The parameters with their types; raises what Stripe would answer."""
    return check_object(TABLE["params"][endpoint], given, "")


def check_object(fields, given, where):
    if "*" in fields:
        return check_map(given, where)
    unknown = [inside(where, name) for name in given
               if name not in fields and name + "!" not in fields]
    if unknown:
        plural = "s" if len(unknown) > 1 else ""
        raise malformed(f"Received unknown parameter{plural}: {', '.join(unknown)}",
                        "parameter_unknown", unknown[0])
    out = {}
    for name, kind in fields.items():
        plain = name.rstrip("!")
        if plain in given:
            out[plain] = check_value(kind, given[plain], inside(where, plain))
        elif name != plain:
            param = inside(where, plain)
            raise malformed(f"Missing required param: {param}.", "parameter_missing", param)
    return out


def inside(where, name):
    return f"{where}[{name}]" if where else name


def check_value(kind, value, param):
    if isinstance(kind, dict):
        if "unset" in kind:
            return None if value == "" else check_value(kind["unset"], value, param)
        if "or" in kind:
            return check_choice(kind["or"], value, param)
        if not isinstance(value, dict):
            raise malformed("Invalid object", None, param)
        return check_object(kind, value, param)
    if isinstance(kind, list):
        return check_array(kind[0], value, param)
    if isinstance(value, dict):
        raise malformed(f"Invalid string: {json.dumps(value)[:200]}", None, param)
    if value == "":
        if kind.endswith("?"):
            return None
        raise malformed(
            f"You passed an empty string for '{param}'. We assume empty values are an attempt "
            f"to unset a parameter; however '{param}' cannot be unset. You should remove "
            f"'{param}' from your request or supply a non-empty value.",
            "parameter_invalid_empty", param)
    return check_plain(kind.rstrip("?"), value, param)


def check_choice(kinds, value, param):
    plain = [k for k in kinds if isinstance(k, str)]
    nested = [k for k in kinds if not isinstance(k, str)]
    if isinstance(value, dict) and nested:
        return check_value(nested[0], value, param)
    for kind in plain[:-1]:
        try:
            return check_value(kind, value, param)
        except Exception:
            continue
    return check_value(plain[-1], value, param)


def check_array(kind, value, param):
    if not isinstance(value, dict):
        raise malformed("Invalid array", None, param)
    # Their names are their places: 0, 1, 2, ...
    if sorted(value) != sorted(map(str, range(len(value)))):
        raise malformed("Invalid array", None, param)
    return [check_value(kind, value[str(n)], f"{param}[{n}]") for n in range(len(value))]


def check_map(given, where):
    if len(given) > METADATA_MAX:
        raise malformed(f"Metadata can have at most {METADATA_MAX} keys", None, where)
    out = {}
    for name, value in given.items():
        param = inside(where, name)
        if isinstance(value, dict):
            raise malformed("Metadata values must be strings", None, param)
        if len(name) > METADATA_NAME_MAX:
            raise malformed(f"Metadata keys must be {METADATA_NAME_MAX} characters or less",
                            None, param)
        if len(value) > METADATA_VALUE_MAX:
            raise malformed("Metadata values can have up to "
                            f"{METADATA_VALUE_MAX} characters, but you passed in a value that "
                            f"is {len(value)} characters", None, param)
        if value:
            out[name] = value
    return out


def check_plain(kind, value, param):
    if kind == "string":
        if len(value) > STRING_MAX:
            raise malformed(f"Invalid string: {value[:20]}...; must be at most "
                            f"{STRING_MAX} characters", "parameter_invalid_string_length", param)
        return value
    if kind == "int":
        if not INTEGER.match(value) or abs(int(value)) > INT_MAX:
            raise malformed(f"Invalid integer: {value[:40]}", "parameter_invalid_integer", param)
        return int(value)
    if kind == "bool":
        if value not in ("true", "false"):
            raise malformed(f"Invalid boolean: {value[:40]}", None, param)
        return value == "true"
    if kind in ("float", "decimal"):
        if not DECIMAL.match(value):
            raise malformed(f"Invalid decimal: {value[:40]}", None, param)
        return value
    allowed = kind.split("|")
    if value not in allowed:
        name = param.split("[")[-1].rstrip("]")
        words = allowed[0] if len(allowed) == 1 else \
            ", ".join(allowed[:-1]) + (", or " if len(allowed) > 2 else " or ") + allowed[-1]
        raise malformed(f"Invalid {name}: must be one of {words}", None, param)
    return value


def leaves(value, path=""):
    """The dotted names of what is given: what the sandbox has to model."""
    if isinstance(value, dict):
        if not value:
            yield path
        for name, inner in value.items():
            yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner, path)
    else:
        yield path
