"""Handmade losses behind the contract of all losses: void untouched, absent classes left out."""
