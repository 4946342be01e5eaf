"""Transitions: what a change of the rules stops, from its day on, for wallets whose holder does not meet it.

A transition is a rule of the wallet's limit profile, dated from its day, so posting enforces it by itself.
Which transitions a wallet does not meet is asked whenever its limits are bound (`kyc.wallets.assignment`),
and every night for all wallets (`kyc.wallets.reassignment`).
"""

from collections.abc import Set as AbstractSet

from emoney.kyc.packs.schema import Pack, Transition


def concern(pack: Pack) -> bool:
    """Whether the pack, or one that follows it, has a transition that evidence decides."""
    return any(part.unless.kinds for each in pack.chain for part in each.transitions)


def unmet(pack: Pack, kinds: AbstractSet[str], balance: int) -> tuple[Transition, ...]:
    """The transitions of the pack and of those that follow it which a wallet does not meet.

    `kinds`: what its holder's evidence shows; `balance`: minor units.
    """
    return tuple(
        part
        for each in pack.chain
        for part in each.transitions
        if part.unless.kinds
        and part.wallets in ("all", "funded" if balance > 0 else "unfunded")
        and not part.unless.holds(each.with_implied(kinds))
    )
