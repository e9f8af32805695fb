"""Programs that run in processes of their own; nothing else imports them."""
