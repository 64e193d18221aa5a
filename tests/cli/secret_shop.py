"""A saga whose card is a secret, for tests of the command line."""

from __future__ import annotations

from pathlib import Path

from sagaz_core import Saga
from sagaz_core.saga.context import StepContext

OLD = "4111-1111-1111-1111"


class SecretShopOrder(Saga):
    """Charges a card, says its number in its error, and writes down what it charged."""

    async def build(self) -> None:
        await self.add_step("charge", self._charge)

    async def _charge(self, ctx: StepContext) -> None:
        if ctx["card"] == OLD:
            raise RuntimeError(f"card {ctx['card']} was declined")
        Path("charged").write_text(ctx["card"])
