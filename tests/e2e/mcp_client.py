"""Program: a client of Home Assistant's MCP server, with the `mcp` that it pins.

`mcp_client.py URL TOKEN CALLS` prints the tools and the answers of the calls as JSON;
CALLS is a JSON list of pairs, of a tool's name and its arguments. The two versions of
`mcp` differ in the library that they send requests with.
"""

import asyncio
import importlib
import json
import sys
from typing import Any


async def main(url: str, token: str, calls: list[tuple[str, dict[str, Any]]]) -> None:
    """Print `{"tools": [...], "answers": [...]}`."""
    transport: Any = importlib.import_module("mcp.client.streamable_http")
    mcp: Any = importlib.import_module("mcp")
    http: Any = getattr(transport, "httpx2", None) or transport.httpx
    headers = {"Authorization": f"Bearer {token}"}
    async with (
        http.AsyncClient(headers=headers, timeout=60) as http_client,
        transport.streamable_http_client(url, http_client=http_client) as streams,
        mcp.ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        tools = await session.list_tools()
        answers = [await session.call_tool(name, each) for name, each in calls]
        found = [each.model_dump(mode="json", by_alias=True) for each in tools.tools]
        texts = [
            {
                "error": getattr(each, "isError", None)
                or getattr(each, "is_error", False)
            }
            | {"answer": json.loads(each.content[0].text)}
            for each in answers
        ]
        sys.stdout.write(json.dumps({"tools": found, "answers": texts}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
