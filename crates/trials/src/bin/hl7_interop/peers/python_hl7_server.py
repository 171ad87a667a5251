"""The asyncio server of python-hl7: keeps what it is sent. Arguments: port, file."""

import asyncio
import json
import sys

from hl7.mllp import start_hl7_server

PORT, FILE = sys.argv[1:3]


async def serve(reader, writer):
    try:
        while not writer.is_closing():
            message = await reader.readmessage()
            with open(FILE, "a", encoding="utf-8") as file:
                file.write(json.dumps(str(message)) + "\n")
            writer.writemessage(message.create_ack())
            await writer.drain()
    except asyncio.IncompleteReadError:
        writer.close()


async def main():
    # Its limit is 64 KiB unless it is told another one.
    options = {"encoding": "utf-8", "limit": 1 << 24}
    async with await start_hl7_server(serve, "127.0.0.1", int(PORT), **options) as server:
        await server.serve_forever()


asyncio.run(main())
