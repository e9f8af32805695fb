"""The library: folders indexed, vectors brought in and taken out, collections that ship."""
