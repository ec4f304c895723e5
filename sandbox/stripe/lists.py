"""lists: one page of objects, newest first; and objects inside of objects."""
import json

from .errors import invalid, malformed, not_modelled
from .params import TABLE

LIMIT_DEFAULT, LIMIT_MAX = 10, 100
EXPAND_DEPTH_MAX = 4
PREFIXES = {"ch": "charge", "py": "charge", "pi": "payment_intent", "re": "refund",
            "pyr": "refund", "txn": "balance_transaction", "du": "dispute",
            "cs": "checkout.session", "evt": "event"}


def page(space, kind, url, params, keep=None):
    """keep(row) tells which objects belong to the list."""
    limit = params.get("limit", LIMIT_DEFAULT)
    if not 1 <= limit <= LIMIT_MAX:
        word = "greater than or equal to 1" if limit < 1 else f"less than or equal to {LIMIT_MAX}"
        raise malformed(f"This value must be {word}.", "parameter_invalid_integer", "limit")
    after, before = params.get("starting_after"), params.get("ending_before")
    if after and before:
        raise malformed("You may only specify one of these parameters: "
                        "starting_after, ending_before.", None, "starting_after")
    table = space.tables[kind]
    for name, param in ((after, "starting_after"), (before, "ending_before")):
        if name and name not in table.place:
            raise invalid(f"No such {kind}: '{name}'", "resource_missing", param)
    created = created_of(params)
    if before:
        places = range(table.place[before] + 1, len(table.rows))
    else:
        newest = table.place[after] if after else len(table.rows)
        places = range(newest - 1, -1, -1)
    rows, more = [], False
    for place in places:
        row = table.rows[place]
        if not created(row["created"]) or (keep and not keep(row)):
            continue
        if len(rows) == limit:
            more = True
            break
        rows.append(row)
    if before:
        rows.reverse()
    return {"object": "list", "url": url, "has_more": more, "data": rows}


def created_of(params):
    wanted = params.get("created")
    if wanted is None:
        return lambda at: True
    if isinstance(wanted, int):
        return lambda at: at == wanted
    low = max([wanted[k] + (k == "gt") for k in ("gt", "gte") if k in wanted], default=None)
    high = min([wanted[k] - (k == "lt") for k in ("lt", "lte") if k in wanted], default=None)
    return lambda at: (low is None or at >= low) and (high is None or at <= high)


def show(space, row, expand=()):
    """The object as it is answered; names in expand, checked, become objects."""
    if row.get("object") == "list":
        rows = [show_one(space, r) for r in row["data"]]
        out = dict(row, data=rows)
    else:
        out = show_one(space, row)
    for path in expand:
        names = path.split(".")
        if row.get("object") != "list":
            open_up(space, out, names)
        else:
            for one in out["data"]:
                open_up(space, one, names[1:])
    return out


def show_one(space, row):
    if "text" in row:  # an event, kept as the text that was signed
        out = json.loads(row["text"])
        out["pending_webhooks"] = row["pending"]
        return out
    return dict(row)


# What the table of types calls another resource, as we call it.
RESOURCES = {"@BalanceTransaction": "balance_transaction", "@Charge": "charge",
             "@PaymentIntent": "payment_intent", "@Refund": "refund"}


def check_expand(kind, many, paths):
    """Before anything is done: may these be expanded?"""
    for path in paths:
        names = path.split(".")
        if many and (names[0] != "data" or len(names) < 2):
            raise cannot(path)
        names = names[1:] if many else names
        if len(names) > EXPAND_DEPTH_MAX:
            raise malformed("You cannot expand more than 4 levels of a property.", None, "expand")
        inner = kind
        for name in names:
            if inner == "any":
                break
            known = TABLE["objects"].get(inner, {})
            type_ = known.get(name) or known.get(name + "!")
            if type_ in ("list", "list?"):
                if (inner, name) != ("charge", "refunds"):
                    raise not_modelled(path, "expand[0]")
                inner = "any"
            elif isinstance(type_, str) and type_[0] == "@":
                inner = "any" if "Source" in type_ else RESOURCES.get(type_.rstrip("?"))
            else:
                raise cannot(path)


def cannot(path):
    return malformed(f"This property cannot be expanded ({path}).", None, "expand[0]")


def open_up(space, out, names):
    """Puts the object in the place of its id; null stays null."""
    name = names[0]
    if out["object"] == "charge" and name == "refunds":
        out[name] = show(space, page(space, "refund", f"/v1/charges/{out['id']}/refunds", {},
                                     lambda r: r["charge"] == out["id"]))
        return
    value = out.get(name)
    if isinstance(value, str):
        found = space.get(PREFIXES.get(value.split("_")[0], "event"), value)
        if found is not None:
            value = out[name] = dict(found)
    if isinstance(value, dict) and "object" in value and len(names) > 1:
        open_up(space, value, names[1:])
