"""What KSI's minimal client and its event client do, with the standard library alone.

    python3 client.py SOCKET

Until its standard input ends it asks as they ask: a connection for each question, read until a whole reply is there, no correlation id;
and one connection on which discovery, help, subscription and completions go on, matched by correlation id. It prints
one line of JSON: how many questions there were, and what went wrong.
"""

import asyncio
import json
import socket
import sys
import time
import uuid

counts = {"minimal": 0, "events": 0, "completions": 0, "results": 0, "slowest_ms": 0}
errors = []


def minimal(path, event, data):
    """One question on a connection of its own: 2 s, read until the braces match and the text parses."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(2.0)
        link.connect(path)
        link.sendall((json.dumps({"event": event, "data": data}) + "\n").encode())
        text = b""
        while True:
            part = link.recv(4096)
            if not part:
                raise ConnectionError(f"{event}: closed without a reply")
            text += part
            if text.count(b"{") == text.count(b"}"):
                try:
                    return json.loads(text)
                except ValueError:
                    continue


class EventClient:
    """One connection: replies by correlation id, everything else by the name of its event."""

    def __init__(self, path):
        self.path = path
        self.pending = {}
        self.results = set()

    async def __aenter__(self):
        self.reader, self.writer = await asyncio.open_unix_connection(self.path, limit=10 * 1024 * 1024)
        self.listener = asyncio.create_task(self.listen())
        return self

    async def __aexit__(self, *_):
        self.listener.cancel()
        self.writer.close()

    async def listen(self):
        while line := await self.reader.readline():
            message = json.loads(line)
            waiting = self.pending.pop(message.get("correlation_id"), None)
            if waiting is not None:
                waiting.set_result(message)
            elif message.get("event") == "completion:result":
                self.results.add(message["data"]["request_id"])
        errors.append("the connection of the event client ended")

    async def send(self, event, data, timeout=30.0):
        name = str(uuid.uuid4())
        reply = self.pending[name] = asyncio.get_running_loop().create_future()
        line = {"event": event, "data": data, "correlation_id": name, "_client_id": "ksi_client_test"}
        self.writer.write((json.dumps(line) + "\n").encode())
        await self.writer.drain()
        message = await asyncio.wait_for(reply, timeout)
        if "error" in message:
            raise RuntimeError(f"{event}: {message['error']}")
        counts["events"] += 1
        return message["data"]


def fine(data, event):
    if isinstance(data, dict) and "error" in data:
        errors.append(f"{event}: {data['error']}")
    return data


async def ask_minimal(path, ended):
    while not ended.is_set():
        begun = time.monotonic()
        try:
            reply = await asyncio.to_thread(minimal, path, "system:health", {})
            counts["minimal"] += 1
            status = reply.get("data", {})
            # Only where the daemon was killed may it say that it is not back yet.
            killed = status.get("status") == "restarting" and "SIGKILL" in str(status.get("problem"))
            if status.get("status") != "healthy" and not killed:
                errors.append(f"health: {reply}")
            counts["slowest_ms"] = max(counts["slowest_ms"], round((time.monotonic() - begun) * 1000))
        except Exception as error:
            errors.append(f"minimal: {error!r}")
        await asyncio.sleep(0.005)


async def converse(path, ended):
    async with EventClient(path) as client:
        events = (await client.send("system:discover", {}, 5.0))["events"]
        profiles = (await client.send("permission:list_profiles", {}))["profiles"]
        names = {event["event"] for those in events.values() for event in those}
        for name in ("completion:async", "monitor:subscribe", "agent:register", "conversation:get"):
            if name not in names:
                errors.append(f"discovery does not tell of {name}")
        if "restricted" not in profiles:
            errors.append("there is no restricted profile")
        fine(await client.send("monitor:subscribe", {"event_patterns": ["completion:*"]}), "monitor:subscribe")
        fine(await client.send("agent:register", {"agent_id": "worker", "info": {}}), "agent:register")
        sent = set()
        while not ended.is_set():
            data = {
                "prompt": "hello",
                "session_id": None,
                "agent_id": "worker",
                "agent_config": {"permission_profile": "restricted", "profile": "conversationalist"},
            }
            taken = fine(await client.send("completion:async", data), "completion:async")
            sent.add(taken["request_id"])
            counts["completions"] += 1
            fine(await client.send("completion:status", {}), "completion:status")
            fine(await client.send("agent:info", {"agent_id": "worker"}), "agent:info")
            await asyncio.sleep(0.01)
        last = time.monotonic() + 20
        while not sent <= client.results and time.monotonic() < last:
            await asyncio.sleep(0.02)
        counts["results"] = len(sent & client.results)
        info = await client.send("agent:info", {"agent_id": "worker"})
        said = fine(await client.send("conversation:get", {"session_id": info["session_id"]}), "conversation:get")
        kinds = [message["type"] for message in said["messages"]]
        if kinds != ["user", "claude"] * (len(kinds) // 2):
            errors.append(f"conversation:get: {kinds[:10]}")


async def main():
    path, ended = sys.argv[1], asyncio.Event()

    async def listen():
        await asyncio.to_thread(sys.stdin.read)
        ended.set()

    listening = asyncio.create_task(listen())
    await asyncio.gather(ask_minimal(path, ended), converse(path, ended), listening)


try:
    asyncio.run(main())
except Exception as error:
    errors.append(repr(error))
print(json.dumps({**counts, "errors": errors[:20]}))
