#!/usr/bin/env python3
"""Plays the person beside an agent: reviews a server on a terminal and tells the model the digest and the code.

  person.py SERVER COMMAND [ARGS...]

Runs COMMAND ARGS review SERVER on a pseudo-terminal, in an environment without the marks of an agent, and prints the
arguments of quarantine_approve as JSON.
"""
import json
import os
import pty
import re
import sys

server, command = sys.argv[1], sys.argv[2:]
environ = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")}
pid, terminal = pty.fork()
if pid == 0:
    os.execvpe(command[0], command + ["review", "--no-pager", server], dict(environ, TERM="xterm"))
shown = b""
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:  # the other side is closed
        break
    if not data:
        break
    shown += data
status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
text = re.sub(r"\x1b\[[0-9;]*m", "", shown.decode())
digest = re.search(r"\b[0-9a-f]{64}\b", text)
code = re.search(r"\b(\d{4}) ?(\d{4})\s*$", text, re.M)
if status != 0 or not digest or not code:
    sys.exit(f"review showed no digest or no code (status {status}):\n{text}")
print(json.dumps({"name": server, "digest": digest[0], "code": code[1] + code[2]}))
