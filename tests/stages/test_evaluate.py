from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from crosshash.artifacts import read_json, read_npz, write_npz
from crosshash.codes.bit_index import write_bit_index
from crosshash.errors import CrosshashError
from crosshash.retrieval.codefiles.codeset import CodeSet, read_code_set
from crosshash.retrieval.measures.mean_ap import mean_average_precision
from crosshash.retrieval.scoring.report_measures import MEASURES
from crosshash.retrieval.scoring.score_files import score
from stages.evaluate import main
from tests.retrieval import loops
from tests.retrieval.sets import code_set, random_set, write_set

CODES = Path("artifacts/codes")
SIDES = ("image", "text")
OUTPUTS = (
    "metrics.json", "plots/pr.csv", "plots/pr_by_rank.csv", "plots/precision_at_n.csv", "plots/rerank.csv",
    "plots/significance.csv", "artifacts/per_query.parquet", "artifacts/scores.csv",
)  # fmt: skip


def prepare(labelled: bool = True, used: bool = True, **changes: Any) -> None:  # noqa: ANN401
    """Codes of 16 and 64 bits, targets, and the plan, below the working folder."""
    generator = np.random.default_rng(0)
    for side, prefix, items in (("query", "q", 12), ("retrieval", "r", 130)):
        short = random_set(prefix, generator, items, bits=16)
        long = random_set(prefix, generator, items, bits=64)
        labels = short.labels if labelled else short.labels * 0
        flags = [labelled] * items
        if side == "query":
            write_real(short, generator)
        for name, codes in ((side, short), (f"{side}_long", long)):
            signs = codes.image.signs(), codes.text.signs()
            write_set(CODES / f"{name}.npz", code_set(prefix, *signs, labels, None, flags))
    targets = {
        side: generator.integers(0, 256, (n, 2), np.uint8) for side, n in (("query", 12), ("retrieval", 130))
    }
    write_npz(CODES / "targets.npz", {**targets, "used": np.array(used)})
    write_bit_index(CODES, None)
    write_npz(CODES / "quantised.npz", {"used": np.array(False)})
    plan = {
        "method": "twdh",
        "dataset": "scenes",
        "bits": 16,
        "train_bits": 64,
        "rerank": None,
        "protocol": "strict",
        "headline_k": None,
        "headline_norm": "min",
        "ties": "expected",
        "undefined": "skip",
        "bootstrap": 100,
        "seed": 0,
        "threads": 2,
    }
    Path("plan").mkdir(exist_ok=True)
    Path("plan/evaluate.yaml").write_text(yaml.safe_dump({**plan, **changes}), encoding="utf-8")


def write_real(codes: CodeSet, generator: np.random.Generator) -> None:
    """Write real codes with the signs of the queries' codes."""
    sure = {name: generator.integers(1, 128, (len(codes), codes.bits)) for name in ("image", "text")}
    signs = {"image": codes.image.signs(), "text": codes.text.signs()}
    write_npz(CODES / "query_real.npz", {name: (sure[name] * signs[name]).astype(np.int8) for name in sure})


@pytest.fixture(autouse=True)
def _in_an_empty_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def metrics() -> dict[str, Any]:
    return dict(read_json(Path("metrics.json")))


def test_the_keys_of_metrics_json() -> None:
    prepare()
    main()
    found = metrics()
    assert list(found) == [
        "method", "dataset", "bits", "train_bits", "protocol", "threads", "n_query", "n_retrieval",
        "n_undefined", "n_unlabelled", "n_captionless", "base_rate", "headline", "ties", "undefined",
        "warning", "target_mAP", "train_bits_mAP", "significance", "rerank", "i2t", "t2i", "i2i", "t2t",
        "asymmetric", "partner", "bytes",
    ]  # fmt: skip
    for task in ("i2t", "t2i", "i2i", "t2t"):
        assert list(found[task]) == [
            "mAP", "mAP_low", "mAP_high", "AP@50[min]", "AP@50[hits]", "AP@500[min]", "AP@5000[min]", "P@10",
            "P@100", "P@1000", "recall@100", "recall@1000", "nDCG@1000", "P@radius2", "recall@radius2",
        ]  # fmt: skip
        assert list(found["asymmetric"][task]) == [
            "mAP", "mAP_low", "mAP_high", "AP@50[min]", "AP@50[hits]", "AP@500[min]", "AP@5000[min]", "P@10",
            "P@100", "P@1000", "recall@100", "recall@1000", "nDCG@1000",
            "mAP_difference", "difference_low", "difference_high",
        ]  # fmt: skip
    assert [found[key] for key in ("protocol", "headline", "undefined")] == ["strict", "mAP", "skip"]
    assert (found["n_query"], found["n_retrieval"], found["bits"], found["train_bits"]) == (12, 130, 16, 64)
    assert found["threads"] == 2


