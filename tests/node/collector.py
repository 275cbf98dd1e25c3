"""A collector that writes each span it is sent as a line of JSON; a program for the node's tests.

python collector.py ADDRESS PORT FILE
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def lines(body: bytes) -> str:
    """The spans of one export."""
    found: list[str] = []
    for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
        attributes = {each.key: each.value.string_value for each in resource.resource.attributes}
        for span in (span for scope in resource.scope_spans for span in scope.spans):
            line = {"service": attributes.get("service.name"), "name": span.name}
            line |= {"trace": span.trace_id.hex(), "span": span.span_id.hex()}
            line |= {
                "parent": span.parent_span_id.hex(),
                "links": [li.trace_id.hex() for li in span.links],
            }
            found.append(json.dumps(line) + "\n")
    return "".join(found)


def main() -> None:
    """Serve until killed."""
    address, port, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                with file.open("a") as out:
                    out.write(lines(body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Say nothing: what came is in the file."""

    ThreadingHTTPServer((address, port), Handler).serve_forever()


if __name__ == "__main__":
    main()
