"""Serves one folder on a free local port under several prefixes, each with a fault of its own.

/right/, /refused/ (404), /truncated/ and /corrupt/ (whole answers with wrong content), /empty/,
/page/ (a web page with code 200), /cut/ (the connection ends half-way), /rest-only/ (right for a
request with a range that does not start at 0, otherwise 404 until a range was seen).
"""

import http.server
import os
import re
import sys

FOLDER = sys.argv[1]
range_seen = False


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        global range_seen
        _, fault, name = self.path.split("/")
        with open(os.path.join(FOLDER, name), "rb") as file:
            body = file.read()
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(asked.group(1)) if asked else 0
        range_seen = range_seen or start > 0
        if fault == "refused" or (fault == "rest-only" and not range_seen):
            return self.answer(404, b"no such file")
        if start >= len(body):
            return self.answer(416, b"")
        if fault == "truncated":
            body = body[: len(body) // 2]
        if fault == "corrupt":
            body = body[:1000] + bytes([body[1000] ^ 1]) + body[1001:]
        if fault == "empty":
            body = b""
        if fault == "page":
            body = b"<html>Please log in</html>"
        if start and fault == "right" or fault == "rest-only" and start:
            size = len(body)
            return self.answer(206, body[start:], {"Content-Range": f"bytes {start}-{size - 1}/{size}"})
        self.answer(200, body, sent=len(body) // 2 if fault == "cut" else len(body))

    def answer(self, code, body, headers={}, sent=None):
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        for key, value in headers.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body[:sent])

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