def test_codes_that_know_nothing_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    """Random codes of a few queries; then those of queries and items that are their labels."""
    prepare()
    main()
    warning = metrics()["warning"]
    assert re.match(r"1\d queries are too few to tell whether anything was learnt: i2t mAP ", warning)
    assert caplog.messages == [f"warning: {warning}"]
    caplog.clear()
    labels = np.eye(4, dtype=np.uint8)[np.arange(142) % 4]
    signs = np.repeat(2 * labels.astype(np.int8) - 1, 4, axis=1)
    for side, rows in (("query", slice(12)), ("retrieval", slice(12, None))):
        write_set(CODES / f"{side}.npz", code_set(side, signs[rows], signs[rows], labels[rows]))
    main()
    assert metrics()["warning"] is None
    assert caplog.messages == []


def test_the_figures_are_those_of_the_codes_that_they_name() -> None:
    prepare()
    main()
    found = metrics()
    codes = {path.stem: dict(np.load(path)) for path in CODES.glob("*.npz")}
    labels = codes["query"]["labels"], codes["retrieval"]["labels"]
    targets = codes["targets"]

    def expected(query: np.ndarray, retrieval: np.ndarray) -> float:
        return round(mean_average_precision(query, retrieval, *labels), 6)

    assert found["i2t"]["mAP"] == expected(codes["query"]["image"], codes["retrieval"]["text"])
    assert found["t2i"]["mAP"] == expected(codes["query"]["text"], codes["retrieval"]["image"])
    assert found["target_mAP"] == expected(targets["query"], targets["retrieval"])
    assert found["train_bits_mAP"] == {
        "i2t": expected(codes["query_long"]["image"], codes["retrieval_long"]["text"]),
        "t2i": expected(codes["query_long"]["text"], codes["retrieval_long"]["image"]),
    }


def test_asymmetric_scores_are_those_of_plain_loops_and_the_difference_is_paired() -> None:
    prepare()
    main()
    found, queries = metrics(), pd.read_parquet("artifacts/per_query.parquet").set_index(["task", "id"])
    query, retrieval = (read_code_set(CODES / f"{name}.npz") for name in ("query", "retrieval"))
    real = dict(np.load(CODES / "query_real.npz"))
    signs = retrieval.text.signs().astype(int)
    for row, name in enumerate(query.ids.tolist()):
        shared = [int((query.labels[row] & labels).sum()) for labels in retrieval.labels]
        if not any(shared):
            continue
        levels = real["image"][row].astype(int)
        pairs = [(int(-(levels @ code)), common) for code, common in zip(signs, shared, strict=True)]
        assert queries.loc[("i2t", name), "asymmetric mAP"] == pytest.approx(
            loops.Expected(pairs).ap(None, "min")
        )
    i2t = queries.loc["i2t"]
    difference = (i2t["asymmetric mAP"] - i2t["AP"]).mean()
    told = found["asymmetric"]["i2t"]
    assert told["mAP_difference"] == pytest.approx(difference, abs=1e-6)
    assert told["mAP"] == pytest.approx(i2t["asymmetric mAP"].mean(), abs=1e-6)
    assert told["difference_low"] <= told["mAP_difference"] <= told["difference_high"]


def test_real_codes_of_other_queries_are_refused() -> None:
    prepare()
    write_npz(CODES / "query_real.npz", {name: np.ones((11, 16), np.int8) for name in ("image", "text")})
    with pytest.raises(CrosshashError, match=r"query_real\.npz: its rows are not those .*dvc repro encode"):
        main()


def test_files_scored_by_hand_give_the_same_figures() -> None:
    prepare()
    main()
    found = metrics()
    again = score(CODES / "query.npz", CODES / "retrieval.npz", "expected", "skip", 100, 0)
    del again["read_as"], again["measures"]
    del found["partner"]["asymmetric"]  # files of codes know no real code of a query
    assert again == {key: found[key] for key in again}


