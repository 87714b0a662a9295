#!/usr/bin/env python3
"""Holds the view of a StreamLens server and prints its busiest flows: docs/protocol.md in forty lines.

    pip install websockets
    python3 examples/stream_client.py ws://127.0.0.1:8080/stream [FILTER]
"""

import asyncio
import json
import sys

import websockets


def merge(held, patch):
    """JSON Merge Patch, RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    held = held if isinstance(held, dict) else {}
    for key, value in patch.items():
        if value is None:
            held.pop(key, None)
        else:
            held[key] = merge(held.get(key), value)
    return held


async def main(address, filter_text):
    flows, order = {}, []
    async with websockets.connect(address, max_size=None) as socket:
        window = {"from": 0, "count": 10}
        await socket.send(json.dumps({"type": "subscribe", "id": 1, "filter": filter_text, "sort": "rate",
                                      "window": window, "rate": 1}))
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "error":
                sys.exit(message["error"]["detail"])
            if message["type"] != "flow_update":
                continue
            if message.get("reset"):
                flows, order = {}, []
            for key in message.get("removed", []):
                flows.pop(key, None)
            for key, patch in message["flows"].items():
                flows[key] = merge(flows.get(key), patch)
            order = message.get("order", order)
            print(message.get("timestamp", "-"), f"{message['total_flows']} flows")
            for key in order:
                flow = flows[key]
                names = "/".join(flow["transports"] + flow["encodings"])
                print(f"  {flow.get('bit_rate_now', 0) / 1e6:10.3f} Mbit/s  {names:24} {key}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:8080/stream", " ".join(sys.argv[2:])))
