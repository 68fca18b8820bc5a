import pytest

torch = pytest.importorskip("torch")
from mp3restore.training.networks.critic import Critic, CriticConfig, critic_loss, generator_losses  # noqa: E402

CONFIG = CriticConfig(width=8, sizes=(256, 512))


def signals(seed, *, lowpass=False):
    torch.manual_seed(seed)
    noise = torch.randn(4, 2, 8000)
    return torch.nn.functional.avg_pool1d(noise, 5, 1, 2) if lowpass else noise


def test_it_learns_to_tell_dull_from_bright():
    torch.manual_seed(0)
    critic = Critic(CONFIG)
    optimiser = torch.optim.Adam(critic.parameters(), lr=2e-3)
    known = torch.ones(4, 1, 129)
    for k in range(30):
        dull = signals(k, lowpass=True)
        loss = critic_loss(critic(signals(k), dull, 256, known), critic(dull, dull, 256, known))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    dull = signals(99, lowpass=True)
    bright, same = critic(signals(99), dull, 256, known), critic(dull, dull, 256, known)
    assert bright.score.mean() > same.score.mean() + 0.5
    adversarial, features = generator_losses(bright, same)
    assert adversarial > generator_losses(bright, bright)[0]
    assert features > 0.1
    assert generator_losses(bright, bright)[1] == 0


@pytest.mark.parametrize("size", CONFIG.sizes)
def test_above_what_the_source_holds_nothing_counts(size):
    torch.manual_seed(0)
    critic = Critic(CONFIG)
    known = (torch.arange(size // 2 + 1) < size // 8).float().repeat(4, 1, 1)
    clean = signals(0, lowpass=True)
    time = torch.arange(8000)
    whistle = clean + torch.cos(0.9 * torch.pi * time)
    hidden = [critic(s, clean, size, known).score for s in (clean, whistle)]
    seen = [critic(s, clean, size, torch.ones_like(known)).score for s in (clean, whistle)]
    assert (hidden[0] - hidden[1]).abs().max() < 0.1 * (seen[0] - seen[1]).abs().max()