def test_curves_and_scores_per_query() -> None:
    prepare()
    main()
    found = metrics()
    radius, at = pd.read_csv("plots/pr.csv"), pd.read_csv("plots/precision_at_n.csv")
    queries = pd.read_parquet("artifacts/per_query.parquet")
    assert list(radius.columns) == ["task", "recall", "precision"]
    assert list(at.columns) == ["task", "n", "precision"]
    shown = [name for name in found["asymmetric"]["i2t"] if "_" not in name]
    assert list(queries.columns) == [
        "task", "id", *(str(measure) for measure in MEASURES), *(f"asymmetric {name}" for name in shown),
        *(f"{way} recall@{k}" for way in ("partner", "asymmetric partner") for k in (1, 5, 10)),
    ]  # fmt: skip
    by_rank, means = pd.read_csv("plots/pr_by_rank.csv"), pd.read_csv("artifacts/scores.csv")
    assert list(by_rank.columns) == ["task", "n", "recall", "precision"]
    assert list(means.columns) == ["task", "measure", "mean", "low", "high"]
    for task in ("i2t", "t2i", "i2i", "t2t"):
        rows = queries[queries["task"] == task]
        assert rows["AP"].mean() == pytest.approx(found[task]["mAP"], abs=1e-6)
        assert rows["P@100"].mean() == pytest.approx(found[task]["P@100"], abs=1e-6)
        curve = at[at["task"] == task]
        assert curve["n"].tolist() == [1, 2, 5, 10, 20, 50, 100, 130]
        assert curve.loc[curve["n"] == 100, "precision"].item() == pytest.approx(
            found[task]["P@100"], abs=1e-6
        )
        at_hundred = by_rank[(by_rank["task"] == task) & (by_rank["n"] == 100)].iloc[0]
        assert at_hundred["precision"] == pytest.approx(found[task]["P@100"], abs=1e-6)
        assert at_hundred["recall"] == pytest.approx(found[task]["recall@100"], abs=1e-6)
        mean = means[means["task"] == task].set_index("measure")
        for name in MEASURES[1:]:
            assert mean.loc[str(name), "mean"] == pytest.approx(rows[str(name)].mean(), abs=1e-6)
        recall = radius.loc[radius["task"] == task, "recall"]
        assert recall.is_monotonic_increasing
        assert recall.iloc[-1] == 1


def test_what_queries_score_can_be_computed_again() -> None:
    """By loops over the codes, to 1e-9; metrics.json has six decimals of the mean."""
    prepare()
    main()
    sets = [read_code_set(CODES / f"{side}.npz") for side in ("query", "retrieval")]
    bits = [(codes.image.signs() > 0, codes.text.signs() > 0) for codes in sets]
    queries = pd.read_parquet("artifacts/per_query.parquet")
    for task, (asks, answers) in {"i2t": (0, 1), "t2i": (1, 0)}.items():
        pairs = loops.pairs(bits[0][asks], bits[1][answers], sets[0].labels, sets[1].labels)
        rows = queries[queries["task"] == task].set_index("id")
        wanted = {
            item: loops.Expected(found)
            for item, found in zip(sets[0].ids.tolist(), pairs, strict=True)
            if any(shared for _, shared in found)
        }
        for name, again in (("AP", lambda one: one.ap()), ("AP@50[hits]", lambda one: one.ap(50, "hits"))):
            values = {item: again(one) for item, one in wanted.items()}
            assert rows[name].to_dict() == pytest.approx(values, abs=1e-9, rel=0)
        assert metrics()[task]["mAP"] == pytest.approx(rows["AP"].mean(), abs=5.1e-7, rel=0)


