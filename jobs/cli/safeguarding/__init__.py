"""`emoney safeguarding` and `emoney receipts`: what the banks hold, and what arrived there."""
