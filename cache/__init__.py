"""The SQLite cache: pictures, embeddings, receipts and everything else worth keeping."""
