#!/usr/bin/env bash
# DVC 3.67.1: one output with `persist: true` takes its whole stage out of the run cache, without a word.
# Seen: two stages of the same command and the same inputs. An earlier result is asked for again. The plain stage is
# restored from the cache, the one that persists runs again, and the cache has no run of it.
# Guessed: persist only says that the old file is left in place while the command runs.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env" && "$work/env/bin/pip" install --quiet --disable-pip-version-check "dvc==3.67.1"
export PATH="$work/env/bin:$PATH" DVC_NO_ANALYTICS=1
git init --quiet "$work/project" && cd "$work/project" && dvc init --quiet
cat > dvc.yaml <<'Y'
stages:
  plain:
    cmd: cp in.txt plain.txt
    deps: [in.txt]
    outs: [plain.txt]
  persists:
    cmd: cp in.txt persists.txt
    deps: [in.txt]
    outs:
      - persists.txt:
          persist: true
Y
for text in one two; do echo $text > in.txt; dvc repro --quiet; done
echo one > in.txt
seen=$(dvc repro)
echo "$seen" | grep -E "^(Stage|Running stage)"
echo "runs in the cache: $(find .dvc/cache/runs -type f | wc -l) of 4"
grep -q "Stage 'plain' is cached - skipping run" <<< "$seen"
grep -q "Running stage 'persists'" <<< "$seen"
test "$(find .dvc/cache/runs -type f | wc -l)" = 2
