"""page: what a person may look at: the queues with their messages, the buckets
with their objects.  Nothing can be changed here, and looking receives nothing."""
import html
import json
import re
import time
import urllib.parse

from common import look
from common.http import Reply

SHOWN = 200
BODY_SHOWN = 20000
IMAGES = {"image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml"}
# A string, a mark, or anything else but white space.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')
CSS = look.CSS + """
main{max-width:1080px;grid-template-columns:minmax(0,1fr)}
h1{font-size:24px;color:#1c2434;letter-spacing:-.01em}
.crumb{margin:0 0 4px}
h2 small{font-weight:400;color:#66728a;font-size:14px;margin-left:8px}
a{text-decoration:none;font-weight:600}
a:hover{text-decoration:underline}
.row{display:flex;flex-wrap:wrap;gap:4px 20px;align-items:baseline;padding:12px 0;
border-top:1px solid #e8ecf3}
.row:first-of-type{border-top:0}
.row .name{flex:1 1 260px;overflow-wrap:anywhere}
.row .number{color:#56627a;overflow-wrap:anywhere}
.tag{display:inline-block;font-size:12px;font-weight:600;padding:1px 9px;border-radius:20px;
background:#e6f4ea;color:#1d6b34}
.tag.flight{background:#fff0d9;color:#7a4b00}
.tag.fifo{background:#e7eaff;color:#3443b8}
details{border-top:1px solid #e8ecf3;padding:12px 0}
summary{cursor:pointer;display:flex;flex-wrap:wrap;gap:4px 16px;align-items:baseline}
summary:before{content:"\\25B8";color:#66728a}
details[open] summary:before{content:"\\25BE"}
summary b{overflow-wrap:anywhere}
summary time,summary i,.facts{color:#66728a;font-size:14px;font-style:normal}
summary time{margin-left:auto}
summary b{flex:0 1 auto;min-width:180px}
pre{background:#f4f6fa;border:1px solid #dde3ee;border-radius:8px;padding:14px;margin:12px 0 0;
font:13px/1.5 ui-monospace,"DejaVu Sans Mono",Menlo,monospace;white-space:pre-wrap;
overflow-wrap:anywhere}
.facts{margin:10px 0 0;overflow-wrap:anywhere}
.grid{display:grid;gap:16px;grid-template-columns:repeat(auto-fill,minmax(190px,1fr))}
figure{margin:0;border:1px solid #dde3ee;border-radius:10px;padding:14px;background:#fff}
figure img,figure .blank{display:block;width:100%;height:150px;object-fit:contain;
image-rendering:pixelated;background:#f4f6fa;border-radius:6px}
figure .blank{display:flex;align-items:center;justify-content:center;color:#66728a;font-size:13px;
padding:8px;text-align:center;overflow-wrap:anywhere}
figcaption{font-size:13px;margin-top:10px;overflow-wrap:anywhere;color:#56627a}
figcaption a{display:block}
"""
HEADERS = look.headers_of(CSS, "img-src 'self'; ")
# What is shown of an object must not be able to do anything.
RAW_HEADERS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
               "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}


def is_page(request):
    """A person's browser asks for it, and no client of S3 does."""
    if request.path.startswith("/_pages/"):
        return True
    return request.path == "/" and request.method in ("GET", "HEAD") and \
        "Authorization" not in request.headers and not request.query and \
        "text/html" in request.headers.get("Accept", "")


