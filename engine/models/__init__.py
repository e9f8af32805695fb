"""The parent's side of the model processes: what is known, present, loaded and downloaded."""
