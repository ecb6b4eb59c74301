#!/usr/bin/env bash
# datasets 5.2.0 (Hugging Face): Dataset.to_parquet writes only the paths of pictures that were given as files.
# Seen: the column `image` holds {"bytes": null, "path": "/absolute/path"}; after map(embed_table_storage) it holds the
# bytes and the bare name. push_to_hub embeds (embed_external_files=True), to_parquet has no such parameter.
# Guessed: the parquet file is the data set, as it is on the hub, and can be moved to another machine.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "datasets==5.2.0" "pillow>=11"
export HF_HUB_OFFLINE=1 HF_HOME="$work/home" HF_DATASETS_DISABLE_PROGRESS_BARS=1
cd "$work" && env/bin/python - <<'P'
import os
import pyarrow.parquet as pq
from datasets import Dataset, Image
from datasets.table import embed_table_storage
from PIL import Image as Picture

Picture.new("RGB", (8, 8)).save("a.png")
dataset = Dataset.from_dict({"image": [os.path.abspath("a.png")]}).cast_column("image", Image())
dataset.to_parquet("plain.parquet")
dataset.with_format("arrow").map(embed_table_storage, batched=True).with_format(None).to_parquet("embedded.parquet")
plain, embedded = (pq.read_table(f"{name}.parquet")["image"][0].as_py() for name in ("plain", "embedded"))
print("plain:", plain, "embedded:", len(embedded["bytes"]), "bytes,", embedded["path"])
assert plain["bytes"] is None and plain["path"] == os.path.abspath("a.png"), plain
assert embedded["bytes"] == open("a.png", "rb").read() and embedded["path"] == "a.png"
P
