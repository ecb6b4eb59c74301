#!/usr/bin/env bash
# torch 2.13.0 on glibc: a convolutional network that runs in a thread gives the memory of each layer back to the system and asks for it
# anew, and Linux clears every page again: half of the processor time of an EfficientNet on pictures of 224 pixels.
# Seen, minor page faults of one forward pass of eight convolutions on 64 pictures (100 MB a layer and as much for its activation), after
# passes that warm up: 802,848 in a thread, also with MALLOC_MMAP_THRESHOLD_ and MALLOC_TRIM_THRESHOLD_ of 1 GB, which leave none in the
# main thread; none in a thread once MALLOC_ARENA_MAX=1 stands beside them.
# Guessed: that torch keeps freed blocks on a CPU, as it does on CUDA; then, that the two thresholds hold for all threads. Other threads
# have arenas, made of heaps of 64 MB, and whatever is larger is mapped and unmapped all the same.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
[ "$(python3 -c 'import platform; print(platform.libc_ver()[0])')" = glibc ] || { echo "needs glibc"; exit 0; }
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "torch==2.13.0" "numpy>=2"
cat > "$work/seen.py" <<'P'
import resource
import sys
import threading

import torch

torch.set_num_threads(1)
layers = [torch.nn.Conv2d(32, 32, 1) for _ in range(8)]
network = torch.nn.Sequential(*[one for layer in layers for one in (layer, torch.nn.Hardswish())])
pictures = torch.rand(64, 32, 112, 112)
faults = []


def run():
    for _ in range(4):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        with torch.inference_mode():
            network(pictures)
        faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)


if sys.argv[1] == "thread":
    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
else:
    run()
print(faults[-1])
P
cd "$work"
seen() { env/bin/python seen.py "$1"; }
kept="MALLOC_MMAP_THRESHOLD_=1073741824 MALLOC_TRIM_THRESHOLD_=1073741824"
plain=$(seen thread)
main=$(env $kept env/bin/python seen.py main)
thread=$(env $kept env/bin/python seen.py thread)
arena=$(env $kept MALLOC_ARENA_MAX=1 env/bin/python seen.py thread)
echo "page faults of a pass: in a thread $plain; with both thresholds: main thread $main, a thread $thread; with one arena too: a thread $arena"
test "$plain" -gt 50000
test "$main" -lt 5000
test "$thread" -gt 50000
test "$arena" -lt 5000