def test_the_own_partner_is_searched_in_a_labelled_set_too() -> None:
    """By loops over query and pool, to 1e-12 a query; the pool: all query items and all retrieval items."""
    prepare()
    main()
    found = metrics()["partner"]
    sets = [read_code_set(CODES / f"{side}.npz") for side in ("query", "retrieval")]
    codes = {side: np.concatenate([getattr(one, side).signs() for one in sets]).astype(int) for side in SIDES}
    real = {side: found.astype(int) for side, found in read_npz(CODES / "query_real.npz").items()}
    queries = pd.read_parquet("artifacts/per_query.parquet")
    for task, (asks, answers) in {"i2t": ("image", "text"), "t2i": ("text", "image")}.items():
        rows = queries[queries["task"] == task].set_index("id")
        for way, section, asking in (("", found, codes), ("asymmetric ", found["asymmetric"], real)):
            chances = {k: [] for k in (1, 5, 10)}
            for row in range(12):
                likeness = [int(sum(asking[asks][row] * item)) for item in codes[answers]]
                nearer = sum(one > likeness[row] for one in likeness)
                tied = sum(one == likeness[row] for one in likeness)
                for k in chances:
                    chances[k].append(sum(nearer + place < k for place in range(tied)) / tied)
            for k, values in chances.items():
                assert section[task][f"recall@{k}"] == pytest.approx(np.mean(values), abs=5.1e-7)
                low, high = (section[task][f"recall@{k}_{end}"] for end in ("low", "high"))
                assert low <= section[task][f"recall@{k}"] <= high
                by_id = dict(zip(sets[0].ids.tolist(), values, strict=True))
                column = rows[f"{way}partner recall@{k}"]
                assert column.to_dict() == pytest.approx({one: by_id[one] for one in rows.index}, abs=1e-12)


def test_without_labels_the_partner_alone_is_scored() -> None:
    prepare(labelled=False)
    main()
    found = metrics()
    for way, tasks in ((found["partner"], found), (found["partner"]["asymmetric"], found["asymmetric"])):
        for task in ("i2t", "t2i"):
            assert way[task]["recall@5"] == tasks[task]["recall@5"]
    assert not [name for name in pd.read_parquet("artifacts/per_query.parquet") if "partner" in name]


def test_bytes_of_an_item() -> None:
    """16 bits are 2 bytes; no second stage; a row number of 64 bits. Eight words of a byte with HQ's."""
    prepare()
    main()
    assert metrics()["bytes"] == {"codes": 2, "factors": 0, "ids": 8}
    generator = np.random.default_rng(0)
    write_npz(
        CODES / "quantised.npz",
        {
            "used": np.array(True),
            "codebook": generator.normal(size=(8, 256, 4)).astype(np.float32),
            **{name: generator.integers(0, 256, (130, 8), np.uint8) for name in SIDES},
            **{f"query_{name}": generator.normal(size=(12, 4)).astype(np.float32) for name in SIDES},
        },
    )
    main()
    assert metrics()["bytes"] == {"codes": 2, "factors": 8, "ids": 8}


def test_under_published_the_measure_of_the_paper_is_shown_and_named() -> None:
    prepare(protocol="published", headline_k=50, headline_norm="first", undefined="zero")
    main()
    found = metrics()
    assert [found[key] for key in ("protocol", "headline", "undefined")] == [
        "published", "AP@50[first]", "zero",
    ]  # fmt: skip
    queries = pd.read_parquet("artifacts/per_query.parquet")
    for task in ("i2t", "t2i", "i2i", "t2t"):
        mean = queries.loc[queries["task"] == task, "AP@50[first]"].mean()
        assert found[task]["AP@50[first]"] == pytest.approx(mean, abs=1e-6)


def test_a_headline_that_is_no_measure_of_the_files_is_added_to_them() -> None:
    prepare(protocol="published", headline_k=7, headline_norm="hits")
    main()
    assert "AP@7[hits]" in metrics()["i2t"]
    assert "AP@7[hits]" in pd.read_parquet("artifacts/per_query.parquet")


def test_equal_input_gives_equal_bytes() -> None:
    prepare()
    main()
    first = [Path(path).read_bytes() for path in OUTPUTS]
    main()
    assert [Path(path).read_bytes() for path in OUTPUTS] == first


def test_without_targets_their_score_is_null() -> None:
    prepare(used=False)
    main()
    assert metrics()["target_mAP"] is None


def quantise(**changes: Any) -> None:  # noqa: ANN401
    """Words and real vectors beside the codes, whose signs they have nothing to do with."""
    generator = np.random.default_rng(1)
    rows = {side: len(np.load(CODES / f"{side}.npz")["ids"]) for side in ("query", "retrieval")}
    words = {name: generator.integers(0, 4, (rows["retrieval"], 2), np.uint8) for name in ("image", "text")}
    queries = {
        f"query_{name}": generator.normal(0, 1, (rows["query"], 16)).astype(np.float32) for name in words
    }
    book = generator.normal(0, 1, (2, 4, 16)).astype(np.float32)
    write_npz(
        CODES / "quantised.npz", {"used": np.array(True), "codebook": book, **words, **queries, **changes}
    )
    real = {name: generator.normal(0, 1, (rows["retrieval"], 16)).astype(np.float32) for name in words}
    write_npz(CODES / "real.npz", {"used": np.array(True), **real})


