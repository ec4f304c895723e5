"""look: how the sandboxes' pages look, and what a browser may do with them."""
import base64
import hashlib
import html

CSS = """
*{box-sizing:border-box}
body{margin:0;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;
color:#1c2434;background:#eef1f6;min-height:100vh}
.bar{background:#fff4d6;color:#5f4700;text-align:center;font-size:14px;padding:7px 16px;
border-bottom:1px solid #f0dca4}
main{max-width:880px;margin:40px auto;padding:0 16px;display:grid;gap:24px;align-items:start}
section{background:#fff;border-radius:14px;padding:28px;border:1px solid #dde3ee;
box-shadow:0 8px 28px rgba(28,36,52,.07)}
h1{font-size:17px;font-weight:600;margin:0 0 4px;color:#56627a}
h2{font-size:18px;margin:0 0 16px}
p{margin:0 0 16px}
ul{list-style:none;margin:0;padding:0}
a{color:#3f4fd1}
:focus-visible{outline:3px solid #98a4ff;outline-offset:2px}
.quiet{color:#66728a;font-size:14px;margin:14px 0 0}
@media(max-width:720px){main{margin:20px auto}section{padding:22px}}
"""


def policy_of(css, more=""):
    """The Content-Security-Policy of a page with this style sheet."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; {more}" \
        "base-uri 'none'; frame-ancestors 'none'"


def headers_of(css, more=""):
    return {"Content-Security-Policy": policy_of(css, more), "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff"}


def document(title, css, bar, main, shape=""):
    shape = f' class="{shape}"' if shape else ""
    return (
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
        f"<title>{html.escape(title)}</title><style>{css}</style></head><body>"
        f"<div class=\"bar\">{html.escape(bar)}</div>"
        f"<main{shape}>{main}</main></body></html>").encode()
