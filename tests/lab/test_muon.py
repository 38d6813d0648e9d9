"""Muon in float32: the update is orthogonal, and it is the one that torch makes in bfloat16."""

import pytest
import torch

from isoglot.lab.muon import Muon, orthogonalised


@pytest.mark.parametrize("shape", [(24, 60), (60, 24), (32, 32)])
def test_the_singular_values_are_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalised(torch.randn(shape)))
    # The coefficients of the iteration leave them between these two (Jordan et al. 2024).
    assert 0.6 < values.min() < values.max() < 1.3


@pytest.mark.parametrize("shape", [(24, 60), (60, 24)])
def test_a_step_is_that_of_torch(shape):
    torch.manual_seed(0)
    start, gradients = torch.randn(shape), torch.randn(3, *shape)
    ours, theirs = start.clone(), torch.nn.Parameter(start.clone())
    mine = Muon([ours], lr=0.1)
    torchs = torch.optim.Muon([theirs], lr=0.1, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for gradient in gradients:
        ours.grad = theirs.grad = gradient
        mine.step()
        torchs.step()
    moved = (ours - start).norm()
    assert (ours - theirs.detach()).norm() < 0.02 * moved
