"""Fits what tells right pairs from wrong ones: a perceptron by metric first, all by epochs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from engine.scoring.calibration import fit_platt
from engine.states import FitStage
from engine.workers.losses import Loss, RightRows
from engine.workers.matcher_modules import HeadModule, MatcherModule
from engine.workers.pairs import (
    MinedPairs,
    PairBatch,
    TrainingPairs,
    even_pairs,
    listed_pairs,
    mine,
)

SIDE = 1024
"""Texts and pictures that meet in one step of the metric."""
VALIDATED = 300
"""Texts and pictures that validation looks at."""
SEEN = 256
"""Pictures whose patches are computed with at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitProgress:
    """How far a fit is, and how well it does on what it does not learn from."""

    stage: FitStage
    step: int
    """Of all steps of the metric, or of all epochs."""
    steps: int
    epoch: int
    """Epochs done; 0 during the metric."""
    epochs: int
    loss: float
    """0 where none is known yet."""
    average_precision: float
    """Validation mAP, text -> picture, when it was last measured."""
    recall: float
    """Validation recall@1, measured with it."""
    swap_auc: float
    """Validation AUC of right texts over false ones of the same pictures; 0 where there is none."""
    best: float
    """Validation mAP of what is kept so far."""
    epochs_without_improvement: int
    """Epochs since then."""
    patience: int
    """So many of them end the fit."""


