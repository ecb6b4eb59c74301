"""The published presets build the networks of the papers, from random weights, and take steps with them."""

from __future__ import annotations

from contextlib import chdir
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

from crosshash.config.params import Params
from crosshash.config.plans.train import TrainPlan
from crosshash.config.resolve import resolve
from crosshash.inference.model_folder import ModelCard, build_method
from crosshash.models.encoders.alexnet import AlexNetEncoder
from crosshash.models.encoders.clip import ImageTower
from crosshash.models.encoders.timm_network import TimmEncoder
from crosshash.models.tower_specs import TowerSpec, image_spec, text_spec, with_fresh_weights
from crosshash.models.towers import Tower, build_towers
from crosshash.protocols import PairBatch, TrainingInputs
from crosshash.training.optimizers import make_optimizer, set_rates
from stages.train import rates_of

ROOT = Path(__file__).resolve().parents[2]
PUBLISHED = sorted(path.stem for path in (ROOT / "presets" / "published").glob("*.yaml"))
ITEMS, TRAINING, CLASSES = 4, 256, 24
NONE = TowerSpec("mlp", "mlp")  # what a card says of networks that are there already
NETWORKS = {
    "twdh": (ImageTower, 512, 512),
    "dcmht": (ImageTower, 512, 512),
    "scahn": (TimmEncoder, 512, 256),
    "hq": (AlexNetEncoder, 4096, 4096),
    "djsrh": (AlexNetEncoder, 4096, 4096),
}
"""Image network, widths of its embedding and of the text's, as in the papers."""


def plan_of(name: str) -> TrainPlan:
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    for key, value in yaml.safe_load((ROOT / "presets" / "published" / f"{name}.yaml").read_text()).items():
        raw[key] = raw[key] | value if isinstance(value, dict) else value
    with chdir(ROOT):
        plan = resolve(Params.model_validate(raw))["train"]
    assert isinstance(plan, TrainPlan)
    return plan


def specs(image: str, text: str, hidden: int, layers: int) -> tuple[TowerSpec, TowerSpec]:
    """Both networks for 224 pixels and the 1,386 tags of MIRFlickr, the published weights left out."""
    words = [f"tag{number}" for number in range(1386)]
    return (
        image_spec(image, "jpeg", None, hidden, None, layers),
        text_spec(text, "caption", "jpeg", None, words, hidden, None, layers),
    )


@lru_cache(maxsize=1)  # the networks of several presets are the same, and building them takes longest
def towers(image: str, text: str, hidden: int, layers: int) -> tuple[Tower, Tower]:
    torch.manual_seed(0)
    return build_towers(*specs(image, text, hidden, layers))


def pairs(image: Tower, text: Tower) -> PairBatch:
    """Pictures and captions, prepared as the data set's would be."""
    generator = np.random.default_rng(0)
    pictures, captions = list[np.ndarray](), list[np.ndarray]()
    for item in range(ITEMS):
        file = BytesIO()
        Image.fromarray(generator.integers(0, 256, (60, 80, 3), dtype=np.uint8)).save(file, "JPEG")
        pictures.append(image.prepare(file.getvalue()))
        captions.append(text.prepare(f"tag{item} tag{item + 1} tag7"))
    labels = torch.eye(CLASSES)[torch.arange(ITEMS) % 3]
    images, texts = (torch.from_numpy(np.stack(values)) for values in (pictures, captions))
    return PairBatch(images, texts, labels, torch.arange(ITEMS))


def inputs(bits: int) -> TrainingInputs:
    generator = np.random.default_rng(0)
    signs = generator.choice([-1, 1], (CLASSES + 1, bits)).astype(np.int8)
    labels = np.eye(CLASSES, dtype=np.uint8)[np.arange(TRAINING) % 3]
    return TrainingInputs(labels, signs[:-1], signs[-1])


def trainings() -> dict[str, TrainPlan]:
    """What the presets train; those of a method on several data sets are often the same training."""
    found: dict[str, TrainPlan] = {}
    for name in PUBLISHED:
        plan = plan_of(name)
        if plan not in found.values():
            found[name] = plan
    return found


@pytest.mark.slow
@pytest.mark.parametrize("plan", [pytest.param(plan, id=name) for name, plan in trainings().items()])
def test_a_published_preset_builds_its_networks_and_takes_two_steps(plan: TrainPlan) -> None:
    model = plan.model
    names = (model.image, model.text, model.hidden, model.layers)
    image, text = towers(*names)
    kind, image_dim, text_dim = NETWORKS[plan.method]
    assert isinstance(image.network, kind)
    assert (image.dim, text.dim) == (image_dim, text_dim)
    whole = pairs(image, text)
    assert whole.image.shape == (ITEMS, 3, 224, 224)
    card = ModelCard(plan.method, plan.train_bits, plan.settings, NONE, NONE, best_epoch=0)
    method = build_method(card, (image, text), inputs(plan.train_bits))
    rates = rates_of(plan, with_fresh_weights(*specs(*names), model.pretrained))
    optimizers = [make_optimizer(method, phase, rates) for phase in method.phases]
    method.start_epoch(1, lambda: iter([whole]))
    weights = [group.parameters[-1] for phase in method.phases for group in method.parameter_groups(phase)]
    before = [weight.detach().clone() for weight in weights]
    for step in range(2):
        for phase, optimizer in zip(method.phases, optimizers, strict=True):
            set_rates(optimizer, 10 + step, 100, rates)
            loss = method.training_step(whole, phase)
            assert loss.total.isfinite()
            optimizer.zero_grad()
            loss.total.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    assert not any(torch.equal(old, new) for old, new in zip(before, weights, strict=True))
