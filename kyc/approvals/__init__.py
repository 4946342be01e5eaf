"""What takes two persons: who asks, who decides, and until when."""
