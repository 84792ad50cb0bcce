"""Who calls the service, and what they may do: tokens with owners, whose jobs one sees, the audit log."""