def serve(world, request):
    if not request.local:
        return answer(403, "Not here", "<p>These pages are for this machine alone.</p>")
    if request.method not in ("GET", "HEAD"):
        return answer(405, "Not so", "<p>These pages are read.</p>")
    parts = [urllib.parse.unquote(part) for part in request.path.split("/")[1:]]
    with world.lock:
        world.tidy()
        if parts == [""]:
            return overview(world)
        if parts[1] == "queues" and len(parts) == 3 and parts[2] in world.queues:
            return queue_page(world, world.queues[parts[2]])
        if parts[1] == "buckets" and len(parts) == 3 and parts[2] in world.buckets:
            return bucket_page(parts[2], world.buckets[parts[2]])
        if parts[1] == "objects" and len(parts) > 3 and parts[2] in world.buckets:
            found = world.buckets[parts[2]].get("/".join(parts[3:]))
            if found is not None:
                return raw(found)
    return answer(404, "Nothing here", "<p>There is no such page.</p><p><a href=\"/\">All queues "
                  "and buckets</a></p>")


def answer(status, title, main):
    inner = main if "<section" in main else \
        f"<section><h1>{html.escape(title)}</h1>{main}</section>"
    text = look.document(title, CSS, "Sandbox: this stands in for SQS and S3. Nothing leaves this "
                         "machine.", inner)
    return Reply(status, text, {**HEADERS, "Cache-Control": "no-store"},
                 "text/html; charset=utf-8")


def raw(found):
    kind = found.headers["Content-Type"].partition(";")[0].strip().lower()
    return Reply(200, found.data, dict(RAW_HEADERS),
                 kind if kind in IMAGES else "text/plain; charset=utf-8")


def link(*parts):
    return "/_pages/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)


def heading(name):
    return "<div><p class=\"crumb\"><a href=\"/\">Queues and buckets</a></p>" \
        f"<h1>{name}</h1></div>"


def plural(number, noun):
    return f"{number} {noun}{'' if number == 1 else 's'}"


# ---- all ---------------------------------------------------------------------------
def overview(world):
    queues = "".join(queue_row(queue) for _, queue in sorted(world.queues.items()))
    buckets = "".join(
        f"<div class=\"row\"><span class=\"name\"><a href=\"{link('buckets', name)}\">"
        f"{html.escape(name)}</a></span><span class=\"number\">{plural(len(bucket), 'object')}, "
        f"{size(sum(len(o.data) for o in bucket.values()))}</span></div>"
        for name, bucket in sorted(world.buckets.items()))
    empty = "<p class=\"quiet\">None.</p>"
    return answer(200, "Queues and buckets", (
        "<h1>Queues and buckets</h1>"
        f"<section><h2>Queues<small>SQS, {html.escape(world.region)}</small></h2>"
        f"{queues or empty}</section>"
        f"<section><h2>Buckets<small>S3</small></h2>{buckets or empty}</section>"
        f"<p class=\"quiet\">{plural(world.journal.made, 'arrival')} since the start; what came "
        "and when, in order, tells <code>./dev queue</code>.</p>"))


def queue_row(queue):
    counts = queue.counts()
    fifo = " <span class=\"tag fifo\">FIFO</span>" if queue.fifo else ""
    return (f"<div class=\"row\"><span class=\"name\"><a href=\"{link('queues', queue.name)}\">"
            f"{html.escape(queue.name)}</a>{fifo}</span><span class=\"number\">"
            f"{counts['ApproximateNumberOfMessages']} waiting, "
            f"{counts['ApproximateNumberOfMessagesNotVisible']} in flight</span></div>")


# ---- one queue ------------------------------------------------------------------------
def queue_page(world, queue):
    messages = list(queue.messages.values())
    rows = "".join(message_row(world, message) for message in messages[-SHOWN:][::-1])
    more = f"<p class=\"quiet\">The newest {SHOWN} of {len(messages)}.</p>" \
        if len(messages) > SHOWN else ""
    fifo = " <span class=\"tag fifo\">FIFO</span>" if queue.fifo else ""
    return answer(200, queue.name, (
        f"{heading(html.escape(queue.name) + fifo)}"
        f"<section><h2>Messages<small>newest first; looking receives nothing</small></h2>"
        f"{rows or '<p class=quiet>It is empty.</p>'}{more}</section>"
        f"<section><h2>Attributes</h2>{attribute_rows(queue)}</section>"))