ReportProgress = Callable[[FitProgress], None]
"""May raise to stop the fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FitSettings:
    """How to fit."""

    hidden: int = 256
    epochs: int = 12
    batch: int = 256
    learning_rate: float = 3e-4
    weight_decay: float = 0.1
    dropout: float = 0.3
    patience: int = 3
    """Epochs without a better validation mAP before it stops."""
    metric_steps: int = 60
    metric_learning_rate: float = 0.05
    metric_weight_decay: float = 1e-3
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationFigures:
    """Validation figures, over right pairs of a part of the pictures."""

    average_precision: float
    recall: float
    swap_auc: float = 0.0
    """AUC of right texts over false ones of the same pictures; 0 where there is none."""

    @property
    def selection_score(self) -> float:
        """What the best is chosen by: the order of pictures, and telling swapped texts apart."""
        if not self.swap_auc:
            return self.average_precision
        return (self.average_precision + self.swap_auc) / 2


NOT_MEASURED = ValidationFigures(average_precision=0.0, recall=0.0)


def sampled(pairs: TrainingPairs, seed: int) -> TrainingPairs:
    """At most VALIDATED texts with a right picture among at most VALIDATED pictures."""
    random = torch.Generator().manual_seed(seed)
    device = pairs.texts.device
    pictures = torch.randperm(len(pairs.pictures), generator=random)[:VALIDATED].to(device)
    held = torch.isin(pairs.picture, pictures)
    texts = torch.unique(pairs.text[held])
    texts = texts[torch.randperm(len(texts), generator=random)[:VALIDATED].to(device)]
    kept = held & torch.isin(pairs.text, texts)
    false = torch.isin(pairs.false_of, pictures)
    index_of_text = torch.full((len(pairs.texts),), -1, device=device)
    index_of_text[texts] = torch.arange(len(texts), device=device)
    index_of_picture = torch.full((len(pairs.pictures),), -1, device=device)
    index_of_picture[pictures] = torch.arange(len(pictures), device=device)
    return TrainingPairs(
        texts=pairs.texts[texts],
        pictures=pairs.pictures[pictures],
        text=index_of_text[pairs.text[kept]],
        picture=index_of_picture[pairs.picture[kept]],
        false=pairs.false[false],
        false_of=index_of_picture[pairs.false_of[false]],
        states=pairs.states_of(pictures),
    )


@torch.no_grad()
def measured(scores: Tensor, pairs: TrainingPairs) -> ValidationFigures:
    """Mean average precision and recall@1, text -> picture, of scores [T, N]."""
    right = pairs.right_matrix()
    order = scores.argsort(dim=1, descending=True)
    hits = right.gather(1, order)
    ranks = torch.arange(1, hits.shape[1] + 1, device=hits.device)
    precision = (hits.cumsum(1) / ranks * hits).sum(1) / hits.sum(1).clamp(min=1)
    asked = hits.sum(1) > 0
    if not asked.any():
        return ValidationFigures(average_precision=0.0, recall=0.0)
    return ValidationFigures(
        average_precision=float(precision[asked].mean()), recall=float(hits[asked, 0].mean())
    )


@torch.no_grad()
def validated(model: HeadModule, pairs: TrainingPairs) -> ValidationFigures:
    """How well a model does on pairs that it does not learn from."""
    model.eval()
    seen = seen_by(model, pairs.pictures, pairs.states)
    found = measured(model.every(pairs.texts, seen), pairs)
    if not len(pairs.false):
        return found
    batch = listed_pairs(pairs)
    return replace(found, swap_auc=area(logits_of(model, batch), batch.label))


def seen_by(model: HeadModule, pictures: Tensor, states: Tensor | None) -> Tensor:
    """What a head computes of pictures alone, some at a time: their patches take room."""
    if states is None:
        return model.see(pictures)
    parts = zip(torch.split(pictures, SEEN), torch.split(states, SEEN), strict=True)
    return torch.cat([model.see(some, their) for some, their in parts])


def area(scores: Tensor, label: Tensor) -> float:
    """How often a pair of label 1 scores above one of label 0; 0 where a label lacks."""
    right = int(label.sum())
    wrong = len(label) - right
    if not right or not wrong:
        return 0.0
    ranks = torch.empty(len(scores), dtype=torch.float64, device=scores.device)
    ranks[scores.argsort()] = torch.arange(1, len(scores) + 1, device=scores.device).double()
    above = float(ranks[label > 0.5].sum()) - right * (right + 1) / 2
    return above / (right * wrong)


def fit_metric(
    model: MatcherModule,
    train: TrainingPairs,
    validation: TrainingPairs,
    fit: FitSettings,
    report: ReportProgress,
) -> None:
    """Fit the first part of a matcher on all pairs of many texts and pictures at once.

    The best step on validation is kept.
    """
    optimizer = torch.optim.Adam(model.metric_parameters(), lr=fit.metric_learning_rate)
    random = torch.Generator().manual_seed(fit.seed)
    best, kept = validated(model, validation), None
    now = best
    whole = train.right_matrix() if len(train.texts) * len(train.pictures) <= 2 * SIDE**2 else None
    for step in range(fit.metric_steps):
        if whole is None:
            texts, pictures, label = _part(train, random)
        else:
            texts, pictures, label = train.texts, train.pictures, whole
        scores = model.metric(texts, pictures)
        loss = functional.binary_cross_entropy_with_logits(scores, label, reduction="sum")
        loss = loss / label.sum().clamp(min=1) + fit.metric_weight_decay * model.penalty()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if step % 10 == 9:
            now = validated(model, validation)
            if kept is None or now.selection_score > best.selection_score:
                best, kept = now, _copied(model)
        report(
            FitProgress(
                stage=FitStage.METRIC,
                step=step + 1,
                steps=fit.metric_steps,
                epoch=0,
                epochs=fit.epochs,
                loss=loss.item(),
                average_precision=now.average_precision,
                recall=now.recall,
                swap_auc=now.swap_auc,
                best=best.average_precision,
                epochs_without_improvement=0,
                patience=fit.patience,
            )
        )
    if kept is not None:
        model.load_state_dict(kept)


def _part(train: TrainingPairs, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """The texts and pictures of some right pairs, with the truth of all that meet."""
    rows = torch.randperm(len(train.text), generator=random)[:SIDE].to(train.text.device)
    text, picture = torch.unique(train.text[rows]), torch.unique(train.picture[rows])
    label = train.is_right(text[:, None].expand(-1, len(picture)), picture[None, :])
    return train.texts[text], train.pictures[picture], label


@dataclass(slots=True, kw_only=True)
class FitState:
    """How far a head is; enough to go on from."""

    model: HeadModule
    optimizer: torch.optim.Optimizer
    epoch: int = 0
    best: ValidationFigures = NOT_MEASURED
    """Validation of the epoch that is kept."""
    epochs_without_improvement: int = 0
    now: ValidationFigures = NOT_MEASURED
    """Validation after the last epoch, for those who watch; a stop forgets it."""
    kept: dict[str, Tensor] | None = None


def fit_epochs(
    state: FitState,
    train: TrainingPairs,
    validation: TrainingPairs,
    mined: MinedPairs,
    loss: Loss,
    fit: FitSettings,
    report: ReportProgress,
    save: Callable[[FitState], None],
) -> None:
    """Train on drawn pairs until validation stops getting better; the best epoch is kept."""
    model = state.model
    if state.kept is None:
        state.best = state.now = validated(model, validation)
        state.kept = _copied(model)
    else:
        state.now = state.best
        report(
            _progress(state, FitStage.RESUMED, state.epoch * _steps(train, fit), 0.0, train, fit)
        )
    while state.epoch < fit.epochs and state.epochs_without_improvement < fit.patience:
        random = torch.Generator().manual_seed(fit.seed * 1000 + state.epoch)
        # What is dropped out follows from the epoch, too, and not from where it was taken up again.
        torch.manual_seed(fit.seed * 1000 + state.epoch)
        mean = _epoch(state, train, mined, loss, fit, random, report)
        state.now = validated(model, validation)
        state.epoch += 1
        state.epochs_without_improvement += 1
        if state.now.selection_score > state.best.selection_score:
            state.best, state.epochs_without_improvement, state.kept = state.now, 0, _copied(model)
        report(
            _progress(state, FitStage.EPOCHS, state.epoch * _steps(train, fit), mean, train, fit)
        )
        save(state)
    model.load_state_dict(state.kept)


def _epoch(
    state: FitState,
    train: TrainingPairs,
    mined: MinedPairs,
    loss: Loss,
    fit: FitSettings,
    random: torch.Generator,
    report: ReportProgress,
) -> float:
    total, steps = 0.0, 0
    state.model.train()
    order = torch.randperm(len(train.text), generator=random).to(train.text.device)
    for rows in torch.split(order, fit.batch):
        given = RightRows(pairs=train, rows=rows, mined=mined, random=random)
        value = loss(state.model, given)
        state.optimizer.zero_grad(set_to_none=True)
        value.backward()  # type: ignore[no-untyped-call]
        state.optimizer.step()
        total, steps = total + value.item(), steps + 1
        done = state.epoch * _steps(train, fit) + steps
        report(_progress(state, FitStage.STEP, done, total / steps, train, fit))
    return total / max(steps, 1)


def _steps(train: TrainingPairs, fit: FitSettings) -> int:
    """Steps of an epoch."""
    return -(-len(train.text) // fit.batch)


def _progress(
    state: FitState, stage: FitStage, step: int, loss: float, train: TrainingPairs, fit: FitSettings
) -> FitProgress:
    return FitProgress(
        stage=stage,
        step=step,
        steps=fit.epochs * _steps(train, fit),
        epoch=state.epoch,
        epochs=fit.epochs,
        loss=loss,
        average_precision=state.now.average_precision,
        recall=state.now.recall,
        swap_auc=state.now.swap_auc,
        best=state.best.average_precision,
        epochs_without_improvement=state.epochs_without_improvement,
        patience=fit.patience,
    )


def mined_by(model: HeadModule, pairs: TrainingPairs) -> MinedPairs:
    """What looks right to the metric of a matcher, or by cosine."""
    if isinstance(model, MatcherModule):
        metric = model.metric
        return mine(pairs, lambda texts: metric(texts, pairs.pictures))
    return mine(pairs, lambda texts: texts @ pairs.pictures.T)


@torch.no_grad()
def logits_of(model: HeadModule, batch: PairBatch) -> Tensor:
    """Match logits of a batch of pairs."""
    model.eval()
    seen = seen_by(model, batch.pictures, batch.states)
    parts = zip(torch.split(batch.texts, 8192), torch.split(batch.picture, 8192), strict=True)
    return torch.cat([model.pairs(texts, seen[picture]) for texts, picture in parts])


def calibrated(
    model: HeadModule, validation: TrainingPairs, fit: FitSettings
) -> tuple[float, float]:
    """Scale and bias from validation pairs; never turned around.

    Half of them are right, unless there are enough false ones to say how common right ones are. So
    0 means even odds among as many right pairs as wrong ones, of which a batch has a sixth, and not
    in a library, where one pair in thousands may be right: that rate differs from one library to
    the next, and shifts the logits of all pairs alike. It is seen where it is known, by the zero
    that background texts have in the very library (engine/scoring/decision.py), and no such shift
    changes a route. What the scale does is to weigh these nats against the label-free ones.
    """
    if validation.has_many_false:
        batch = listed_pairs(validation)
    else:
        batch = even_pairs(validation, mined_by(model, validation), fit.seed)
    logits, label = (tensor.cpu().numpy() for tensor in (logits_of(model, batch), batch.label))
    scale, bias = fit_platt(logits, label > 0.5)
    return (scale, bias) if np.isfinite(scale + bias) and scale > 0 else (1.0, 0.0)


def _copied(model: HeadModule) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
