"""HAProxy in front of two model servers."""
