"""A person in Matrix, played by matrix-nio, told what to do by JSON lines.

Each line on stdin is {"id": n, "op": name, ...}; each line on stdout is {"id": n, "ok": ...} or
{"id": n, "error": {"code": ..., "message": ...}}. Requests run side by side. After `login` a sync loop runs
for good and keeps every event it has seen, as nio parsed it. End of file on stdin ends the process.
"""

import asyncio
import json
import logging
import sys
import uuid

import nio

# More than a test writes between two syncs: a limited timeline would hide events from `wait`.
SYNC_FILTER = {"room": {"timeline": {"limit": 1000}}}
SYNC_MS = 30_000
PAGE = 100
MAX_LINE = 16 * 1024 * 1024


class Refused(Exception):
    """The homeserver said no; `code` is its errcode."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def accepted(response):
    """The response, unless it is one of nio's errors."""
    if isinstance(response, nio.ErrorResponse):
        raise Refused(str(response.status_code or "UNKNOWN"), response.message)
    return response


def seen(event):
    """An event as nio understood it, and its source beside that."""
    source = event.source
    return {
        "class": type(event).__name__,
        "event_id": source.get("event_id"),
        "sender": source.get("sender"),
        "timestamp_ms": source.get("origin_server_ts"),
        "body": getattr(event, "body", None),
        "formatted_body": getattr(event, "formatted_body", None),
        "source": source,
    }


def relations(event):
    """The ids of all events that this one points at."""
    content = event["source"].get("content")
    relates = content.get("m.relates_to") if isinstance(content, dict) else None
    if not isinstance(relates, dict):
        return []
    reply = relates.get("m.in_reply_to")
    return [relates.get("event_id"), reply.get("event_id") if isinstance(reply, dict) else None]


def matches(event, want):
    """Whether the event has everything that is wanted of it; what is not named may be anything."""
    return (
        want.get("sender") in (None, event["sender"])
        and want.get("body") in (None, event["body"])
        and want.get("type") in (None, event["source"].get("type"))
        and want.get("event_id") in (None, event["event_id"])
        and (want.get("relates_to") is None or want["relates_to"] in relations(event))
    )


class Person:
    def __init__(self):
        self.client = None
        self.syncing = None
        self.rooms = {}
        self.news = asyncio.Condition()

    async def login(self, homeserver, user, password):
        config = nio.AsyncClientConfig(max_timeout_retry_wait_time=1)
        self.client = nio.AsyncClient(homeserver, user, config=config)
        response = accepted(await self.client.login(password, device_name="person"))
        self.syncing = asyncio.create_task(self.sync_for_good())
        return {"user_id": response.user_id, "device_id": response.device_id}

    async def sync_for_good(self):
        while True:
            response = await self.client.sync(timeout=SYNC_MS, sync_filter=SYNC_FILTER)
            if isinstance(response, nio.SyncError):
                logging.error("sync refused: %s", response)
                await asyncio.sleep(0.5)
                continue
            async with self.news:
                for room_id, room in response.rooms.join.items():
                    self.keep(room_id, room.timeline.events)
                self.news.notify_all()

    def keep(self, room_id, events):
        known = self.rooms.setdefault(room_id, {})
        for event in events:
            known.setdefault(event.source.get("event_id"), seen(event))

    async def wait(self, room, want, count, timeout_ms):
        """The events of a room that match, once there are `count` of them."""

        def found():
            return [e for e in self.rooms.get(room, {}).values() if matches(e, want)]

        async with self.news:
            try:
                enough = self.news.wait_for(lambda: len(found()) >= count)
                await asyncio.wait_for(enough, timeout_ms / 1000)
            except asyncio.TimeoutError:
                known = [f"{e['sender']}: {e['body']}" for e in self.rooms.get(room, {}).values()]
                message = f"saw {len(found())} of {count} after {timeout_ms} ms; last in the room: {known[-5:]}"
                raise Refused("TIMEOUT", message) from None
            return found()

    async def wait_invite(self, room, timeout_ms):
        async with self.news:
            try:
                invited = self.news.wait_for(lambda: room in self.client.invited_rooms)
                await asyncio.wait_for(invited, timeout_ms / 1000)
            except asyncio.TimeoutError:
                raise Refused("TIMEOUT", f"no invite after {timeout_ms} ms") from None

    async def create_room(self, name, alias, invite, encrypted, public):
        state = []
        if encrypted:
            content = {"algorithm": "m.megolm.v1.aes-sha2"}
            state.append({"type": "m.room.encryption", "state_key": "", "content": content})
        preset = nio.RoomPreset.public_chat if public else nio.RoomPreset.private_chat
        response = await self.client.room_create(
            name=name, alias=alias, invite=invite, initial_state=state, preset=preset
        )
        return accepted(response).room_id

    async def join(self, room):
        return accepted(await self.client.join(room)).room_id

    async def leave(self, room):
        accepted(await self.client.room_leave(room))

    async def invite(self, room, user):
        accepted(await self.client.room_invite(room, user))

    async def send(self, room, type, content, txn):
        txn = txn or str(uuid.uuid4())
        return accepted(await self.client.room_send(room, type, content, tx_id=txn)).event_id

    async def redact(self, room, event_id, reason):
        return accepted(await self.client.room_redact(room, event_id, reason)).event_id

    async def put_state(self, room, type, state_key, content):
        return accepted(await self.client.room_put_state(room, type, content, state_key)).event_id

    async def members(self, room):
        return sorted(m.user_id for m in accepted(await self.client.joined_members(room)).members)

    async def timeline(self, room, limit):
        """The last `limit` events of a room, oldest first."""
        events, start = [], None
        while len(events) < limit:
            page = min(PAGE, limit - len(events))
            response = accepted(await self.client.room_messages(room, start=start, limit=page))
            events.extend(seen(event) for event in response.chunk)
            start = response.end
            if not start:
                break
        return events[::-1]

    async def close(self):
        if self.syncing:
            self.syncing.cancel()
        if self.client:
            await self.client.close()


OPS = {
    "login", "create_room", "join", "leave", "invite", "send", "redact", "put_state",
    "members", "timeline", "wait", "wait_invite",
}  # fmt: skip


async def answer(person, request):
    number, op = request.pop("id"), request.pop("op")
    try:
        if op not in OPS:
            raise Refused("UNKNOWN_OP", f"no operation is called {op}")
        line = {"id": number, "ok": await getattr(person, op)(**request)}
    except Refused as refusal:
        line = {"id": number, "error": {"code": refusal.code, "message": str(refusal)}}
    except Exception as error:  # The other side waits for an answer, whatever went wrong here.
        logging.exception("%s failed", op)
        line = {"id": number, "error": {"code": type(error).__name__, "message": str(error)}}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


async def main():
    logging.basicConfig(stream=sys.stderr, level=logging.ERROR)
    loop = asyncio.get_running_loop()
    requests = asyncio.StreamReader(limit=MAX_LINE)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(requests), sys.stdin)
    person, running = Person(), set()
    while line := await requests.readline():
        # Without a reference the event loop may drop a task half way.
        task = asyncio.create_task(answer(person, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    await person.close()


asyncio.run(main())
