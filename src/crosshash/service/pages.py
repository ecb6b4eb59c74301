"""The web page, its style and scripts, and a plain page of the HTTP interface; all from the folder `page`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from crosshash.search.page import REACH
from crosshash.service.refusals import WHEN
from crosshash.service.service import service_of

KINDS = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
HERE = Path(__file__).with_name("page")
FILES = {path.name: KINDS[path.suffix] for path in sorted(HERE.iterdir()) if path.suffix in KINDS}
"""Files of the page and what they are; nothing else of its folder is given out."""
TEMPLATES = Environment(loader=FileSystemLoader(HERE), autoescape=True, undefined=StrictUndefined)

router = APIRouter(include_in_schema=False)


@router.get("/")
async def search_page(request: Request) -> HTMLResponse:
    """Show the search page."""
    service = service_of(request)
    page = TEMPLATES.get_template("index.html")
    return HTMLResponse(page.render(searcher=service.searcher, largest=service.largest, reach=REACH))


@router.get("/docs")
async def interface_page(request: Request) -> HTMLResponse:
    """Show what /openapi.json says, readable without a script."""
    page = TEMPLATES.get_template("docs.html")
    return HTMLResponse(page.render(api=request.app.openapi(), type_of=_type_of, refusals=WHEN))


@router.get("/page/{name}")
async def file(name: str) -> Response:
    """Give a script, the style or the icon."""
    if name not in FILES:
        raise HTTPException(404, "the page has no such file")
    return Response((HERE / name).read_bytes(), media_type=FILES[name])


def _type_of(schema: dict[str, Any]) -> str:
    """Write a parameter's type and limits in a few words."""
    if "anyOf" in schema:  # or nothing
        return _type_of(schema["anyOf"][0])
    if schema.get("type") == "array":
        return _type_of(schema["items"])
    if "enum" in schema:
        return " or ".join(schema["enum"])
    limits = {"minimum": "from {}", "maximum": "to {}", "exclusiveMaximum": "below {}"}
    limits["maxLength"] = "of at most {} characters"
    said = [words.format(schema[key]) for key, words in limits.items() if key in schema]
    return " ".join([schema["type"], *said])
