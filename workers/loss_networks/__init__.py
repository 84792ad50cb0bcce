"""Trains loss networks: small networks that are frozen inside a loss afterwards."""
