"""The transfer history: day-partitioned Parquet, checked before it is written."""
