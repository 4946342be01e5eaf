"""What time brings to a wallet: dormancy, the holder's death."""
