#!/usr/bin/env bash
# DVC 3.67.1: of a folder that a stage depends on, links to files are followed, links to folders are not.
# Seen: with `set/x -> ../out/x` and `set/d -> ../out/d` a change of out/x makes the stage run again, a change of a file
# in out/d does not; the lock counts 1 file, and `dvc status` says that all is up to date.
# Guessed: either both kinds of links count by what they lead to, or neither.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "dvc==3.67.1"
export PATH="$work/env/bin:$PATH" DVC_NO_ANALYTICS=1
mkdir "$work/project" && cd "$work/project" && git init --quiet && dvc init --quiet
mkdir -p set out/d && echo a > out/x && echo b > out/d/y && ln -s ../out/x set/x && ln -s ../out/d set/d
printf 'stages:\n  make:\n    cmd: date > made\n    deps: [set]\n    outs: [made]\n' > dvc.yaml
dvc repro --quiet && sleep 1
files=$(grep -m1 nfiles dvc.lock | tr -dc 0-9)
echo more > out/d/y && folder=$(dvc status)
echo more > out/x && file=$(dvc status)
printf 'files of the folder: %s\na file behind a linked folder has changed: %s\na linked file has changed: %s\n' "$files" "$folder" "$(tr '\n' ' ' <<< "$file")"
[[ $files == 1 && $folder == *"up to date"* && $file == *"modified"* ]]