def attribute_rows(queue):
    return "".join(f"<div class=\"row\"><span class=\"name\">{html.escape(name)}</span>"
                   f"<span class=\"number\">{html.escape(value)}</span></div>"
                   for name, value in queue.attributes.show(["All"]).items())


def message_row(world, message):
    now = world.now()
    tag = "<span class=\"tag\">waiting</span>"
    if message.in_flight(now):
        tag = "<span class=\"tag flight\">in flight</span>"
    elif message.delayed(now):
        tag = "<span class=\"tag flight\">delayed</span>"
    facts = {"id": message.name, "group": message.group,
             "deduplication": message.deduplication, "sequence": message.sequence,
             "received": message.received, **{
                 name: value.get("StringValue", "(binary)")
                 for name, value in message.attributes.items()}}
    told = " &middot; ".join(f"{name} {html.escape(str(value))}" for name, value in facts.items()
                             if value not in (None, 0))
    return (f"<details><summary><b>{html.escape(title_of(message.body))}</b>{tag}"
            f"<i>{html.escape((message.group or '')[:40])}</i>"
            f"<time>{clock(message.sent)}</time></summary>"
            f"<pre>{html.escape(pretty(message.body))}</pre>"
            f"<p class=\"facts\">{told}</p></details>")


def title_of(body):
    """An event's type if it is one, else how it begins."""
    try:
        found = json.loads(body)
        if isinstance(found, dict) and isinstance(found.get("event_type"), str):
            return found["event_type"][:80]
    except ValueError:
        pass
    return body[:60]


def pretty(body):
    """JSON with line breaks; nothing else of it is changed: 120.00 stays."""
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return body[:BODY_SHOWN] + (" …" if len(body) > BODY_SHOWN else "")
    out, depth = [], 0
    for token in TOKEN.findall(body[:BODY_SHOWN]):
        if token in "{[":
            depth += 1
            token += "\n" + "  " * depth
        elif token in "}]":
            depth -= 1
            token = "\n" + "  " * depth + token
        elif token == ",":
            token += "\n" + "  " * depth
        elif token == ":":
            token += " "
        out.append(token)
    text = re.sub(r"([{\[])\n *\n *([}\]])", r"\1\2", "".join(out))
    return text + (" …" if len(body) > BODY_SHOWN else "")


# ---- one bucket ---------------------------------------------------------------------------
def bucket_page(name, bucket):
    objects = sorted(bucket.values(), key=lambda found: -found.modified)
    figures = "".join(figure(name, found) for found in objects[:SHOWN])
    more = f"<p class=\"quiet\">The newest {SHOWN} of {len(objects)}.</p>" \
        if len(objects) > SHOWN else ""
    inner = f"<div class=\"grid\">{figures}</div>" if figures else \
        "<p class=\"quiet\">It is empty.</p>"
    return answer(200, name, (
        f"{heading(html.escape(name))}"
        f"<section><h2>Objects<small>newest first</small></h2>{inner}{more}</section>"))


def figure(bucket, found):
    where = link("objects", bucket, *found.key.split("/"))
    kind = found.headers["Content-Type"]
    seen = f"<img src=\"{where}\" alt=\"{html.escape(found.key)}\">" \
        if kind.partition(";")[0].strip().lower() in IMAGES else \
        f"<span class=\"blank\">{html.escape(kind)}</span>"
    return (f"<figure>{seen}<figcaption><a href=\"{where}\">{html.escape(found.key)}</a>"
            f"{size(len(found.data))} &middot; {clock(found.modified)}<br>"
            f"{html.escape(found.headers['x-amz-server-side-encryption'])}</figcaption></figure>")


def size(number):
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024 or unit == "MiB":
            return f"{number:.0f} {unit}" if unit == "bytes" else f"{number:.1f} {unit}"
        number /= 1024
    return ""


def clock(seconds):
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + " UTC"
