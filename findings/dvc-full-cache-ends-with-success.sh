#!/usr/bin/env bash
# DVC 3.67.1: `dvc repro` ends with status 0 though its cache could not take the outputs.
# Seen: no file above 1 MB can be written by DVC, as on a full disk (the stages may). Outputs of 3 MB, a file and a
# folder: "failed to transfer" in the log, status 0, and dvc.lock names what no cache holds. `dvc status` knows it.
# (Where outputs are linked out of the cache, `cache.type` not copy, the file fails the command, the folder does not.)
# Guessed: what could not be stored fails the command.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "dvc==3.67.1"
export PATH="$work/env/bin:$PATH" DVC_NO_ANALYTICS=1
git init --quiet "$work/project" && cd "$work/project" && dvc init --quiet && dvc config cache.type copy
cat > dvc.yaml <<'Y'
stages:
  file:
    cmd: ulimit -S -f unlimited; head -c 3000000 /dev/zero > large
    outs: [large]
  folder:
    cmd: ulimit -S -f unlimited; mkdir many; head -c 3000000 /dev/zero > many/large
    outs: [many]
Y
status() { local code=0; (ulimit -S -f 1024; dvc repro --quiet "$1") || code=$?; echo $code; }
file=$(status file) folder=$(status folder)
echo "a file: status $file; a folder: status $folder"
dvc status folder | tee "$work/status"
test "$file" = 0
test "$folder" = 0
grep -q "md5: .*\.dir" dvc.lock
grep -q "not in cache: *many" "$work/status"
