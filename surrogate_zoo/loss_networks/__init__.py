"""Loss networks: small networks, trained once on masks and then frozen inside a loss."""
