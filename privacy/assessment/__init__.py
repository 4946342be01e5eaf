"""The impact assessment: what the tables hold, the risks, and the report."""
