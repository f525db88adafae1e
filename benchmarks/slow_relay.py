"""A relay that takes its time over every reply, in a process of its own: `python -m benchmarks.slow_relay SECONDS`.

Prints its port; then a line for each message it took: when (seconds since 1970), and its subject.
"""

from __future__ import annotations

import asyncio
import sys
import time


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float) -> None:
    async def say(line: str) -> None:
        await asyncio.sleep(delay)
        writer.write(line.encode() + b"\r\n")
        await writer.drain()

    await say("220 slow.example.com ESMTP")
    while line := await reader.readline():
        match line.split()[0].upper() if line.split() else b"":
            case b"EHLO":
                await say("250-slow.example.com\r\n250-PIPELINING\r\n250 8BITMIME")
            case b"DATA":
                await say("354 go on")
                raw = await reader.readuntil(b"\r\n.\r\n")
                taken_at = time.time()
                subject = next(each for each in raw.split(b"\r\n") if each.lower().startswith(b"subject:"))
                print(f"{taken_at} {subject.decode()[8:].strip()}", flush=True)
                await say("250 2.0.0 taken")
            case b"QUIT":
                await say("221 bye")
                break
            case _:
                await say("250 2.0.0 ok")
    writer.close()


async def _main(delay: float) -> None:
    server = await asyncio.start_server(lambda r, w: _serve(r, w, delay), "127.0.0.1", 0, limit=1 << 26)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
