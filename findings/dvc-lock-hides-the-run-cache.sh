#!/usr/bin/env bash
# DVC 3.67.1: a committed dvc.lock makes a second clone run a stage again whose result the shared cache holds.
# Seen: two clones share one cache folder. Without a dvc.lock the second restores the stage ("is cached - skipping
# run"). With a dvc.lock of the same inputs whose outputs the cache lacks (here: the stage is not deterministic and
# the lock was written elsewhere) it runs the command, although the run cache has an entry for exactly these inputs.
# Guessed: the lock is a hint at most; where its outputs are missing DVC asks the run cache by the inputs.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "dvc==3.67.1"
export PATH="$work/env/bin:$PATH" DVC_NO_ANALYTICS=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.org GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.org
project() { # folder, cache folder
  git clone --quiet "$work/origin" "$1" && cd "$1" && dvc cache dir --local "$2"
}
git init --quiet -b main "$work/origin" && cd "$work/origin" && dvc init --quiet
printf 'stages:\n  make:\n    cmd: date +%%s%%N > out.txt\n    deps: [in.txt]\n    outs: [out.txt]\n' > dvc.yaml
echo input > in.txt && printf '/out.txt\n' > .gitignore && git add -A && git commit --quiet -m start
project "$work/elsewhere" "$work/cache-of-elsewhere" && dvc repro --quiet && cp dvc.lock "$work/their.lock"
project "$work/first" "$work/shared" && dvc repro --quiet
project "$work/second" "$work/shared" && without=$(dvc repro)
project "$work/third" "$work/shared" && cp "$work/their.lock" dvc.lock && with=$(dvc repro)
echo "without dvc.lock: $(grep -c "is cached - skipping run" <<< "$without") restored, $(grep -c "Running stage" <<< "$without" || true) run"
echo "with a dvc.lock:  $(grep -c "is cached - skipping run" <<< "$with" || true) restored, $(grep -c "Running stage" <<< "$with") run"
grep -q "is cached - skipping run" <<< "$without" && grep -q "Running stage 'make'" <<< "$with" && ! grep -q "is cached" <<< "$with"
