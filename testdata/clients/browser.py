#!/usr/bin/env python3
"""Plays the browser of the person beside an agent, with cookies, on loopback addresses only.

  browser.py hook              Claude Code's Elicitation hook: opens the URL that it is told on stdin, and accepts
  browser.py visit ARGS        opens the first URL in the text on stdin (the last tool result); prints ARGS
  browser.py says TEXT ARGS    fails unless the text on stdin has TEXT; prints ARGS
  browser.py forget ADMIN TEXT ARGS   as says, and the testbed forgets all logins and refuses the present access token
  browser.py logins ADMIN      prints how many codes the testbed has exchanged for tokens

ARGS are a tool's arguments as JSON: see "run" in fake-model.mjs. ADMIN is the testbed's admin endpoint.
"""
import http.cookiejar
import json
import re
import sys
import urllib.parse
import urllib.request


def visit(url):
    """Follows the redirects; whoever is at the end must be content."""
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()), LoopbackOnly())
    check(url)
    with opener.open(url, timeout=20) as page:
        if page.status != 200:
            sys.exit(f"{page.geturl()}: status {page.status}")


def check(url):
    if urllib.parse.urlsplit(url).hostname not in ("127.0.0.1", "localhost"):
        sys.exit(f"not on this machine: {url}")


class LoopbackOnly(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        check(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def says(text):
    result = sys.stdin.read()
    if text not in result:
        sys.exit(f"no {text} in: {result}")


def admin(address, method, path, body=None):
    request = urllib.request.Request(address + path, method=method, data=json.dumps(body).encode() if body is not None else None)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=20) as answer:
        return json.load(answer)


what, rest = sys.argv[1], sys.argv[2:]
if what == "hook":
    asked = json.load(sys.stdin)
    if asked.get("mode") != "url":
        sys.exit(f"no URL is asked for: {asked}")
    visit(asked["url"])
    print(json.dumps({"hookSpecificOutput": {"hookEventName": "Elicitation", "action": "accept"}}))
elif what == "visit":
    text = sys.stdin.read()
    url = re.search(r"http://[^\s\"'<>()\[\]`]+[^\s\"'<>()\[\]`.,;:]", text)
    if not url:
        sys.exit(f"no URL in: {text}")
    visit(url[0])
    print(rest[0])
elif what == "says":
    says(rest[0])
    print(rest[1])
elif what == "forget":
    says(rest[1])
    for kind in ("AccessToken", "RefreshToken", "Grant"):
        admin(rest[0], "POST", "/forget", {"kind": kind})
    admin(rest[0], "PUT", "/faults", {"rs": {"reject": 1}})  # access tokens are signed: nothing is to be forgotten of them
    print(rest[2])
elif what == "logins":
    print(sum(r["path"] == "/token" and r["status"] == 200 and r.get("params", {}).get("grant_type") == "authorization_code"
              for r in admin(rest[0], "GET", "/log")))
else:
    sys.exit(__doc__)