def test_without_a_quantiser_there_is_no_section_and_a_table_without_rows() -> None:
    prepare()
    main()
    assert metrics()["rerank"] is None
    assert Path("plots/rerank.csv").read_text() == "task,r_h,AP@50[hits],mAP\n"


def test_hash_quantised_real_and_both_side_by_side() -> None:
    prepare(method="hq", rerank=60)
    quantise()
    main()
    found = metrics()
    assert list(found["rerank"]) == ["r_h", "i2t", "t2i"]
    assert found["rerank"]["r_h"] == 60
    table = pd.read_csv("plots/rerank.csv")
    for task in ("i2t", "t2i"):
        ways = found["rerank"][task]
        assert list(ways) == ["hash", "quantised", "real", "reranked"]
        for name in ("mAP", "AP@50[min]", "AP@50[hits]"):
            assert ways["hash"][name] == pytest.approx(found[task][name], abs=1.1e-6)
        rows = table[table["task"] == task].set_index("r_h")
        assert rows.index.tolist() == [0, 50, 60, 100, 130]
        for size, way in ((0, "hash"), (60, "reranked")):
            assert rows.loc[size, "mAP"] == ways[way]["mAP"]
            assert rows.loc[size, "AP@50[hits]"] == ways[way]["AP@50[hits]"]
    first = [Path(path).read_bytes() for path in OUTPUTS]
    main()
    assert [Path(path).read_bytes() for path in OUTPUTS] == first


def test_more_candidates_than_the_database_holds_are_refused() -> None:
    prepare(method="hq", rerank=131)
    quantise()
    with pytest.raises(CrosshashError, match=r"hq\.rerank: 131 candidates, but only 130 items"):
        main()
    assert not any(Path(path).exists() for path in OUTPUTS)


def test_a_quantiser_of_another_run_is_refused() -> None:
    prepare(method="hq", rerank=60)
    quantise(image=np.zeros((129, 2), np.uint8))
    with pytest.raises(CrosshashError, match=r"quantised\.npz: its rows are not those of the codes"):
        main()


def test_quantised_vectors_of_a_set_without_labels_are_not_scored() -> None:
    prepare(labelled=False, method="hq", rerank=60)
    quantise()
    main()
    assert metrics()["rerank"] is None


def test_a_set_without_labels() -> None:
    """The tables keep their columns, so that readers need no case of their own."""
    prepare(labelled=False)
    main()
    found = metrics()
    for key in ("base_rate", "headline", "target_mAP", "train_bits_mAP"):
        assert found[key] is None
    assert found["n_unlabelled"] == 142
    assert "i2i" not in found
    assert list(found["t2i"]) == ["recall@1", "recall@5", "recall@10"]
    for name in ("pr", "pr_by_rank", "precision_at_n"):
        assert len(pd.read_csv(f"plots/{name}.csv")) == 0
    queries = pd.read_parquet("artifacts/per_query.parquet")
    assert queries["AP"].isna().all()
    assert queries["recall@5"].between(0, 1).all()
    assert len(queries) == 24


def test_codes_of_another_length_than_planned_are_refused() -> None:
    prepare(bits=32)
    with pytest.raises(CrosshashError, match=r"query\.npz has 16 bits, plan/evaluate\.yaml says 32"):
        main()
    assert not any(Path(path).exists() for path in OUTPUTS)


def test_targets_of_other_items_are_refused() -> None:
    prepare()
    write_npz(
        CODES / "targets.npz",
        {
            "query": np.zeros((3, 2), np.uint8),
            "retrieval": np.zeros((130, 2), np.uint8),
            "used": np.array(True),
        },
    )
    with pytest.raises(CrosshashError, match=r"targets\.npz: its rows are not those of the codes"):
        main()


def test_missing_codes_are_named() -> None:
    prepare()
    (CODES / "retrieval_long.npz").unlink()
    with pytest.raises(CrosshashError, match=r"retrieval_long\.npz: not found"):
        main()
