#!/usr/bin/env bash
# ijson 3.6.0: a lone surrogate in a JSON text, such as "\ud800", comes out as "?" from the backend in C (yajl2_c), and as
# the surrogate itself from the backend in Python; the json module of Python 3.11 gives the surrogate, too.
# Seen: '?' and '\ud800'. A caption that some scraper cut in the middle of a character reads differently by backend, and
# nothing says so.
# Guessed: the backends of one library agree on every text, or one of them refuses it.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "ijson==3.6.0"
"$work/env/bin/python" - <<'P'
import io
import json

import ijson

content = rb'["\ud800"]'
seen = {name: list(ijson.get_backend(name).items(io.BytesIO(content), "item")) for name in ("yajl2_c", "python")}
seen["json"] = json.loads(content)
for name, texts in seen.items():
    print(name, ascii(texts))
assert seen["yajl2_c"] == ["?"], seen
assert seen["python"] == seen["json"] == ["\ud800"], seen
P
