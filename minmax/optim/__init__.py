"""The optimizers for people with a training loop of their own: ``step(closure)`` over two ordinary modules.

Every registered optimizer is a class here, by its name in capitals: ``Consensus``, ``AcceptReject``,
``AlternatingGDA``. ``OptimisticAdam`` and ``ExtraAdam`` come with their transform;
``GameOptimizer(first, second, name)`` is the general form. They run the very step functions that ``minmax.train`` runs,
over one member, and give the same numbers.

    optimizer = minmax.optim.OptimisticAdam(G, D, lr=1e-3, beta1=0.5)
    for real in loader:
        def losses():
            fake = G(torch.randn(len(real), 64))
            return softplus(-D(fake)).mean(), softplus(-D(real)).mean() + softplus(D(fake)).mean()
        optimizer.step(losses)

Methods for games look at other points than the one they stand at (a half-step ahead, a proposal, an unrolled opponent)
and differentiate gradients. So a step calls the closure as often as it needs to, each time with the modules' parameters
replaced for the length of the call (``torch.func.functional_call``). What follows from that:

- A closure *returns* its losses, the first player's and then the second's, or both by name; it calls no ``backward``,
  detaches nothing between the players (second-order methods would miss what is cut), and changes nothing outside.
  ``step((first, second))`` takes a closure a player instead, and a step then computes only the loss it needs.
- Chance inside a closure (latent noise, dropout) is the same whenever a step looks at the same minibatch again, and
  fresh for another: each minibatch has a seed, drawn from torch's CPU generator; CPU and GPU generators are put back
  after every call. A step thus advances the CPU's generator by the same amount whatever the closure draws. Generators
  of other libraries, and ``torch.Generator`` objects, are the closure's own affair.
- A step may consume several minibatches (``optimizer.batches``). ``step(closure)`` has one batch of real data, and as
  many draws of chance; ``step(closure, batches)`` calls ``closure(batch)`` with each in its turn.
- Buffers (BatchNorm's running statistics) are renewed once a step, by one more call at the new parameters with the
  first minibatch; other calls leave them as they are.
- Parameters are copied into at the end: whoever holds them holds the new values. ``.grad`` is never touched, and
  parameters that require no gradient stay as they are.
"""

from minmax.optim.game_optimizer import GameOptimizer
from minmax.optim.names import class_names, named

__all__ = ["GameOptimizer"]


def __getattr__(name: str) -> type[GameOptimizer]:
    return named(name)


def __dir__() -> list[str]:
    return [*globals(), *class_names()]
