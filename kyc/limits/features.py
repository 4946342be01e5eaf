"""What a wallet is, as far as rules depend on it: pure values. They are stored by
`kyc.wallets.stated_features`."""

from dataclasses import dataclass

from emoney.kyc.packs.rules import Feature


@dataclass(frozen=True, slots=True)
class Features:
    """What a wallet is, as far as rules depend on it.

    `reloadable`, `one_country`, `goods_only`: None where it is not said; the wallet is then under the rules
    for it, and no tier that asks for the contrary is refused. `one_country`: can be used in one country only;
    `goods_only`: for goods and services only. Both, once said, are enforced in every posting. `cohorts`: the
    temporary overrides that are for it.
    """

    reloadable: bool | None = None
    loaded_with_cash: bool = False
    phone_not_validated: bool = False
    cohorts: frozenset[str] = frozenset()
    one_country: bool | None = None
    goods_only: bool | None = None

    def meet(self, feature: Feature) -> bool:
        """Whether the wallet is that, or nothing is said."""
        match feature:
            case Feature.RELOADABLE:
                return self.reloadable is not False
            case Feature.NOT_RELOADABLE:
                return self.reloadable is False
            case Feature.ONE_COUNTRY:
                return self.one_country is not False
            case Feature.GOODS_ONLY:
                return self.goods_only is not False
            case Feature.LOADED_WITH_CASH:
                return self.loaded_with_cash
            case Feature.PHONE_NOT_VALIDATED:
                return self.phone_not_validated

    def contradict(self, feature: Feature) -> bool:
        """Whether it is said that the wallet is not that."""
        if feature is Feature.NOT_RELOADABLE:
            return self.reloadable is True
        return not self.meet(feature)


ORDINARY = Features()
