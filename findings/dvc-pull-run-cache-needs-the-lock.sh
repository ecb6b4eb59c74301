#!/usr/bin/env bash
# DVC 3.67.1: without a dvc.lock `dvc pull --run-cache` ends with exit code 1, though it has fetched all that is needed
# to know the results; `dvc repro --pull` then restores them from the remote without running anything.
# Seen: exit code 1 and "Checkout failed for following targets"; after it "is cached - skipping run".
# Guessed: pull with the run cache restores what the run cache knows.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "dvc==3.67.1"
export PATH="$work/env/bin:$PATH" DVC_NO_ANALYTICS=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
git init --quiet -b main "$work/origin" && cd "$work/origin" && dvc init --quiet
dvc remote add --quiet --default team "$work/remote"
printf 'stages:\n  make:\n    cmd: cp in.txt out.txt\n    deps: [in.txt]\n    outs: [out.txt]\n' > dvc.yaml
echo input > in.txt && printf '/out.txt\n' > .gitignore && git add -A && git commit --quiet -m start
git clone --quiet . "$work/first" && cd "$work/first" && dvc repro --quiet && dvc push --quiet --run-cache
git clone --quiet "$work/origin" "$work/second" && cd "$work/second"
code=0; said=$(dvc pull --run-cache 2>&1) || code=$?
seen=$(dvc repro --pull)
echo "dvc pull --run-cache: exit code $code, $(grep -o "Checkout failed" <<< "$said" | head -1)"
grep -E "^Stage|^Running" <<< "$seen"
test "$code" != 0 && grep -q "Checkout failed" <<< "$said" && grep -q "is cached - skipping run" <<< "$seen"
